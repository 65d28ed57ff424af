"""Episode pages: who may do what, filters, review, labels, approval."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from django.test import Client
from django.urls import reverse

from practice.models import Episode, Label, Run, User
from practice.selectors import episodes as selectors
from practice.selectors.episodes import EpisodeFilter
from tests.factories import make_episodes, make_run

pytestmark = pytest.mark.django_db


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def with_doubts(*doubts: float) -> list[Episode]:
    """Practice episodes of one run, one per doubt."""
    episodes = make_episodes(make_run(episode_count=len(doubts)), len(doubts))
    for episode, doubt in zip(episodes, doubts, strict=True):
        episode.doubt = doubt
    Episode.objects.bulk_update(episodes, ["doubt"])
    return episodes


def listed(client: Client, query: str = "") -> list[int]:
    """The ids of the list's rows, in order."""
    response = client.get(f"/episodes/{query}")
    assert response.status_code == 200
    return [episode.pk for episode in response.context["page"].object_list]


def test_strangers_see_nothing() -> None:
    episode = make_episodes(count=1)[0]
    for name in ("episode", "episode_replay", "episode_video"):
        url = reverse(f"web:{name}", args=[episode.pk])
        response = Client().get(url)
        assert response.status_code == 302
        assert response["Location"].startswith("/sign-in/")
    assert Client().get("/episodes/").status_code == 302
    assert (
        Client().post(f"/episodes/{episode.pk}/label/", {"verdict": "success"}).status_code == 302
    )
    assert not Label.objects.exists()


def test_the_list_asks_the_same_number_of_queries_for_many_rows(
    vera: User, django_assert_num_queries: Callable[..., object]
) -> None:
    client = signed_in(vera)
    make_episodes(make_run(episode_count=1), 1)
    client.get("/episodes/")
    with django_assert_num_queries(10):  # type: ignore[attr-defined]
        client.get("/episodes/")
    for _ in range(3):
        make_episodes(make_run(episode_count=8), 8)
    with django_assert_num_queries(10):  # type: ignore[attr-defined]
        client.get("/episodes/")


def test_htmx_gets_the_list_alone_and_history_the_whole_page(vera: User) -> None:
    make_episodes(count=1)
    client = signed_in(vera)
    part = client.get("/episodes/", headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part["Vary"]
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert "<html" in client.get("/episodes/", headers=headers).content.decode()


def test_counting_stops_at_the_limit(vera: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_episodes(count=5)
    monkeypatch.setattr(selectors, "COUNT_LIMIT", 3)
    monkeypatch.setattr(selectors, "PAGE_SIZE", 2)
    page = selectors.episode_page(vera, EpisodeFilter(), "99")
    assert page.paginator.count == 3
    assert page.number == 2


def test_a_bulk_approval_touches_the_chosen_rows_only(otto: User) -> None:
    rows = make_episodes(count=4)
    chosen = [str(rows[0].pk), str(rows[2].pk), "junk", "99999999999999999999"]
    response = signed_in(otto).post(
        "/episodes/?order=new", {"episode": chosen, "approved": "yes"}, follow=True
    )
    assert response.redirect_chain == [("/episodes/?order=new", 302)]
    assert "2 episodes approved for training." in response.content.decode()
    approved = set(Episode.objects.filter(approved=True).values_list("pk", flat=True))
    assert approved == {rows[0].pk, rows[2].pk}


def test_a_bulk_approval_of_nothing_or_by_a_viewer_is_refused(vera: User, otto: User) -> None:
    episode = make_episodes(count=1)[0]
    nothing = signed_in(otto).post("/episodes/", {"approved": "yes"})
    assert nothing.status_code == 400
    assert "tick the ones you mean" in nothing.content.decode()
    odd = signed_in(otto).post("/episodes/", {"episode": episode.pk, "approved": "perhaps"})
    assert odd.status_code == 400
    data = {"episode": episode.pk, "approved": "yes"}
    assert signed_in(vera).post("/episodes/", data).status_code == 403
    assert not Episode.objects.filter(approved=True).exists()


def test_a_viewer_sees_the_episode_and_why_labels_are_closed(vera: User) -> None:
    episode = make_episodes(count=1)[0]
    client = signed_in(vera)
    page = client.get(f"/episodes/{episode.pk}/").content.decode()
    assert '<fieldset class="verdicts" disabled' in page
    assert "Labels need the role operator" in page
    refused = client.post(f"/episodes/{episode.pk}/label/", {"verdict": "success"})
    assert refused.status_code == 403
    assert client.post(f"/episodes/{episode.pk}/approve/", {"approved": "yes"}).status_code == 403
    assert not Label.objects.exists()


def test_a_label_is_kept_with_note_and_person(otto: User) -> None:
    episode = make_episodes(count=1)[0]
    client = signed_in(otto)
    url = f"/episodes/{episode.pk}/label/"
    assert client.post(url, {"verdict": "unsure", "note": " slid past "}).status_code == 302
    part = client.post(url, {"verdict": "failure"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert part.index("failure") < part.index("slid past")
    assert [(label.verdict, label.note, label.by) for label in episode.labels.all()] == [
        ("failure", "", otto),
        ("unsure", "slid past", otto),
    ]
    episode.refresh_from_db()
    assert episode.verdict == "failure"


def test_unknown_verdicts_and_approvals_change_nothing(otto: User) -> None:
    episode = make_episodes(count=1)[0]
    client = signed_in(otto)
    assert client.post(f"/episodes/{episode.pk}/label/", {"verdict": "great"}).status_code == 400
    assert client.post(f"/episodes/{episode.pk}/approve/", {}).status_code == 400
    assert client.get(f"/episodes/{episode.pk}/label/").status_code == 405
    assert client.get("/episodes/987654/").status_code == 404
    episode.refresh_from_db()
    assert (episode.verdict, episode.approved) == ("", None)


def test_an_approval_can_be_taken_back(otto: User) -> None:
    episode = make_episodes(count=1)[0]
    for word, expected in (("yes", True), ("no", False), ("open", None)):
        signed_in(otto).post(f"/episodes/{episode.pk}/approve/", {"approved": word})
        episode.refresh_from_db()
        assert episode.approved is expected


def test_a_review_walks_from_the_most_doubtful_down_and_ends(otto: User) -> None:
    low, high, mid = with_doubts(0.1, 0.9, 0.5)
    client = signed_in(otto)
    assert client.get("/episodes/").context["first"] == high
    seen = []
    here = high
    for _ in range(3):
        page = client.get(f"/episodes/{here.pk}/?review=1")
        progress = page.context["progress"]
        seen.append((here.pk, progress.looked_at, progress.total))
        to = client.post(f"/episodes/{here.pk}/label/?review=1", {"verdict": "success"})["Location"]
        left, here = here, Episode.objects.filter(pk=int(to.split("/")[2] or 0)).first() or here
        assert to in ("/episodes/", f"/episodes/{here.pk}/?review=1&from={left.pk}")
    assert seen == [(high.pk, 0, 3), (mid.pk, 1, 3), (low.pk, 2, 3)]
    assert to == "/episodes/"


def test_a_review_keeps_to_its_selection_and_leads_back(otto: User) -> None:
    chosen = with_doubts(0.2, 0.3)
    with_doubts(0.9)
    run = Run.objects.get(episodes=chosen[0])
    client = signed_in(otto)
    url = f"/episodes/{chosen[1].pk}/label/?review=1&run={run.pk}"
    to = client.post(url, {"verdict": "failure"})["Location"]
    assert to == f"/episodes/{chosen[0].pk}/?review=1&run={run.pk}&from={chosen[1].pk}"
    page = client.get(to)
    assert page.context["before"] == chosen[1]
    assert page.context["progress"].total == 2


def test_skipping_goes_down_the_queue_and_round_again(otto: User) -> None:
    a, b, c = with_doubts(0.3, 0.2, 0.1)
    wanted = EpisodeFilter()
    assert selectors.skip_in_review(otto, wanted, a) == b
    assert selectors.skip_in_review(otto, wanted, c) == a
    Episode.objects.filter(pk__in=[b.pk, c.pk]).update(verdict="success")
    assert selectors.skip_in_review(otto, wanted, a) is None


def test_neighbours_follow_the_order_through_ties(vera: User) -> None:
    rows = with_doubts(0.5, 0.5, 0.9, 0.5)
    for order in selectors.ORDERS:
        wanted = EpisodeFilter(order=order)
        inorder = list(selectors.find_episodes(vera, wanted))
        assert len(inorder) == len(rows)
        for here, following in pairwise(inorder):
            assert selectors.next_episode(vera, wanted, here) == following
            assert selectors.previous_episode(vera, wanted, following) == here
        assert selectors.next_episode(vera, wanted, inorder[-1]) is None
        assert selectors.previous_episode(vera, wanted, inorder[0]) is None


def test_the_detail_page_asks_few_queries(
    otto: User, django_assert_max_num_queries: Callable[..., object]
) -> None:
    episode = make_episodes(make_run(), 6)[2]
    client = signed_in(otto)
    with django_assert_max_num_queries(10):  # type: ignore[attr-defined]
        client.get(f"/episodes/{episode.pk}/")


def test_people_without_a_role_are_shown_nothing(vera: User) -> None:
    vera.groups.clear()
    make_episodes(count=1)
    assert signed_in(vera).get("/episodes/").status_code == 403
    assert not selectors.find_episodes(User.objects.get(pk=vera.pk), EpisodeFilter()).exists()


REPLAY = 'src="/static/js/replay.js"'
"""The module that plays; every page's import map names its parts."""


def test_an_episode_without_frames_says_so_and_plays_nothing(vera: User) -> None:
    [episode] = make_episodes(count=1)
    url = f"/episodes/{episode.pk}/"
    assert REPLAY in signed_in(vera).get(url).content.decode()
    Episode.objects.filter(pk=episode.pk).update(blob_key="")
    page = signed_in(vera).get(url).content.decode()
    assert "The frames of this episode were not kept" in page
    assert REPLAY not in page
    assert 'data-now="return"' not in page
