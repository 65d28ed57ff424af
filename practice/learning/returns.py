"""Rewards and returns from predicted steps-to-go (arXiv 2509.15155, section 3.2).

r_t = d(o_t, g) - d(o_{t+1}, g): progress, in steps. R_t = sum_{i >= t} gamma^(i - t) r_i. A robot
that moves one step closer per step earns 1 per step, so R tends to 1 / (1 - gamma).

The other rewards are there to be compared with it. With V = -d, progress is the core reward
(1 - gamma) V(o_{t+1}) plus the shaping term gamma V(o_{t+1}) - V(o_t).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Reward:
    """What a step earns."""

    kind: Literal["progress", "core", "success"] = "progress"
    success_bonus: float = 0.0
    """Steps; on top, at the step in which true success is reached first."""

    def of(
        self,
        before: NDArray[np.float32],
        after: NDArray[np.float32],
        arrived: NDArray[np.bool_],
        gamma: float,
    ) -> NDArray[np.float32]:
        """Rewards, steps.

        Args:
            before: d(o_t, g), any shape.
            after: d(o_{t+1}, g), the same shape.
            arrived: whether true success was first reached with that step, the same shape.
            gamma: discount.
        """
        earned: NDArray[np.float32]
        if self.kind == "progress":
            earned = before - after
        elif self.kind == "core":
            earned = np.float32(gamma - 1.0) * after
        else:
            earned = arrived.astype(np.float32)
        if self.success_bonus:
            earned = earned + np.where(arrived, np.float32(self.success_bonus), np.float32(0.0))
        return earned


PROGRESS = Reward()


def window_returns(
    rewards: NDArray[np.float32], ended: NDArray[np.bool_], gamma: float
) -> NDArray[np.float32]:
    """Returns within a window of W ticks of R robots, cut at episode ends and at the window's end.

    Progress rewards make the cut harmless: each return is the discounted progress up to there,
    and the part that is missing is what lies more than the rest of the window ahead.

    Args:
        rewards: (W, R)
        ended: (W, R), whether the episode ended with that step.
        gamma: discount.
    """
    assert rewards.shape == ended.shape, (rewards.shape, ended.shape)
    returns = np.empty_like(rewards)
    later = np.zeros(rewards.shape[1], dtype=rewards.dtype)
    going_on = np.where(ended, 0.0, gamma).astype(rewards.dtype)
    for t in range(rewards.shape[0] - 1, -1, -1):
        later = rewards[t] + going_on[t] * later
        returns[t] = later
    return returns


def episode_returns(
    distance: NDArray[np.float32],
    steps: NDArray[np.int64],
    gamma: float,
    reward: Reward = PROGRESS,
    success_step: NDArray[np.int64] | None = None,
) -> NDArray[np.float32]:
    """Returns of k whole episodes at once.

    Args:
        distance: (k, H + 1) d(o_t, g); entries past an episode's end are ignored.
        steps: (k,) T, number of actions in each.
        gamma: discount.
        reward: what a step earns.
        success_step: (k,) after how many steps true success was first reached, -1 for never.

    Returns:
        (k, H); entries past an episode's end are 0.
    """
    horizon = distance.shape[1] - 1
    assert steps.shape == (distance.shape[0],), (steps.shape, distance.shape)
    inside = np.arange(horizon)[None, :] < steps[:, None]
    reached = np.full_like(steps, -1) if success_step is None else success_step
    arrived = np.arange(1, horizon + 1)[None, :] == reached[:, None]
    earned = reward.of(distance[:, :-1], distance[:, 1:], arrived, gamma)
    rewards = np.where(inside, earned, np.float32(0.0))
    summed: NDArray[Any] = rewards @ _discounts(horizon, gamma)
    return np.where(inside, summed, np.float32(0.0))


@lru_cache(maxsize=8)
def _discounts(horizon: int, gamma: float) -> NDArray[np.float32]:
    """(H, H): entry (i, t) is gamma^(i - t) for i >= t, else 0."""
    ahead = np.arange(horizon)[:, None] - np.arange(horizon)[None, :]
    return np.where(ahead >= 0, float(gamma) ** np.maximum(ahead, 0), 0.0).astype(np.float32)
