"""All embodiments by name. A new one is one line here."""

from __future__ import annotations

from models_store.errors import LearningError
from practice.embodiments.interface import Embodiment
from practice.embodiments.point_mass import PointMass
from practice.embodiments.spec import EmbodimentSpec

_MAKERS: dict[str, type[Embodiment]] = {"point-mass": PointMass}


def embodiments() -> tuple[EmbodimentSpec, ...]:
    """The facts about every known embodiment."""
    return tuple(maker.spec for maker in _MAKERS.values())


def embodiment(embodiment_id: str) -> Embodiment:
    """The embodiment of this id.

    Raises:
        LearningError: nobody knows it; the message lists those that are known.
    """
    try:
        return _MAKERS[embodiment_id]()
    except KeyError:
        known = ", ".join(sorted(_MAKERS))
        raise LearningError(f"Unknown embodiment {embodiment_id!r}; known: {known}.") from None
