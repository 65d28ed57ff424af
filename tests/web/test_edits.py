"""Corrections on the episode page and in the list: left out, trimmed, reworded, taken back; who may."""

from typing import Any

import pytest
from django.urls import reverse

from practice.models import Episode, EpisodeEdit, User
from tests.factories import make_episodes
from tests.web.paging import HTMX, page_of, text_of

pytestmark = pytest.mark.django_db

VERBS = ("episode_exclude", "episode_trim", "episode_reword")


def url(name: str, pk: int) -> str:
    return reverse(f"web:{name}", args=[pk])


def an_episode() -> Episode:
    return make_episodes(count=1, length=12)[0]


def test_an_episode_is_left_out_and_taken_in_again(otto: User) -> None:
    episode = an_episode()
    client = page_of(otto)
    for word, left_out in (("yes", True), ("no", False)):
        answer: Any = client.post(
            url("episode_exclude", episode.pk), {"excluded": word, "reason": "shaky"}
        )
        assert answer.url == url("episode", episode.pk)
        episode.refresh_from_db()
        assert episode.excluded is left_out
    shown = text_of(client.get(url("episode", episode.pk)))
    assert "left out of every set, otto" in shown
    assert shown.count("shaky") == 2
    assert client.post(url("episode_exclude", episode.pk), {"excluded": "maybe"}).status_code == 400


def test_steps_are_trimmed_and_all_count_again(otto: User) -> None:
    episode = an_episode()
    client = page_of(otto)
    answer = client.post(url("episode_trim", episode.pk), {"first": "2", "end": "9"}, headers=HTMX)
    shown = text_of(answer)
    assert "only steps 2 to 9 count, otto" in shown
    assert "<html" not in shown, "A script gets the panel alone."
    episode.refresh_from_db()
    assert episode.span == (2, 9)
    client.post(url("episode_trim", episode.pk), {"first": "2", "end": "9", "whole": "1"})
    episode.refresh_from_db()
    assert not episode.is_trimmed


@pytest.mark.parametrize(("first", "end"), [("9", "2"), ("0", "99"), ("-1", "5"), ("two", "5")])
def test_what_is_no_span_is_refused(otto: User, first: str, end: str) -> None:
    episode = an_episode()
    answer = page_of(otto).post(url("episode_trim", episode.pk), {"first": first, "end": end})
    assert answer.status_code == 400
    assert not EpisodeEdit.objects.exists()


def test_another_instruction_shows_the_page_anew(otto: User) -> None:
    episode = an_episode()
    client = page_of(otto)
    where = url("episode_reword", episode.pk)
    answer = client.post(where, {"instruction": "go to the ring slowly"}, headers=HTMX)
    assert answer.headers["HX-Refresh"] == "true"
    episode.refresh_from_db()
    assert episode.instruction == "go to the ring slowly"


def test_an_instruction_that_no_database_keeps_is_a_sentence(otto: User) -> None:
    episode = an_episode()
    answer = page_of(otto).post(url("episode_reword", episode.pk), {"instruction": "go\0on"})
    assert answer.status_code == 400
    assert "holds a NUL byte" in text_of(answer)
    assert not EpisodeEdit.objects.exists()


def test_edits_are_taken_back_the_newest_first(otto: User) -> None:
    episode = an_episode()
    client = page_of(otto)
    client.post(url("episode_trim", episode.pk), {"first": "1", "end": "9"})
    client.post(url("episode_trim", episode.pk), {"first": "3", "end": "9"})
    newer, older = EpisodeEdit.objects.all()
    shown = text_of(client.get(url("episode", episode.pk)))
    assert url("edit_undo", newer.pk) in shown
    assert url("edit_undo", older.pk) not in shown, "A later one stands in its way."
    assert client.post(url("edit_undo", older.pk)).status_code == 409
    client.post(url("edit_undo", newer.pk))
    episode.refresh_from_db()
    assert episode.span == (1, 9)
    assert "taken back" in text_of(client.get(url("episode", episode.pk)))


def test_many_are_left_out_from_the_list_which_shows_them(otto: User) -> None:
    a, b, c = make_episodes(count=3)
    client = page_of(otto)
    answer: Any = client.post(
        "/episodes/exclude/?order=new", {"episode": [a.pk, b.pk], "excluded": "yes"}
    )
    assert answer.url == "/episodes/?order=new"
    Episode.objects.filter(pk=c.pk).update(trim_first=2)
    for query, expected in (
        ("excluded", {a.pk, b.pk}),
        ("included", {c.pk}),
        ("trimmed", {c.pk}),
        ("untrimmed", {a.pk, b.pk}),
        ("nonsense", {a.pk, b.pk, c.pk}),
    ):
        page: Any = client.get(f"/episodes/?corrected={query}").context["page"]
        assert {episode.pk for episode in page.object_list} == expected, query
    shown = text_of(client.get("/episodes/"))
    assert shown.count('data-state="excluded"') == 2
    assert shown.count('data-state="trimmed"') == 1
    assert client.post("/episodes/exclude/", {"excluded": "yes"}).status_code == 400


def test_a_viewer_sees_and_corrects_nothing(vera: User, otto: User) -> None:
    episode = an_episode()
    page_of(otto).post(url("episode_exclude", episode.pk), {"excluded": "yes"})
    edit = EpisodeEdit.objects.get()
    client = page_of(vera)
    shown = text_of(client.get(url("episode", episode.pk)))
    assert "left out of every set" in shown
    assert url("edit_undo", edit.pk) not in shown
    for verb in VERBS:
        assert client.post(url(verb, episode.pk)).status_code == 403
        assert page_of(otto).get(url(verb, episode.pk)).status_code == 405
    assert client.post(url("edit_undo", edit.pk)).status_code == 403
    assert client.post("/episodes/exclude/", {"excluded": "no"}).status_code == 403
    assert page_of(otto).post(url("edit_undo", 4711)).status_code == 404
