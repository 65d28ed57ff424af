"""What every kind of run shares: the facts of its task, one step's report, the run itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from models_store.checkpoint import EFMCheckpoint
from practice.embodiments.spec import EmbodimentSpec
from practice.episodes.types import Episode

Tree = Any
"""What `models_store.state_file` can store."""


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What learning must know of a task."""

    instructions: tuple[str, ...]
    control_hz: float
    horizon: int
    threshold: float
    """s, steps"""

    limits: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: EmbodimentSpec) -> TaskFacts:
        """The facts of a task that takes everything as its embodiment suggests."""
        return cls(
            instructions=spec.instructions,
            control_hz=spec.control_hz,
            horizon=spec.horizon,
            threshold=spec.default_threshold,
            limits=spec.default_limits(),
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What one step of a run brought."""

    iteration: int
    """Steps done so far, in the run's own unit: optimiser steps, iterations, episodes."""

    total: int | None
    """How many there will be at most."""

    env_steps: int
    """Robot steps so far, all robots together, evaluations not counted."""

    episodes_total: int
    """Finished episodes so far, those of `episodes` included."""

    values: dict[str, float] = field(default_factory=dict)
    """Points of the run's curves."""

    episodes: list[Episode] = field(default_factory=list)
    """Every episode that finished in this step, when asked for."""

    log: list[str] = field(default_factory=list)
    """Lines for people."""

    improved: bool = False
    """Whether a checkpoint better than all before was found."""


class Work(Protocol):
    """A run, one step at a time. A killed run goes on from `state()` as if nothing had happened."""

    kind: str

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        ...

    def step(self) -> Report:
        """Do the next piece of work."""
        ...

    def state(self) -> Tree:
        """Everything: weights, optimiser, generators, simulators, running episodes, counters."""
        ...

    def load_state(self, tree: Tree) -> None:
        """Go on from `state()` of a run made with the same arguments."""
        ...

    def checkpoints(self) -> dict[str, EFMCheckpoint]:
        """The best so far, by role."""
        ...

    def result(self) -> dict[str, Any]:
        """The run's outcome as JSON values."""
        ...
