"""Gathering (o, a, g, R) tuples from a fleet, by either reading of "an iteration's data".

Whole episodes: a tuple is ready when its episode has ended, so its return is complete. Window: a
tuple is ready when the iteration ends, its return cut there. Both label with the reward model's d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models_store.instructions import Instructions
from practice.episodes.types import Episode
from practice.fleet.book import Endings
from practice.fleet.drivers import tensors
from practice.fleet.loop import Fleet
from practice.fleet.plan import Moment
from practice.fleet.senses import PREVIOUS
from practice.learning.returns import episode_returns, window_returns


@dataclass(frozen=True, slots=True)
class Batch:
    """n tuples on the training device."""

    observation: dict[str, Tensor]
    """Name -> (n, ...)"""

    action: Tensor
    """(n, A) as sampled"""

    returns: Tensor
    """(n,) steps"""

    instructions: Instructions

    def __len__(self) -> int:
        """n"""
        return int(self.returns.shape[0])

    def rows(self, rows: Tensor) -> Batch:
        """These rows only, (m,)."""
        here = rows.to(self.returns.device)
        return Batch(
            {name: values[here] for name, values in self.observation.items()},
            self.action[here],
            self.returns[here],
            self.instructions.rows(rows.numpy()),
        )


@dataclass(frozen=True, slots=True)
class Collected:
    """What one iteration's practice brought."""

    batch: Batch
    endings: Endings
    episodes: list[Episode]
    mean_distance: float
    """Mean of d over the robots' steps."""


def collect_window(
    fleet: Fleet, ticks: int, gamma: float, iteration: int, device: str
) -> Collected:
    """Every step of the next `ticks` ticks; ticks x robots tuples."""
    moments = [fleet.tick(iteration) for _ in range(ticks)]
    distance = np.stack([_known(moment.distance) for moment in moments])  # (W, R)
    before = np.stack([_known(moment.distance_before) for moment in moments])
    ended = np.stack([moment.ended for moment in moments])
    returns = window_returns(before - distance, ended, gamma).reshape(-1)
    observation = {
        name: np.concatenate([moment.observation[name] for moment in moments])
        for name in moments[0].observation
    }
    action = np.concatenate([moment.sampled for moment in moments])
    index = np.concatenate([moment.instructions.index for moment in moments])
    batch = _batch(
        observation, action, returns, Instructions(fleet.plan.instructions, index), device
    )
    return _collected(batch, moments)


def collect_episodes(
    fleet: Fleet, tuples: int, gamma: float, iteration: int, device: str
) -> Collected:
    """Whole episodes until they hold `tuples` steps or more. Others go on in the next iteration,
    so their first steps were sampled by slightly older policies, as on the paper's robots.
    """
    moments: list[Moment] = []
    parts: list[_Part] = []
    have = 0
    while have < tuples:
        moment = fleet.tick(iteration, before_restart=lambda e: parts.append(_cut(fleet, e, gamma)))
        moments.append(moment)
        have += int(moment.endings.steps.sum())
    names = parts[0].observation
    batch = _batch(
        {name: np.concatenate([part.observation[name] for part in parts]) for name in names},
        np.concatenate([part.action for part in parts]),
        np.concatenate([part.returns for part in parts]),
        Instructions(fleet.plan.instructions, np.concatenate([part.instruction for part in parts])),
        device,
    )
    return _collected(batch, moments)


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of the episodes that ended at one tick."""

    observation: dict[str, NDArray[Any]]
    action: NDArray[np.float32]
    returns: NDArray[np.float32]
    instruction: NDArray[np.int64]


def _cut(fleet: Fleet, endings: Endings, gamma: float) -> _Part:
    """All steps of the episodes that just ended, before their robots start anew."""
    trace, robots = fleet.trace, endings.robot
    assert trace is not None
    assert trace.sampled is not None
    longest = int(endings.steps.max())
    which, step = np.nonzero(np.arange(longest)[None, :] < endings.steps[:, None])
    returns = episode_returns(trace.distance[robots, : longest + 1], endings.steps, gamma)
    robot, before = robots[which], np.maximum(step - 1, 0)
    # Rows are picked out of the trace in one go: pictures are copied once.
    seen = {name: array[robot, step] for name, array in trace.observation.items()}
    past = {name + PREVIOUS: trace.observation[name][robot, before] for name in fleet.plan.previous}
    return _Part(
        seen | past,
        trace.sampled[robot, step],
        returns[which, step],
        fleet.instruction[robot],
    )


def _batch(
    observation: dict[str, NDArray[Any]],
    action: NDArray[np.float32],
    returns: NDArray[np.float32],
    instructions: Instructions,
    device: str,
) -> Batch:
    return Batch(
        tensors(observation, device),
        torch.from_numpy(action).to(device),
        torch.from_numpy(returns).to(device),
        instructions,
    )


def _collected(batch: Batch, moments: list[Moment]) -> Collected:
    distances = np.concatenate([_known(moment.distance) for moment in moments])
    return Collected(
        batch,
        Endings.join([moment.endings for moment in moments]),
        [episode for moment in moments for episode in moment.episodes],
        float(distances.mean()),
    )


def _known(distance: NDArray[np.float32] | None) -> NDArray[np.float32]:
    assert distance is not None, "practice needs a reward model"
    return distance
