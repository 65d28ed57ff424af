"""All embodiments by name. A new one is one line here, or one file of an administrator's.

The web process lists embodiments, so importing this module imports no simulator: specs are plain
data, and a maker imports what it needs when it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from models_store.errors import LearningError
from practice.embodiments import point_mass
from practice.embodiments.aloha.embodiment import Aloha
from practice.embodiments.aloha.presets import PRESETS
from practice.embodiments.aloha.presets import spec_of as aloha_spec
from practice.embodiments.declared import DeclaredEmbodiment, declared_embodiments
from practice.embodiments.interface import Embodiment
from practice.embodiments.language_table.embodiment import LanguageTable
from practice.embodiments.language_table.presets import TABLES, spec_of
from practice.embodiments.spec import EmbodimentSpec


@dataclass(frozen=True, slots=True)
class Known:
    """An embodiment somebody may ask for; one class may stand behind several of them."""

    spec: EmbodimentSpec
    make: Callable[[], Embodiment]


_KNOWN: tuple[Known, ...] = (
    Known(point_mass.SPEC, point_mass.PointMass),
    *(Known(spec_of(table), partial(LanguageTable, table)) for table in TABLES),
    *(Known(aloha_spec(preset), partial(Aloha, preset)) for preset in PRESETS),
)

_BY_ID = {known.spec.id: known for known in _KNOWN}


def embodiments() -> tuple[EmbodimentSpec, ...]:
    """The facts about every known embodiment; declared ones come last."""
    declared = declared_embodiments(_BY_ID).declarations.values()
    return (*(known.spec for known in _KNOWN), *(found.spec for found in declared))


def embodiment(embodiment_id: str) -> Embodiment:
    """The embodiment of this id.

    Raises:
        LearningError: nobody knows it, or its file cannot be used; the message says which.
    """
    if embodiment_id in _BY_ID:
        return _BY_ID[embodiment_id].make()
    found = declared_embodiments(_BY_ID)
    if embodiment_id in found.declarations:
        return DeclaredEmbodiment(found.declarations[embodiment_id])
    if embodiment_id in found.problems:
        raise LearningError(found.problems[embodiment_id])
    known = ", ".join(sorted((*_BY_ID, *found.declarations)))
    raise LearningError(f"Unknown embodiment {embodiment_id!r}; known: {known}.")


def declaration_problems() -> tuple[str, ...]:
    """What is wrong with files that declare embodiments and cannot be used, a sentence or two each."""
    return tuple(declared_embodiments(_BY_ID).problems.values())
