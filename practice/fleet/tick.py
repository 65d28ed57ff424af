"""What listeners hear: one `Tick` per control tick, for the whole fleet at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tick:
    """The fleet just after a step and before ended robots start anew. R robots."""

    iteration: int
    step: NDArray[np.int64]
    """(R,) steps each robot has taken in its episode."""

    observation: dict[str, NDArray[Any]]
    """Name -> (R, ...)"""

    action: NDArray[np.float32]
    """(R, A) as sent: after the task's limits."""

    distance: NDArray[np.float32] | None
    """(R,) steps: d(o, g); None without a reward model."""

    spread: NDArray[np.float32] | None
    """(R,) steps"""

    probs: NDArray[np.float32] | None
    """(R, bins) the predicted distribution of steps-to-go."""

    bin_centres: NDArray[np.float32] | None
    """(bins,) steps"""

    detector: NDArray[np.bool_] | None
    """(R,) whether the success detector says done."""

    true_success: NDArray[np.bool_] | None
    """(R,) whether the goal has been reached in this episode; None where nobody knows."""

    active: NDArray[np.bool_]
    """(R,) False for robots that wait for the others to end."""

    ended: NDArray[np.bool_]
    """(R,) whose episode ended at this tick."""

    instructions: list[str]
    uid: list[str]
    """Of the episode each robot is in."""

    captured_at: float
    """time.time(), seconds"""


class Sink(Protocol):
    """A listener: live pictures, a recorder, a counter. It must not block and changes nothing."""

    def on_tick(self, tick: Tick) -> None:
        """Called once per control tick, in the loop's own thread."""
        ...
