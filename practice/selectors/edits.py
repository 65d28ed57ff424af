"""What people corrected on an episode, the newest first, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from practice.errors import MissingError
from practice.models import Episode, EpisodeEdit, User

_TRIMMED = Q(trim_first__isnull=False) | Q(trim_end__isnull=False)
CORRECTIONS = {
    "excluded": Q(excluded=True),
    "included": Q(excluded=False),
    "trimmed": _TRIMMED,
    "untrimmed": ~_TRIMMED,
}
"""What people corrected: name -> the rows."""


@dataclass(frozen=True, slots=True)
class EditLine:
    """One edit as a page shows it."""

    edit: EpisodeEdit
    words: str
    can_be_undone: bool
    """Whether the episode still is as this edit left it."""


def edits_of(episode: Episode) -> QuerySet[EpisodeEdit]:
    """All edits of an episode, the newest first, with who made them."""
    return episode.edits.select_related("by")


def edit_lines(episode: Episode) -> list[EditLine]:
    """The same, in words."""
    return [
        EditLine(edit, _words(edit, episode.length), _stands(edit, episode))
        for edit in edits_of(episode)
    ]


def find_edit(person: User, pk: int) -> EpisodeEdit:
    """One edit of an episode that `person` may see, with the episode and its task.

    Raises:
        MissingError: there is none.
    """
    seen = Episode.objects.visible_to(person)
    rows = EpisodeEdit.objects.select_related("episode__task", "by").filter(episode__in=seen)
    edit = rows.filter(pk=pk).first()
    if edit is None:
        raise MissingError(f"There is no edit {pk}; the episode's page lists those there are.")
    return edit


def _stands(edit: EpisodeEdit, episode: Episode) -> bool:
    now = {name: getattr(episode, name) for name in edit.after}
    return edit.undone_at is None and now == edit.after


def _words(edit: EpisodeEdit, length: int) -> str:
    said = [_excluded(edit.after), _span(edit.after, length), _instruction(edit.after)]
    return "; ".join(text for text in said if text)


def _excluded(after: Mapping[str, Any]) -> str:
    if "excluded" not in after:
        return ""
    return "left out of every set" if after["excluded"] else "taken in again"


def _span(after: Mapping[str, Any], length: int) -> str:
    if "trim_end" not in after:
        return ""
    first, end = after["trim_first"] or 0, after["trim_end"] or length
    whole = (first, end) == (0, length)
    return "all its steps count again" if whole else f"only steps {first} to {end} count"


def _instruction(after: Mapping[str, Any]) -> str:
    return f"instruction: “{after['instruction']}”" if "instruction" in after else ""
