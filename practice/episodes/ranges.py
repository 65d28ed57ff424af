"""Whether a dataset's actions are in the robot's own units: judged by how they fill the robot's range."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.episodes.report import Finding

_SLACK = 0.01
"""Share of the range that values may exceed it by: rounding is no other unit."""
_MANY = 0.05
"""Share of an action's values outside the range from which it is worth a warning."""
_LITTLE = 0.05
"""Share of the range within which all values of a set lie when its unit is probably a larger one: radians for degrees."""


class RangeCheck:
    """Counts, episode by episode, where each value of the action lies."""

    def __init__(
        self,
        names: Sequence[str],
        low: Sequence[float],
        high: Sequence[float],
        unit: str,
    ) -> None:
        """A name, a lower and an upper bound for each of the A values."""
        self._names, self._unit = names, unit
        self._low, self._high = np.asarray(low, np.float64), np.asarray(high, np.float64)
        self._count = 0
        self._outside = np.zeros(len(self._low), np.int64)
        self._least = np.full(len(self._low), np.inf)
        self._most = np.full(len(self._low), -np.inf)

    def add(self, action: NDArray[Any]) -> None:
        """Look at the actions (T, A) of one episode."""
        slack = _SLACK * (self._high - self._low)
        outside = (action < self._low - slack) | (action > self._high + slack)
        self._count += len(action)
        self._outside += outside.sum(axis=0)
        self._least = np.minimum(self._least, action.min(axis=0, initial=np.inf))
        self._most = np.maximum(self._most, action.max(axis=0, initial=-np.inf))

    def findings(self, file: str) -> list[Finding]:
        """A warning for each value that seems to be in another unit."""
        found = []
        for i, name in enumerate(self._names):
            reason = self._reason(i)
            if reason:
                found.append(Finding("warning", file, f"action {name!r} {reason}"))
        return found

    def _reason(self, i: int) -> str:
        if not self._count or not np.isfinite(self._high[i] - self._low[i]):
            return ""
        seen = f"goes from {self._least[i]:.3g} to {self._most[i]:.3g}"
        taken = f"the robot takes {self._low[i]:g} to {self._high[i]:g} {self._unit}".rstrip()
        share = self._outside[i] / self._count
        if share > _MANY:
            return f"{seen}, {share:.0%} of it outside: {taken}; is the dataset in another unit?"
        largest = max(abs(self._least[i]), abs(self._most[i]))
        bound = max(abs(self._low[i]), abs(self._high[i]))
        if 0 < largest < _LITTLE * bound:
            return f"{seen}, a sliver of the range: {taken}; is the dataset in another unit?"
        return ""
