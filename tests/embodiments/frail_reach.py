"""A tiny environment in which some episodes go wrong, and whose actions may be of any type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from tests.embodiments.tiny_reach import DECLARATION, TinyReach

LAST = 1_000
"""Seeds from here on never go wrong."""

WRONG = ("raises", "is not finite")


class FrailReach(TinyReach):
    """Goes wrong `how` and `when`: in a step counted from 1, or at the start, which is 0."""

    made: ClassVar[int] = 0
    acted: ClassVar[list[NDArray[Any]]] = []

    def __init__(
        self, how: str = "", when: int = 3, box: tuple[float, float, str] = (-0.2, 0.2, "float64")
    ) -> None:
        super().__init__("rgb_array")
        FrailReach.made += 1
        self._how, self._when, self._step, self._seed = how, when, 0, 0
        self._worn = self._failed = False
        low, high, dtype = box
        space: Any = gymnasium.spaces.Box
        self.action_space = space(low, high, (2,), np.dtype(dtype))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        self._step, self._seed = 0, seed or 0
        seen, info = super().reset(seed=seed, options=options)
        seen = self._gone_wrong(seen)
        self._worn = True
        return seen, info

    def step(
        self, action: NDArray[Any]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), action
        FrailReach.acted.append(action)
        self._step += 1
        seen, *rest = super().step(action.astype(np.float64))
        return (self._gone_wrong(seen), *rest)  # type: ignore[return-value]

    def close(self) -> None:
        if self._failed:
            raise OSError("no window")

    def _gone_wrong(self, seen: dict[str, Any]) -> dict[str, Any]:
        if self._step != self._when or self._seed >= LAST:
            return seen
        self._failed = self._how in WRONG or (self._how == "wears out" and self._worn)
        if self._how == "raises":
            raise ZeroDivisionError(f"no friction in seed {self._seed}")
        return seen | {"agent": {"pos": np.array([np.nan, 0.0])}} if self._failed else seen


def frail(**kwargs: Any) -> dict[str, Any]:
    """Its declaration."""
    return DECLARATION | {"make": "tests.embodiments.frail_reach:FrailReach", "kwargs": kwargs}


def within(low: Sequence[float], high: Sequence[float]) -> dict[str, Any]:
    """The part of a declaration whose actions lie between these."""
    return {"action": {"names": ["dx", "dy"], "low": list(low), "high": list(high)}, "limits": []}
