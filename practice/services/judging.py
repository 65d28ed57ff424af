"""Verbs on judgements: let a reward model look at an episode that another one, or none, watched."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from practice.errors import InvalidError
from practice.models import Checkpoint, Episode, Judgement, User
from practice.roles import Role, require
from practice.selectors.replay import require_recording
from practice.services import audit, enqueue
from practice.services.labels import tell

JUDGE_PATIENCE = timedelta(minutes=20)
"""A judgement of which nothing was heard for so long is asked for again; one computed twice does no harm."""


@transaction.atomic
def ask_judgement(episode: Episode, reward: Checkpoint, *, by: User) -> Judgement:
    """Queue the prediction of `reward` on `episode`; one that is there already is given as it is.

    Raises:
        InvalidError: `reward` is no reward model of the episode's task.
        MissingError: the frames of the episode were not kept.
    """
    require(by, Role.OPERATOR)
    require_recording(episode)
    if reward.kind != Checkpoint.Kind.REWARD or reward.task_id != episode.task_id:
        raise InvalidError(
            f"{reward} is no reward model of {episode.task}; choose one of that task.",
            fields={"reward": "no reward model of this task"},
        )
    judgement, created = Judgement.objects.get_or_create(episode=episode, reward=reward)
    if created:
        audit.record(by, "episode.judged", episode, checkpoint=reward.pk)
    if not judgement.distance:  # also after a failure, or when its message was lost
        judgement.error, judgement.asked_at = "", timezone.now()
        judgement.save(update_fields=["error", "asked_at"])
        enqueue.enqueue_on_commit(enqueue.JUDGE_EPISODE, judgement.pk, queue="cpu")
    return judgement


def conclude_judgement(
    judgement: Judgement, *, distance: Sequence[float], spread: Sequence[float]
) -> None:
    """Keep what the model said, steps at each frame."""
    judgement.distance, judgement.spread, judgement.error = list(distance), list(spread), ""
    judgement.save(update_fields=["distance", "spread", "error"])
    tell(judgement.episode)


def fail_judgement(judgement_id: int, *, error: str) -> None:
    """Keep the sentence that says why there is none, unless there is one after all."""
    Judgement.objects.filter(pk=judgement_id, distance=[]).update(error=error)
