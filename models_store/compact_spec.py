"""Frozen description of the compact image model. No torch here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models_store.errors import LearningError
from models_store.spec_json import read, written

_TUPLES: dict[str, type] = {
    "previous": str,
    "action_low": float,
    "action_high": float,
    "channels": int,
    "policy_hidden": int,
    "distance_hidden": int,
}


@dataclass(frozen=True, slots=True)
class CompactSpec:
    """Pictures, instruction and state in; action tokens and steps-to-go tokens out."""

    cameras: dict[str, tuple[int, int, int]]
    """Feature name -> (height, width, 3)"""

    action_low: tuple[float, ...]
    """Middle of the lowest bin of each action dimension, in the robot's units."""

    action_high: tuple[float, ...]
    """Middle of the highest bin."""

    observation: dict[str, int] = field(default_factory=dict)
    """State feature name -> number of values; concatenated in this order."""

    previous: tuple[str, ...] = ()
    """Cameras whose frame of one step before is seen as well."""

    action_bins: int = 21
    """Tokens per action dimension: a sign and a magnitude of 0 to 10. 0: no tokens; each dimension has
    a normal distribution."""

    std_floor: float = 0.01
    """Smallest standard deviation where there are no tokens, in units of the demonstrations' own."""

    steps_to_go_bins: int = 61

    steps_to_go_width: float = 1.0
    """Steps per bin."""

    channels: tuple[int, ...] = (16, 32, 32)
    """Of the three convolutions; the grid is a quarter of the picture in height and width."""

    calibrated: bool = False
    """Whether both heads are given what is seen less its mean and in units of its spread in training:
    places that hardly differ in the picture may make all the difference to a hand.
    """

    queries: int = 16
    """Things looked for in a picture, each asked for by the instruction as a whole."""

    buckets: int = 2_048
    """Hash buckets of the vocabulary."""

    max_words: int = 16

    word_size: int = 64
    """Length of a word's vector."""

    policy_hidden: tuple[int, ...] = (256, 256, 256)
    """Width of each hidden layer of the policy's perceptron."""

    distance_hidden: tuple[int, ...] = (256, 256, 256)
    """Width of each hidden layer of the steps-to-go perceptron."""

    temperature: float = 1.0
    """T: action logits are divided by it wherever the policy is asked: practice, loss, evaluation."""

    architecture: str = "compact"

    def __post_init__(self) -> None:
        """Refuse descriptions no model can be built from. Features are put in the order of their names,
        which is how files keep them: weights belong to places in a row of numbers.
        """
        object.__setattr__(self, "cameras", dict(sorted(self.cameras.items())))
        object.__setattr__(self, "observation", dict(sorted(self.observation.items())))
        if self.architecture != "compact":
            raise LearningError(f"Unknown image model {self.architecture!r}; known: compact.")
        if not self.cameras or any(
            len(shape) != 3 or shape[2] != 3 or min(shape[:2]) < 8
            for shape in self.cameras.values()
        ):
            raise LearningError(
                f"A compact model needs cameras of (height, width, 3), 8 pixels or more each way; "
                f"got {self.cameras}."
            )
        strange = sorted(set(self.previous) - set(self.cameras))
        if strange:
            raise LearningError(f"{strange[0]!r} is no camera of this model; it cannot look back.")
        self._check_numbers()

    def _check_numbers(self) -> None:
        pairs = list(zip(self.action_low, self.action_high, strict=False))
        if (
            len(self.action_low) != len(self.action_high)
            or not pairs
            or any(
                not (math.isfinite(low) and math.isfinite(high) and low < high)
                for low, high in pairs
            )
        ):
            raise LearningError(
                f"Action bins need a low below a high per dimension; "
                f"got {self.action_low} and {self.action_high}."
            )
        sizes = (
            *self.channels, *self.policy_hidden, *self.distance_hidden, *self.observation.values(),
            self.queries, self.buckets, self.max_words, self.word_size, self.steps_to_go_bins - 1,
        )  # fmt: skip
        if len(self.channels) != 3 or any(size < 1 for size in sizes):
            raise LearningError(
                f"A compact model has three convolutions, sizes of 1 or more, and 2 bins or more; "
                f"got {self}."
            )
        if self.action_bins < 0 or self.action_bins == 1 or not self.std_floor > 0:
            raise LearningError(
                f"Action bins must be 2 or more, or 0 for none, and the std floor above 0; "
                f"got {self.action_bins} and {self.std_floor}."
            )
        if not (self.steps_to_go_width > 0 and 0 < self.temperature < math.inf):
            raise LearningError(
                f"Bin width and temperature must be above 0; "
                f"got {self.steps_to_go_width} and {self.temperature}."
            )

    @property
    def action_size(self) -> int:
        """A, the number of action dimensions."""
        return len(self.action_low)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features the model reads."""
        return (*self.cameras, *self.observation)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal spec back."""
        return written(self, _TUPLES)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CompactSpec:
        """Read what `to_json` wrote.

        Raises:
            LearningError: a key is unknown or missing, or a value has the wrong type.
        """
        return read(cls, data, _TUPLES)
