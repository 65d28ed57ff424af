"""The audit trail: everything that was done, to be read by administrators."""

import pytest

from practice.models import User
from practice.services import audit
from practice.services.edits import exclude_episodes
from tests.factories import make_dataset, make_episodes, make_task
from tests.web.paging import HTMX, assert_flat, page_of, text_of

URL = "/people/audit/"
pytestmark = pytest.mark.django_db


def test_what_was_done_is_named_and_linked(ada: User, otto: User) -> None:
    [episode] = make_episodes(count=1)
    exclude_episodes([episode], by=otto, excluded=True)
    audit.record(None, "task.archived", episode.task)
    body = text_of(page_of(ada).get(URL))
    assert "episode edited" in body
    assert "excluded yes" in body
    assert f'href="/episodes/{episode.pk}/"' in body
    assert f'href="/tasks/{episode.task.slug}/"' in body
    assert "the system" in body
    audit.record(
        ada, "dataset.selected", make_dataset(), query={"kinds": ["practice"], "idle": None}
    )
    audit.record(ada, "person.link", otto)
    body = text_of(page_of(ada).get(URL))
    assert "kinds practice" in body
    assert "idle none" in body
    assert "person otto" in body


def test_filters_take_a_person_and_a_kind(ada: User, otto: User) -> None:
    audit.record(otto, "dataset.selected", make_dataset())
    audit.record(ada, "task.changed", make_task())
    client = page_of(ada)
    shown = {
        query: text_of(client.get(f"{URL}?{query}", headers=HTMX))
        for query in ("by=otto", "about=task", "by=otto&about=task")
    }
    assert "dataset selected" in shown["by=otto"]
    assert "task changed" not in shown["by=otto"]
    assert "task changed" in shown["about=task"]
    assert "dataset selected" not in shown["about=task"]
    assert "No entry fits" in shown["by=otto&about=task"]


def test_only_administrators_read_it(otto: User) -> None:
    assert page_of(otto).get(URL).status_code == 403


def test_more_entries_cost_no_more_queries(ada: User) -> None:
    audit.record(ada, "task.changed", make_task())
    assert_flat(page_of(ada), URL, lambda: audit.record(ada, "task.changed", make_task()))
