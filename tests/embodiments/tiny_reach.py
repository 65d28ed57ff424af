"""An environment from somewhere else, as small as they come, and with faults to be found."""

from __future__ import annotations

from itertools import count
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

_made = count()
DECLARATION: dict[str, Any] = {
    "id": "tiny-reach",
    "title": "Tiny reach",
    "make": "tests.embodiments.tiny_reach:TinyReach",
    "kwargs": {"render_mode": "rgb_array"},
    "features": {
        "observation.images.top": {"shape": [8, 12, 3]},
        "observation.state": {"shape": [2], "names": ["x", "y"], "unit": "m"},
        "observation.environment_state": {"shape": [2], "dtype": "float64", "privileged": True},
    },
    "features_map": {
        "observation.images.top": "pixels",
        "observation.state": "agent.pos",
        "observation.environment_state": "goal",
    },
    "instruction_option": "instruction",
    "action": {"names": ["dx", "dy"], "unit": "m", "low": [-0.2, -0.2], "high": [0.2, 0.2]},
    "control_hz": 5,
    "horizon": 40,
    "instructions": ["go left", "go right"],
    "limits": [{"name": "max_dx", "minimum": 0.01, "maximum": 0.2, "actions": ["dx"]}],
}


class TinyReach(gymnasium.Env[dict[str, Any], NDArray[np.float32]]):
    """A point between two goals; the instruction says which. It ends by itself when it is there."""

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, render_mode: str | None = None, fault: str = "") -> None:
        """`fault` names what is wrong with it."""
        self.render_mode, self._fault, self._number = render_mode, fault, next(_made)
        box: Any = gymnasium.spaces.Box
        self.observation_space = gymnasium.spaces.Dict(
            {
                "agent": gymnasium.spaces.Dict({"pos": box(-2, 2, (2,), np.float64)}),
                "goal": box(-2, 2, (2,), np.float64),
                "pixels": box(0, 255, (16, 24, 3), np.uint8),
            }
        )
        self.action_space = box(-0.5, 0.5, (2,), np.float64)
        self._at, self._goal = np.zeros(2), np.zeros(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=None if self._fault == "ignores the seed" else seed)
        self._at = np.zeros(2)
        if self._fault != "always starts alike":
            self._at = self.np_random.uniform(-0.2, 0.2, 2)
        asked = (options or {}).get("instruction", "go left")
        self._goal = np.array([-1.0 if asked == "go left" else 1.0, 0.0])
        return self._observed(), {}

    def step(
        self, action: NDArray[Any]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        assert action.dtype == np.float64
        if self._fault == "breaks":
            raise ZeroDivisionError("no friction")
        self._at = np.clip(self._at + action, -2, 2)
        if self._fault == "knows its number":
            self._at[0] += 1e-3 * self._number
        reached = bool(np.hypot(*(self._at - self._goal)) < 0.2)
        info = {} if self._fault == "tells no success" else {"is_success": reached}
        return self._observed(), float(reached), reached, False, info

    def render(self) -> NDArray[np.uint8]:
        return self._picture()

    def _observed(self) -> dict[str, Any]:
        return {"agent": {"pos": self._at}, "goal": self._goal, "pixels": self._picture()}

    def _picture(self) -> NDArray[np.uint8]:
        picture = np.zeros((16, 24, 3), np.uint8)
        if self._fault != "draws nothing":
            row, column = np.clip((8 + 4 * self._at[1], 12 + 6 * self._at[0]), 0, (14, 22))
            picture[int(row) : int(row) + 2, int(column) : int(column) + 2] = 250
        return picture
