"""Episodes: the list and review queue, the replay, labels and approval for training."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from practice.errors import InvalidError, MissingError
from practice.files import not_modified, ranged, streamed
from practice.models import Episode, Judgement, User, Verdict
from practice.selectors import episodes as selectors
from practice.selectors import replay
from practice.selectors.edits import edit_lines
from practice.selectors.episodes import APPROVALS, EpisodeFilter
from practice.selectors.sheets import camera_sheets
from practice.selectors.videos import CONTENT_TYPE, camera_video, camera_videos
from practice.services.labels import approve_episodes, label_episode
from practice.web.access import PageRequest, operator_page, viewer_page
from practice.web.formats import plural
from practice.web.judgements import judgement_context

MOST_AT_ONCE = 1 << 19
"""Bytes of a camera's video that one answer carries to a player, which asks again for more: no more than a browser takes in for a player
that is not reading, so that the connection is free for the other cameras."""
APPROVED_WORDS = {True: "approved for training", False: "refused for training", None: "open again"}


@viewer_page
def episode_list(request: PageRequest) -> HttpResponseBase:
    """The filtered list; a POST approves or refuses the chosen rows."""
    if request.method == "POST":
        return _approve_chosen(request)
    wanted = EpisodeFilter.parse(request.GET)
    context = {
        "wanted": wanted,
        "page": selectors.episode_page(request.user, wanted, request.GET.get("page")),
        "choices": selectors.filter_choices(request.user, wanted),
        "orders": [(key, words) for key, (words, _) in selectors.ORDERS.items()],
        "kinds": Episode.Kind.choices,
        "verdicts": [*Verdict.choices, (selectors.UNLABELLED, "Unlabelled")],
        "outcomes": [*selectors.OUTCOMES],
        "first": selectors.next_in_review(request.user, wanted, None),
        "progress": selectors.review_progress(request.user, wanted),
        "limit": selectors.COUNT_LIMIT,
    }
    whole = not request.htmx or request.htmx.history_restore_request
    template = "episodes/list.html" if whole else "episodes/_list.html"
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _approve_chosen(request: PageRequest) -> HttpResponse:
    ids = [int(pk) for pk in request.POST.getlist("episode") if pk.isdecimal() and len(pk) < 19]
    if not ids:
        raise InvalidError("No episode is chosen; tick the ones you mean first.")
    approved = _approval(request.POST)
    chosen = selectors.chosen_episodes(request.user, ids[: selectors.PAGE_SIZE])
    count = approve_episodes(chosen, by=request.user, approved=approved)
    messages.success(request, f"{plural(count, 'episode')} {APPROVED_WORDS[approved]}.")
    return redirect(request.get_full_path())


def _approval(posted: QueryDict) -> bool | None:
    """The decision that was pressed. Raises InvalidError for any other word."""
    word = posted.get("approved", "")
    if word not in APPROVALS:
        raise InvalidError(f"An approval is one of {', '.join(APPROVALS)}, not {word!r}.")
    return APPROVALS[word]


@dataclass(frozen=True, slots=True)
class Journey:
    """Where a person goes through episodes: in the list's order, or by doubt in a review."""

    wanted: EpisodeFilter
    review: bool
    came_from: int | None = None
    """In a review, the episode that was labelled just before."""

    @classmethod
    def of(cls, request: HttpRequest) -> "Journey":
        """Read from the query string."""
        before = request.GET.get("from", "")
        came_from = int(before) if before.isdecimal() and len(before) < 19 else None
        return cls(EpisodeFilter.parse(request.GET), request.GET.get("review") == "1", came_from)

    @property
    def query(self) -> str:
        """The query string that goes on in the same way."""
        return "&".join(
            part for part in ("review=1" if self.review else "", self.wanted.query) if part
        )

    def url(self, episode: Episode | None) -> str:
        """The page of `episode` on this journey; "" where there is none."""
        if episode is None:
            return ""
        query = f"?{self.query}" if self.query else ""
        return f"{reverse('web:episode', args=[episode.pk])}{query}"

    def neighbours(self, person: User, episode: Episode) -> tuple[Episode | None, Episode | None]:
        """The one before and the one after."""
        if not self.review:
            before = selectors.previous_episode(person, self.wanted, episode)
            return before, selectors.next_episode(person, self.wanted, episode)
        last = selectors.chosen_episodes(person, [self.came_from or 0]).first()
        return last, selectors.skip_in_review(person, self.wanted, episode)


@viewer_page
def episode_detail(request: PageRequest, pk: int) -> HttpResponseBase:
    """Replay, facts and labels of one episode."""
    episode = selectors.visible_episode(request.user, pk)
    journey = Journey.of(request)
    before, after = journey.neighbours(request.user, episode)
    chosen = request.GET.get("judge", "")
    judgement = _judgement(request, episode)
    judged = judgement_context(episode, chosen if judgement else "")
    context = (
        judged
        | _label_context(episode, journey)
        | {
            "judgement": judgement,
            "has_distance": judgement is not None or episode.d_start is not None,
            "before": before,
            "before_url": journey.url(before),
            "after": after,
            "after_url": journey.url(after),
            "after_video": _video_url(after) if journey.review and after else "",
            "video_url": _video_url(episode),
            "edits": edit_lines(episode),
            "frames": replay.curve_frames(episode),
            "cameras": camera_sheets(episode),
            "originals": camera_videos(episode),
            "threshold": replay.used_threshold(episode),
            "progress": selectors.review_progress(request.user, journey.wanted)
            if journey.review
            else None,
        }
    )
    return render(request, "episodes/detail.html", context)


def _judgement(request: HttpRequest, episode: Episode) -> Judgement | None:
    """What the reward model that the address names says; None where none is named or it has not answered."""
    chosen = request.GET.get("judge", "")
    known = chosen.isdecimal() and len(chosen) < 19
    return replay.judgement_of(episode, int(chosen)) if known else None


def _label_context(episode: Episode, journey: Journey) -> dict[str, Any]:
    return {
        "episode": episode,
        "journey": journey,
        "query": f"?{journey.query}" if journey.query else "",
        "labels": selectors.label_history(episode),
    }


def _video_url(episode: Episode) -> str:
    """The tag in the address lets browsers keep the film for good."""
    url = reverse("web:episode_video", args=[episode.pk])
    return f"{url}?v={replay.ReplayVideo(episode).tag}"


@require_POST
@operator_page
def episode_label(request: PageRequest, pk: int) -> HttpResponseBase:
    """Give a verdict; in a review the next episode follows."""
    episode = selectors.visible_episode(request.user, pk)
    journey = Journey.of(request)
    label_episode(
        episode,
        by=request.user,
        verdict=request.POST.get("verdict", ""),
        note=request.POST.get("note", ""),
    )
    if journey.review:
        return _to_next(request, journey, episode)
    return _labelled(request, journey, episode)


def _to_next(request: PageRequest, journey: Journey, episode: Episode) -> HttpResponse:
    following = selectors.next_in_review(request.user, journey.wanted, episode)
    if following is not None:
        return redirect(f"{journey.url(following)}&from={episode.pk}")
    messages.success(request, "Every episode of this selection has been looked at.")
    query = journey.wanted.query
    return redirect(f"{reverse('web:episodes')}{'?' + query if query else ''}")


def _labelled(request: PageRequest, journey: Journey, episode: Episode) -> HttpResponse:
    if request.htmx:
        return render(request, "episodes/_labels.html", _label_context(episode, journey))
    return redirect(journey.url(episode))


@require_POST
@operator_page
def episode_approve(request: PageRequest, pk: int) -> HttpResponseBase:
    """Approve for training, refuse, or leave open again."""
    episode = selectors.visible_episode(request.user, pk)
    approve_episodes([episode], by=request.user, approved=_approval(request.POST))
    return _labelled(request, Journey.of(request), episode)


@require_safe
@viewer_page
def episode_replay(request: PageRequest, pk: int) -> HttpResponseBase:
    """The arrays of the replay."""
    episode = selectors.visible_episode(request.user, pk)
    return JsonResponse(replay.replay_payload(episode, _judgement(request, episode)))


@require_safe
@viewer_page
def episode_video(request: PageRequest, pk: int) -> HttpResponseBase:
    """The film, drawn from the recorded observations; the same bytes for the same row."""
    video = replay.ReplayVideo(selectors.visible_episode(request.user, pk))
    held = not_modified(request, video.tag)
    if held is not None:
        return held
    return ranged(request, video.content(), tag=video.tag, content_type="video/mp4")


@require_safe
@viewer_page
def episode_camera(request: PageRequest, pk: int, number: int) -> HttpResponseBase:
    """What a camera saw, all frames on one sheet; the same bytes for the same row."""
    sheets = camera_sheets(selectors.visible_episode(request.user, pk))
    if number >= len(sheets):
        raise MissingError(
            f"Episode {pk} has {plural(len(sheets), 'camera')}, none of number {number}."
        )
    sheet = sheets[number]
    held = not_modified(request, sheet.tag)
    if held is not None:
        return held
    return ranged(request, sheet.content(), tag=sheet.tag, content_type="image/png")


@require_safe
@viewer_page
def episode_original(request: PageRequest, pk: int, camera: str) -> HttpResponseBase:
    """What a camera filmed: the mp4 that holds the episode, in ranges."""
    video = camera_video(selectors.visible_episode(request.user, pk), camera)
    held = not_modified(request, video.tag)
    if held is not None:
        return held
    return streamed(
        request, video.path(), tag=video.tag, content_type=CONTENT_TYPE, most=MOST_AT_ONCE
    )
