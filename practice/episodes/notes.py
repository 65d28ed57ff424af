"""What is worth keeping of an episode beyond what happened in it: columns of our own in meta/episodes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Notes:
    """All of it is optional, and LeRobot's reader passes over it."""

    style: str | None = None
    """How the demonstrator moved, e.g. "hesitant"."""
    quality: float | None = None
    """0 is worst, 1 is best."""
    source: str | None = None
    """Who or what acted, and where it was recorded."""
    outcome: str | None = None
    """How it is known to have ended: "success" or "failure"."""
    label: str | None = None
    """What a person said of it: "success", "failure" or "unsure"."""
    checkpoint: str | None = None
    """Digest of the policy that acted."""


_TYPES = {f.name: pa.float64() if f.name == "quality" else pa.string() for f in fields(Notes)}


def note_fields() -> list[tuple[str, pa.DataType]]:
    """Their columns."""
    return list(_TYPES.items())


def note_columns(notes: Sequence[Notes]) -> dict[str, pa.Array]:
    """One value per episode; null where nothing is known."""
    return {
        name: pa.array([getattr(note, name) for note in notes], kind)
        for name, kind in _TYPES.items()
    }
