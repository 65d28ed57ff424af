"""Mean and scale of each input and of the action, kept as JSON beside the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError


@dataclass(frozen=True, slots=True)
class Moments:
    """`(value - mean) / std`, per dimension."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, values: NDArray[Any]) -> Moments:
        """Measure (N, D) values; a dimension that never changes gets scale 1, not 0."""
        mean = values.mean(axis=0, dtype=np.float64)
        std = values.std(axis=0, dtype=np.float64)
        # A constant column in float32 has a std of rounding noise: compare with its own size.
        constant = std <= 1e-7 * np.maximum(np.abs(mean), 1e-30)
        std = np.where(constant, 1.0, std)
        return cls(tuple(mean.tolist()), tuple(std.tolist()))


@dataclass(frozen=True, slots=True)
class Normalisation:
    """The moments of every observation feature and of the action."""

    observation: dict[str, Moments]
    action: Moments

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal object back."""
        return {
            "observation": {name: _plain(m) for name, m in self.observation.items()},
            "action": _plain(self.action),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Normalisation:
        """Read what `to_json` wrote."""
        try:
            return cls(
                {str(name): _moments(m) for name, m in data["observation"].items()},
                _moments(data["action"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise LearningError(f"These are no normalisation statistics: {error!r}.") from error


def _plain(moments: Moments) -> dict[str, list[float]]:
    return {"mean": list(moments.mean), "std": list(moments.std)}


def _moments(data: Mapping[str, Any]) -> Moments:
    return Moments(
        tuple(float(value) for value in data["mean"]), tuple(float(value) for value in data["std"])
    )
