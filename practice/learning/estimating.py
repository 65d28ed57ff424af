"""What a run would cost on this device: counted on an outline, then tried for some seconds.

A run whose weights, gradients and moments alone do not fit is refused from the outline, before
anything is loaded. Activations are counted at a few rows; if they do not fit either, nothing larger
is tried. Where all rows of a step were tried, the most memory that was really taken counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from models_store.efm import EFM
from practice.learning import counting
from practice.learning.costs import Cost, Memory, Part, problem_of, ran_out
from practice.learning.gauges import Gauge, gauge
from practice.learning.probing import PROBE_SECONDS, Stopwatch, Timing


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run would run."""

    device: str = "cpu"
    """As torch calls it."""

    name: str = "This processor"
    """As people call it."""

    seconds: float = PROBE_SECONDS
    """For the probe."""

    device_bytes: int = 0
    """Its memory; 0: as much as it says."""

    frames_in_memory: int = 2**30
    """Bytes of the demonstrations' pictures that a run may keep in memory; more are mapped from disk."""


class Estimate:
    """A cost that is being found out."""

    def __init__(self, place: Place, *, rows: int, steps: int) -> None:
        """`rows` go through the model at once."""
        self.place, self.rows, self._steps = place, rows, steps
        self.gauge: Gauge = gauge(place.device)
        self.total = place.device_bytes or self.gauge.total
        self._parameters, self._trainable, self._memory = 0, 0, Memory(0, 0, 0)

    def outline(
        self,
        models: Sequence[EFM],
        trained: Sequence[nn.Parameter],
        *,
        averaged: bool = False,
        pictures: int = 0,
    ) -> str:
        """Count; the first model is the one that acts, and what is trained may be averaged. `pictures`: bytes kept
        of the demonstrations. Gives the problem, if there is one.
        """
        self._parameters = counting.parameters_of(models[0])
        self._trainable = counting.trained_of(trained)
        held = counting.held(models, trained, averaged=averaged)
        self._memory = replace(held, pictures=pictures)
        return self._problem()

    def activations(
        self,
        model: nn.Module,
        learn: Callable[[int], None],
        follow: Callable[[], None],
        *,
        looked: int = 0,
    ) -> str:
        """Count what training keeps, and `follow` once: from the first step of the optimiser on its moments lie
        there too, whatever is tried. `looked`: bytes of what was seen of the demonstrations. Gives the
        problem, if there is one.
        """
        try:
            found = counting.activations(model, learn, self.rows)
            self._memory = replace(self._memory, activations=found, looked=looked)
            problem = self._problem()
            if not problem:
                follow()
        except torch.OutOfMemoryError:
            return self.ran_out(min(self.rows, counting.FEW[-1]))
        return problem

    def stopwatch(self) -> Stopwatch:
        """Starts now."""
        return Stopwatch(self.gauge, seconds=self.place.seconds)

    def tried(
        self, act: Callable[[int], object], watch: Stopwatch, *, until: float
    ) -> tuple[Timing | None, str]:
        """`act` at all rows, or as many as time allows; nothing and the problem where memory ran out."""
        most = 0

        def acting(rows: int) -> None:
            nonlocal most
            most = rows
            act(rows)

        try:
            return watch.climbed(acting, self.rows, until=until), ""
        except torch.OutOfMemoryError:
            return None, self.ran_out(most)

    def ran_out(self, rows: int) -> str:
        """The sentence when memory ran out at so many rows."""
        return ran_out(rows, self.place.name, self.total)

    def cost(self, parts: Sequence[Part] = (), *, probed: int = 0, problem: str = "") -> Cost:
        """What was found out."""
        measured = probed >= self.rows
        memory = self._memory
        peak = self.gauge.peak() + memory.demonstrations if measured else memory.whole
        told = problem or problem_of(memory, peak, self.place.name, self.total, rows=self.rows)
        return Cost(
            parameters=self._parameters, trainable=self._trainable, memory=memory,
            peak_bytes=peak, measured=measured, rows=self.rows, rows_probed=probed,
            device=self.place.name, device_bytes=self.total, steps=self._steps,
            parts=tuple(part for part in parts if part.count), problem=told,
        )  # fmt: skip

    def _problem(self) -> str:
        memory = self._memory
        return problem_of(memory, memory.whole, self.place.name, self.total, rows=self.rows)
