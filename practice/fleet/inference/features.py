"""What a robot must send with each question, and whether it did. No torch here: robots import this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from models_store.specs import Spec

LONGEST_INSTRUCTION = 500
"""Characters."""

_SHOWN = 60
"""Characters of somebody's text that an error repeats."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One array of an observation."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"


def features_of(*specs: Spec) -> dict[str, Feature]:
    """Everything these models read, by name.

    Raises:
        LearningError: two of them read one feature in different shapes.
    """
    found: dict[str, Feature] = {}
    for spec in specs:
        own = {name: Feature((size,), "float32") for name, size in spec.observation.items()}
        cameras: dict[str, tuple[int, ...]] = getattr(spec, "cameras", {})
        own |= {name: Feature(tuple(shape), "uint8") for name, shape in cameras.items()}
        for name, feature in own.items():
            if found.setdefault(name, feature) != feature:
                raise LearningError(
                    f"Policy and reward model read {name} differently ({found[name]}; {feature}); choose two of one robot."
                )
    return dict(sorted(found.items()))


def check(observation: Mapping[str, NDArray[Any]], features: Mapping[str, Feature]) -> None:
    """Refuse an observation that is not exactly what the models read.

    Raises:
        LearningError: a name is missing or unknown, a shape or dtype is another, or a number is not finite.
    """
    for name in observation:
        if name not in features:
            raise LearningError(
                f"Nobody reads {str(name)[:_SHOWN]!r}; send {', '.join(features)} and nothing else."
            )
    for name, feature in features.items():
        if name not in observation:
            raise LearningError(f"The observation lacks {name}, {feature}.")
        values = observation[name]
        if values.shape != feature.shape or values.dtype != feature.dtype:
            raise LearningError(
                f"{name} must be {feature}; {values.dtype} of shape {values.shape} came."
            )
        if feature.dtype == "float32" and not np.isfinite(values).all():
            raise LearningError(f"{name} holds a number that is not finite; check that sensor.")


def check_instruction(text: str) -> None:
    """Refuse what no model can follow.

    Raises:
        LearningError: it is empty or endless.
    """
    if len(text) > LONGEST_INSTRUCTION:
        raise LearningError(
            f"The instruction has {len(text)} characters; {LONGEST_INSTRUCTION} are the most."
        )
    if not any(letter.isalnum() for letter in text):
        raise LearningError(
            f"The instruction {text[:_SHOWN]!r} holds no word; write what is to be done."
        )
