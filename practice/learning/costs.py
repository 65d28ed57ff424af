"""What a run costs, before it starts: parameters, memory, time; and why it cannot be. No torch here.

Memory, in bytes, of what lies on the training device at the worst moment:

    weights      every model that is held, as it is held: 4 a float32 weight, 2 a bfloat16 one; adapters on one
                 base share it, so policy, anchor and judge of Stage 2 hold it once
    gradients    4 for each trained weight
    moments      8 for each trained weight: Adam's two, float32
    average      4 for each trained weight, where checkpoints hold a moving average
    looked       4 for each number seen of the demonstrations, on all sides, where each is looked at once
    pictures     the demonstrations' own bytes, where they are few enough to be kept in memory
    activations  what autograd keeps for the gradient, counted at a few rows and laid along a line to the rows
                 that one forward sees: batch_size / accumulate

Trained weights are float32 themselves, so there is no further copy of them. The probe makes up what it
learns from, so what is kept of the demonstrations comes on top of what it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from practice.learning.errors import LearningError

_GB = 1e9
_WAYS = "lower batch_size, raise accumulate, set recompute, or choose a larger device"
_SMALLER = "train adapters (lora_rank above 0) with base_dtype bfloat16, take a smaller model, or choose a larger device"
_FEWER = (
    "take fewer demonstrations, lower EFM_FRAMES_IN_MEMORY_MB to have more pictures mapped from disk, "
    "or choose a larger device"
)


@dataclass(frozen=True, slots=True)
class Part:
    """One of the things that a run does again and again."""

    name: str
    count: int
    """How often, at most."""

    seconds: float
    """Each: the median of those measured."""

    low: float
    """Each: the lower quartile; of a few the quickest."""

    high: float
    """Each: the upper quartile; of a few the slowest."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What lies on the training device, bytes."""

    weights: int
    gradients: int
    moments: int
    activations: int = 0
    average: int = 0
    looked: int = 0
    pictures: int = 0

    @property
    def held(self) -> int:
        """Whatever the batch and the demonstrations."""
        return self.weights + self.gradients + self.moments + self.average

    @property
    def demonstrations(self) -> int:
        """What is kept of them."""
        return self.looked + self.pictures

    @property
    def whole(self) -> int:
        """All of it."""
        return self.held + self.demonstrations + self.activations


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run on one device."""

    parameters: int
    """Of the model that acts, or learns."""

    trainable: int
    memory: Memory
    peak_bytes: int
    """Most memory expected in use."""

    measured: bool
    """Whether `peak_bytes` was met in a whole step of this run's own size; else it is the sum of `memory`."""

    rows: int
    """In one forward of training, or robots in one question."""

    rows_probed: int
    """Most rows that the probe has tried at once; 0: none."""

    device: str
    device_bytes: int
    steps: int
    """Optimiser steps, iterations, or episodes."""

    parts: tuple[Part, ...] = ()
    """What its time is spent on; empty where nothing was tried."""

    problem: str = ""
    """Why it cannot be, one sentence; else empty."""

    @property
    def trainable_share(self) -> float:
        """In [0, 1]."""
        return self.trainable / max(self.parameters, 1)

    @property
    def memory_share(self) -> float:
        """Of the device's memory; above 1 it does not fit."""
        return self.peak_bytes / max(self.device_bytes, 1)

    @property
    def seconds(self) -> float:
        """All in all."""
        return sum(part.count * part.seconds for part in self.parts)

    @property
    def seconds_low(self) -> float:
        """If everything took `low`."""
        return sum(part.count * part.low for part in self.parts)

    @property
    def seconds_high(self) -> float:
        """If everything took `high`."""
        return sum(part.count * part.high for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` gives an equal object back."""
        return asdict(self) | {"parts": [asdict(part) for part in self.parts]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cost:
        """Read what `to_json` wrote.

        Raises:
            LearningError: a key is unknown or missing.
        """
        unknown = sorted(set(data) - {item.name for item in fields(cls)})
        if unknown:
            raise LearningError(f"Unknown key {unknown[0]!r} in a cost.")
        try:
            parts = tuple(Part(**part) for part in data["parts"])
            return cls(**{**data, "parts": parts, "memory": Memory(**data["memory"])})
        except (KeyError, TypeError) as error:
            raise LearningError(f"This is no cost: {error!r}.") from error


def problem_of(memory: Memory, peak: int, device: str, device_bytes: int, *, rows: int) -> str:
    """Why this does not fit the device, one sentence; "" where it does."""
    if memory.held > device_bytes:
        what, ways = "Weights, gradients and moments", _SMALLER
        if memory.average:
            what, ways = (
                "Weights, their average, gradients and moments",
                f"set ema to 0, {_SMALLER}",
            )
        return f"{what} alone take {_gb(memory.held)}, {device} has {_gb(device_bytes)}: {ways}."
    if memory.held + memory.demonstrations > device_bytes:
        return (
            f"What is kept of the demonstrations takes {_gb(memory.demonstrations)} beside the "
            f"{_gb(memory.held)} of what is trained, {device} has {_gb(device_bytes)}: {_FEWER}."
        )
    if peak > device_bytes:
        return f"{rows} rows at once take {_gb(peak)}, {device} has {_gb(device_bytes)}: {_WAYS}."
    return ""


def ran_out(rows: int, device: str, device_bytes: int) -> str:
    """The sentence when the device had no memory left in the probe."""
    return f"{device} ({_gb(device_bytes)}) has run out of memory at {rows} rows at once: {_WAYS}."


def _gb(count: int) -> str:
    return f"{count / _GB:.1f} GB" if count >= _GB / 10 else f"{count / 1e6:.1f} MB"
