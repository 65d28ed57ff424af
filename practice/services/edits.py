"""Verbs that correct episodes: exclude, trim, give another instruction, and take each of them back.

A recording is never rewritten: an edit changes fields of the row, and remembers what they were.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from models_store.errors import LearningError
from practice.embodiments.registry import embodiment
from practice.episodes.lerobot_json import storable
from practice.errors import ConflictError, InvalidError
from practice.models import Dataset, Episode, EpisodeEdit, User
from practice.roles import Role, require
from practice.services import audit
from practice.services.datasets import announce
from practice.services.labels import tell


def exclude_episodes(
    episodes: Iterable[Episode], *, by: User, excluded: bool, reason: str = ""
) -> int:
    """Leave episodes out of every set, or take them in again; gives how many changed."""
    return _edit(episodes, {"excluded": excluded}, by=by, reason=reason)


def trim_episode(
    episode: Episode, *, by: User, first: int | None, end: int | None, reason: str = ""
) -> int:
    """Let only the control steps from `first` up to, not including, `end` count; None: all on that side.

    Raises:
        InvalidError: no step would be left.
    """
    start, stop = first or 0, episode.length if end is None else end
    if not 0 <= start < stop <= episode.length:
        raise InvalidError(
            f"Episode {episode.pk} has steps 0 to {episode.length}; it cannot be trimmed to "
            f"{start} to {stop}.",
            fields={"end": "no step would be left"},
        )
    changes = {
        "trim_first": start or None,
        "trim_end": None if stop == episode.length else stop,
    }
    return _edit([episode], changes, by=by, reason=reason)


def reword_episodes(
    episodes: Iterable[Episode], *, by: User, instruction: str, reason: str = ""
) -> int:
    """Give episodes another instruction; gives how many changed.

    Raises:
        InvalidError: it is no text that can be kept, or a robot that reads instructions does not understand it.
    """
    chosen, text = list(episodes), instruction.strip()
    _check_text("instruction", text)
    for robot in {episode.task.embodiment for episode in chosen}:
        _check_instruction(robot, text)
    return _edit(chosen, {"instruction": text}, by=by, reason=reason)


@transaction.atomic
def reword_dataset(
    dataset: Dataset, instruction: str, *, by: User, to: str, reason: str = ""
) -> int:
    """Give all episodes that came with `dataset` and have this `instruction` another; gives how many changed.

    Each can be taken back by itself, on its page. Raises InvalidError as `reword_episodes` does, and where none has it.
    """
    require(by, Role.OPERATOR)
    text = to.strip()
    _check_instruction(dataset.task.embodiment, text)
    found = dataset.episodes.select_for_update().filter(instruction=instruction)
    ids = list(found.order_by("pk").values_list("pk", flat=True))
    if not ids:
        raise InvalidError(
            f"No episode of {dataset} has the instruction {instruction[:80]!r}; load the page again.",
            fields={"instruction": "not there"},
        )
    if text == instruction:
        return 0
    dataset.episodes.filter(pk__in=ids).update(instruction=text)
    before, after = {"instruction": instruction}, {"instruction": text}
    EpisodeEdit.objects.bulk_create(
        (
            EpisodeEdit(episode_id=pk, before=before, after=after, reason=reason[:200], by=by)
            for pk in ids
        ),
        batch_size=2000,
    )
    audit.record(by, "dataset.reworded", dataset, instruction=instruction, to=text, count=len(ids))
    announce(dataset)
    return len(ids)


def _check_instruction(robot: str, text: str) -> None:
    """Raises InvalidError when a robot that reads instructions does not understand `text`."""
    try:
        embodiment(robot).check_instruction(text)
    except LearningError as error:
        raise InvalidError(str(error), fields={"instruction": str(error)}) from error


@transaction.atomic
def undo_edit(edit: EpisodeEdit, *, by: User) -> None:
    """Take one edit back, the newest of its fields first.

    Raises:
        ConflictError: it is taken back already, or a later one changed the same fields.
    """
    require(by, Role.OPERATOR)
    episode = Episode.objects.select_for_update().get(pk=edit.episode_id)
    edit.refresh_from_db()
    now = {name: getattr(episode, name) for name in edit.after}
    if edit.undone_at is not None or now != edit.after:
        raise ConflictError(
            f"This edit of episode {episode.pk} has been changed since; take the later one back first."
        )
    for name, value in edit.before.items():
        setattr(episode, name, value)
    episode.save(update_fields=[*edit.before])
    edit.undone_at = timezone.now()
    edit.save(update_fields=["undone_at"])
    audit.record(by, "episode.edit_undone", episode, back_to=edit.before)
    tell(episode)


@transaction.atomic
def _edit(episodes: Iterable[Episode], changes: Mapping[str, Any], *, by: User, reason: str) -> int:
    require(by, Role.OPERATOR)
    _check_text("reason", reason)
    wanted = [episode.pk for episode in episodes]
    count = 0
    for episode in Episode.objects.select_for_update().filter(pk__in=wanted).order_by("pk"):
        before = {name: getattr(episode, name) for name in changes}
        if before == changes:
            continue
        for name, value in changes.items():
            setattr(episode, name, value)
        episode.save(update_fields=[*changes])
        EpisodeEdit.objects.create(
            episode=episode, before=before, after=dict(changes), reason=reason[:200], by=by
        )
        audit.record(by, "episode.edited", episode, **changes)
        tell(episode)
        count += 1
    return count


def _check_text(field: str, text: str) -> None:
    """Raises InvalidError for a text that no database keeps."""
    if not storable(text):
        said = f"The {field} {text[:40]!r} holds a NUL byte or half a character; write it without."
        raise InvalidError(said, fields={field: said})
