"""Verbs on episodes: label, approve."""

from collections.abc import Iterable

from django.db import transaction

from practice import events
from practice.errors import InvalidError
from practice.models import Episode, Label, User, Verdict
from practice.roles import Role, require
from practice.services import audit


@transaction.atomic
def label_episode(episode: Episode, *, by: User, verdict: str, note: str = "") -> Label:
    """Give a verdict; an earlier one stays on record.

    Raises:
        InvalidError: `verdict` is none of success, failure, unsure.
    """
    require(by, Role.OPERATOR)
    if verdict not in Verdict.values:
        raise InvalidError(
            f"A verdict is one of {', '.join(Verdict.values)}, not {verdict!r}.",
            fields={"verdict": "unknown verdict"},
        )
    label = Label.objects.create(episode=episode, by=by, verdict=verdict, note=note.strip())
    episode.verdict = verdict
    episode.save(update_fields=["verdict"])
    tell(episode)
    return label


@transaction.atomic
def approve_episodes(episodes: Iterable[Episode], *, by: User, approved: bool | None) -> int:
    """Approve episodes for training, refuse them, or take the decision back (None); gives how many."""
    require(by, Role.OPERATOR)
    count = 0
    for episode in episodes:
        episode.approved = approved
        episode.save(update_fields=["approved"])
        audit.record(by, "episode.approved", episode, approved=approved)
        tell(episode)
        count += 1
    return count


def tell(episode: Episode) -> None:
    events.publish_on_commit(
        events.EpisodeLabelled(
            episode=episode.pk, verdict=episode.verdict, approved=episode.approved
        )
    )
