"""Frozen descriptions of models: what goes in, what comes out, how large. No torch here.

A spec has JSON both ways. Unknown keys are refused, so that a file written by a newer version, or
a typing mistake, is never half understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models_store.errors import LearningError
from models_store.spec_json import read, written

ACTIVATIONS = ("relu", "silu", "tanh")
_TUPLES = {"policy_hidden": int, "distance_hidden": int}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A state-only EFM: two separate perceptrons over the concatenated observation features.

    The instruction is not read: the goal must be part of the observation.
    """

    observation: dict[str, int]
    """Feature name -> number of values; concatenated in this order."""

    action_size: int

    steps_to_go_bins: int = 50

    steps_to_go_width: float = 2.8
    """Steps per bin."""

    policy_hidden: tuple[int, ...] = (64, 64)
    """Width of each hidden layer of the policy."""

    distance_hidden: tuple[int, ...] = (64, 64)
    """Width of each hidden layer of the steps-to-go network."""

    activation: str = "relu"

    std_floor: float = 0.01
    """Smallest standard deviation of the action, in units of the demonstrations' own."""

    architecture: str = "mlp"

    def __post_init__(self) -> None:
        """Refuse descriptions no model can be built from. Features are put in the order of their names,
        which is how files keep them: weights belong to places in a row of numbers.
        """
        object.__setattr__(self, "observation", dict(sorted(self.observation.items())))
        if self.architecture != "mlp":
            raise LearningError(
                f"Unknown model architecture {self.architecture!r}; this version knows: mlp."
            )
        if self.activation not in ACTIVATIONS:
            raise LearningError(
                f"Unknown activation {self.activation!r}; choose one of {', '.join(ACTIVATIONS)}."
            )
        hidden = (*self.policy_hidden, *self.distance_hidden)
        sizes = (*self.observation.values(), self.action_size, self.steps_to_go_bins - 1, *hidden)
        if not self.observation or any(size < 1 for size in sizes):
            raise LearningError(
                f"A model needs an observation, sizes of 1 or more and 2 bins or more; got "
                f"observation {self.observation}, hidden {hidden}, action size {self.action_size}, "
                f"{self.steps_to_go_bins} bins."
            )
        if not (self.steps_to_go_width > 0 and self.std_floor > 0):
            raise LearningError(
                f"Bin width and std floor must be above 0; "
                f"got {self.steps_to_go_width} and {self.std_floor}."
            )

    @property
    def previous(self) -> tuple[str, ...]:
        """No feature is seen as it was a step before: a state holds its velocities itself."""
        return ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the features the model reads."""
        return tuple(self.observation)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal spec back."""
        return written(self, _TUPLES)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ModelSpec:
        """Read what `to_json` wrote.

        Raises:
            LearningError: a key is unknown or missing, or a value has the wrong type.
        """
        return read(cls, data, _TUPLES)
