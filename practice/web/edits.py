"""Corrections of episodes: leave out, trim, give another instruction, and take each of them back."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from practice.errors import InvalidError
from practice.models import Episode
from practice.selectors import episodes as selectors
from practice.selectors.datasets import find_dataset
from practice.selectors.edits import edit_lines, find_edit
from practice.services import edits as service
from practice.web.access import PageRequest, operator_page
from practice.web.episodes import Journey
from practice.web.formats import plural

EXCLUSIONS = {"yes": True, "no": False}
EXCLUDED_WORDS = {True: "left out of every set", False: "taken in again"}


@require_POST
@operator_page
def episode_exclude(request: PageRequest, pk: int) -> HttpResponseBase:
    """Leave an episode out of every set, or take it in again."""
    episode = selectors.visible_episode(request.user, pk)
    excluded = _exclusion(request.POST)
    service.exclude_episodes(
        [episode], by=request.user, excluded=excluded, reason=_reason(request.POST)
    )
    return _shown(request, pk)


@require_POST
@operator_page
def episodes_exclude(request: PageRequest) -> HttpResponseBase:
    """The same for the rows chosen in the list."""
    ids = [int(pk) for pk in request.POST.getlist("episode") if pk.isdecimal() and len(pk) < 19]
    if not ids:
        raise InvalidError("No episode is chosen; tick the ones you mean first.")
    excluded = _exclusion(request.POST)
    chosen = selectors.chosen_episodes(request.user, ids[: selectors.PAGE_SIZE])
    count = service.exclude_episodes(
        chosen, by=request.user, excluded=excluded, reason=_reason(request.POST)
    )
    messages.success(request, f"{plural(count, 'episode')} {EXCLUDED_WORDS[excluded]}.")
    query = request.GET.urlencode()
    return redirect(f"{reverse('web:episodes')}{'?' + query if query else ''}")


@require_POST
@operator_page
def episode_trim(request: PageRequest, pk: int) -> HttpResponseBase:
    """Let only some of an episode's control steps count; `whole` lets all count again."""
    episode = selectors.visible_episode(request.user, pk)
    whole = "whole" in request.POST
    service.trim_episode(
        episode,
        by=request.user,
        first=None if whole else _step(request.POST, "first"),
        end=None if whole else _step(request.POST, "end"),
        reason=_reason(request.POST),
    )
    return _shown(request, pk)


@require_POST
@operator_page
def episode_reword(request: PageRequest, pk: int) -> HttpResponseBase:
    """Give an episode another instruction."""
    episode = selectors.visible_episode(request.user, pk)
    text = request.POST.get("instruction", "")
    service.reword_episodes(
        [episode], by=request.user, instruction=text, reason=_reason(request.POST)
    )
    return _shown(request, pk, instruction=episode.instruction)


@require_POST
@operator_page
def edit_undo(request: PageRequest, pk: int) -> HttpResponseBase:
    """Take one edit back."""
    edit = find_edit(request.user, pk)
    before = edit.episode.instruction
    service.undo_edit(edit, by=request.user)
    return _shown(request, edit.episode_id, instruction=before)


def edit_context(episode: Episode, journey: Journey) -> dict[str, Any]:
    """What the panel of corrections shows."""
    return {
        "episode": episode,
        "query": f"?{journey.query}" if journey.query else "",
        "edits": edit_lines(episode),
    }


def _shown(request: PageRequest, pk: int, *, instruction: str | None = None) -> HttpResponseBase:
    """The panel anew; the whole page where the instruction, which it shows in several places, is another than before."""
    episode = selectors.visible_episode(request.user, pk)
    journey = Journey.of(request)
    if not request.htmx:
        return redirect(journey.url(episode))
    if instruction not in {None, episode.instruction}:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "episodes/_edits.html", edit_context(episode, journey))


@require_POST
@operator_page
def dataset_reword(request: PageRequest, pk: int) -> HttpResponse:
    """Give all episodes of a dataset that have one instruction another."""
    dataset = find_dataset(request.user, pk)
    count = service.reword_dataset(
        dataset,
        request.POST.get("instruction", ""),
        by=request.user,
        to=request.POST.get("to", ""),
    )
    messages.success(request, f"{plural(count, 'episode')} reworded.")
    return redirect("web:dataset", pk)


def _exclusion(posted: QueryDict) -> bool:
    """The decision that was pressed. Raises InvalidError for any other word."""
    word = posted.get("excluded", "")
    if word not in EXCLUSIONS:
        raise InvalidError(f"An exclusion is one of {', '.join(EXCLUSIONS)}, not {word!r}.")
    return EXCLUSIONS[word]


def _reason(posted: QueryDict) -> str:
    return posted.get("reason", "").strip()


def _step(posted: QueryDict, name: str) -> int | None:
    """A control step, or None where the field is empty. Raises InvalidError for what is no step."""
    text = posted.get(name, "").strip()
    if not text:
        return None
    if not (text.isdecimal() and len(text) < 10):
        raise InvalidError(f"{text!r} is no control step; give a whole number from 0 on.")
    return int(text)
