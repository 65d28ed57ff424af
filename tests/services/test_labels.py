"""The verbs on episodes: who may, what stays on record, what is told."""

import pytest

from practice import events
from practice.errors import ForbiddenError, InvalidError
from practice.models import AuditEntry, Episode, Label, User
from practice.services.labels import approve_episodes, label_episode
from tests.factories import make_episodes

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[events.EpisodeLabelled]:
    """Events that would have been sent after the commit."""
    sent: list[events.EpisodeLabelled] = []
    monkeypatch.setattr(events, "publish_on_commit", sent.append)
    return sent


def test_the_newest_verdict_counts_and_the_older_stays(
    otto: User, ada: User, told: list[events.EpisodeLabelled]
) -> None:
    episode = make_episodes(count=1)[0]
    label_episode(episode, by=otto, verdict="success", note="  in the ring ")
    label_episode(episode, by=ada, verdict="failure")
    episode.refresh_from_db()
    assert episode.verdict == "failure"
    given = [(label.by, label.verdict, label.note) for label in episode.labels.order_by("pk")]
    assert given == [(otto, "success", "in the ring"), (ada, "failure", "")]
    assert [event.verdict for event in told] == ["success", "failure"]


@pytest.mark.parametrize("verdict", ["", "Success", "maybe"])
def test_an_unknown_verdict_leaves_no_trace(otto: User, verdict: str) -> None:
    episode = make_episodes(count=1)[0]
    with pytest.raises(InvalidError, match="success, failure, unsure") as caught:
        label_episode(episode, by=otto, verdict=verdict)
    assert "verdict" in caught.value.fields
    assert not Label.objects.exists()


def test_a_viewer_neither_labels_nor_approves(vera: User) -> None:
    episode = make_episodes(count=1)[0]
    with pytest.raises(ForbiddenError, match="operator"):
        label_episode(episode, by=vera, verdict="success")
    with pytest.raises(ForbiddenError):
        approve_episodes([episode], by=vera, approved=True)
    episode.refresh_from_db()
    assert (episode.verdict, episode.approved) == ("", None)


def test_a_label_leaves_the_rest_of_the_row_alone(otto: User) -> None:
    stale = make_episodes(count=1)[0]
    Episode.objects.filter(pk=stale.pk).update(approved=True, doubt=0.75)
    label_episode(stale, by=otto, verdict="unsure")
    fresh = Episode.objects.get(pk=stale.pk)
    assert (fresh.approved, fresh.doubt, fresh.verdict) == (True, 0.75, "unsure")


def test_approvals_are_counted_and_audited(otto: User, told: list[events.EpisodeLabelled]) -> None:
    rows = make_episodes(count=3)
    assert approve_episodes(rows[:2], by=otto, approved=True) == 2
    assert approve_episodes(rows[:1], by=otto, approved=None) == 1
    assert approve_episodes([], by=otto, approved=False) == 0
    assert Episode.objects.filter(approved=True).get() == rows[1]
    entries = AuditEntry.objects.filter(verb="episode.approved", by=otto).order_by("pk")
    assert [entry.detail["approved"] for entry in entries] == [True, True, None]
    assert [(event.episode, event.approved) for event in told] == [
        (rows[0].pk, True),
        (rows[1].pk, True),
        (rows[0].pk, None),
    ]
