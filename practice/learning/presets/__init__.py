"""Settings with a name: measured, documented in docs/learning.md, chosen by people. No torch.

An embodiment with presets of its own has a table here. Any other gets those of its kind: pictures
or state alone.
"""

from __future__ import annotations

from practice.embodiments.registry import embodiments
from practice.embodiments.spec import EmbodimentSpec
from practice.learning.errors import LearningError
from practice.learning.presets.aloha import ALOHA, ALOHA_SMALL
from practice.learning.presets.generic import PICTURES, STATE_ONLY
from practice.learning.presets.language_table import (
    BANANA_TABLE,
    LANGUAGE_TABLE,
    LANGUAGE_TABLE_4,
)
from practice.learning.presets.point_mass import POINT_MASS
from practice.learning.presets.preset import Preset, Table

__all__ = ["Preset", "presets", "presets_of"]

_BY_EMBODIMENT: dict[str, Table] = {
    "point-mass": POINT_MASS,
    "language-table-4": LANGUAGE_TABLE_4,
    "language-table-4-shifted": LANGUAGE_TABLE_4,
    "language-table": LANGUAGE_TABLE,
    "banana-table": BANANA_TABLE,
    "banana-table-blocks": BANANA_TABLE,
    "aloha-insertion": ALOHA,
    "aloha-insertion-small": ALOHA_SMALL,
}


def presets(kind: str, embodiment_id: str) -> dict[str, Preset]:
    """Presets by name, the default first.

    Raises:
        LearningError: the kind of run or the embodiment is not known.
    """
    known = {spec.id: spec for spec in embodiments()}
    if embodiment_id not in known:
        raise LearningError(f"Unknown embodiment {embodiment_id!r}; known: {', '.join(known)}.")
    return presets_of(kind, known[embodiment_id])


def presets_of(kind: str, spec: EmbodimentSpec) -> dict[str, Preset]:
    """Presets by name for any robot, registered or not, the default first.

    Raises:
        LearningError: the kind of run is not known.
    """
    table = _BY_EMBODIMENT.get(spec.id, PICTURES if spec.cameras else STATE_ONLY)
    if kind not in table:
        raise LearningError(f"Unknown kind of run {kind!r}; known: {', '.join(table)}.")
    return {preset.name: preset for preset in table[kind]}
