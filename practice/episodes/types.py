"""What one robot did from a start to an end, as arrays.

`Episode` is the one currency between simulators, recorder, learning and review. It knows no
database and no file; names of observations follow LeRobot (`observation.state`, ...).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

EndedBy = Literal["detector", "success", "horizon", "stop"]


@dataclass(frozen=True, slots=True)
class Episode:
    """One finished episode of T steps."""

    uid: str
    """Unique within the run and stable when the run resumes, e.g. "r3-e17": robot 3, its 17th."""

    robot: int
    """Index in the fleet."""

    instruction: str

    seed: int
    """The start was drawn from this number alone: the same seed gives the same start."""

    observation: dict[str, NDArray[Any]]
    """Name -> (T+1, ...). The last row is the final observation, after the last action."""

    action: NDArray[Any]
    """(T, A), as sent to the robot: after the task's limits."""

    distance: NDArray[Any] | None
    """(T+1,) float32, steps: d(o, g), the mean of the predicted steps-to-go."""

    spread: NDArray[Any] | None
    """(T+1,) float32, steps: the standard deviation of the prediction."""

    ended_by: EndedBy

    detector_success: bool | None
    """d(o_T, g) <= s at the end; None without a reward model."""

    true_success: bool | None
    """Whether the goal was reached at any step, by the simulator; None where nobody knows."""

    iteration: int = 0
    """Which iteration of the run the episode ended in."""

    success_step: int | None = None
    """How many steps it took until the goal was first reached, 1 to T: row `success_step` of the
    observations is the first at the goal. None where it never was, or nobody knows.
    """

    @property
    def length(self) -> int:
        """T, the number of actions taken."""
        return int(self.action.shape[0])
