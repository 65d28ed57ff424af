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

from models_store.efm import SEEN
from models_store.instructions import Instructions
from practice.embodiments.interface import Observation
from practice.episodes.types import Episode
from practice.fleet.book import Endings
from practice.fleet.drivers import tensors
from practice.fleet.loop import Fleet
from practice.fleet.plan import Moment
from practice.fleet.senses import PREVIOUS
from practice.fleet.trace import Trace
from practice.learning.returns import PROGRESS, Reward, episode_returns, window_returns


@dataclass(frozen=True, slots=True)
class Batch:
    """n tuples on the training device."""

    observation: dict[str, Tensor]
    """Name -> (n, ...); nothing but what was seen in it, where policy and judge share their looks."""

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
    fleet: Fleet,
    ticks: int,
    gamma: float,
    iteration: int,
    device: str,
    *,
    reward: Reward = PROGRESS,
) -> Collected:
    """Every step of the next `ticks` ticks; ticks x robots tuples."""
    moments: list[Moment] = []
    arrivals = []
    for _ in range(ticks):
        moments.append(fleet.tick(iteration))
        arrivals.append(_arrived(fleet, moments[-1]))
    distance = np.stack([_known(moment.distance) for moment in moments])  # (W, R)
    before = np.stack([_known(moment.distance_before) for moment in moments])
    ended = np.stack([moment.ended for moment in moments])
    rewards = reward.of(before, distance, np.stack(arrivals), gamma)
    returns = window_returns(rewards, ended, gamma).reshape(-1)
    shown = [_shown(moment) for moment in moments]
    observation = {name: np.concatenate([one[name] for one in shown]) for name in shown[0]}
    action = np.concatenate([moment.sampled for moment in moments])
    index = np.concatenate([moment.instructions.index for moment in moments])
    batch = _batch(
        observation, action, returns, Instructions(fleet.plan.instructions, index), device
    )
    return _collected(batch, moments)


def collect_episodes(
    fleet: Fleet,
    tuples: int,
    gamma: float,
    iteration: int,
    device: str,
    *,
    reward: Reward = PROGRESS,
) -> Collected:
    """Whole episodes until they hold `tuples` steps or more. Others go on in the next iteration,
    so their first steps were sampled by slightly older policies, as on the paper's robots.
    """
    moments: list[Moment] = []
    parts: list[_Part] = []
    have = 0

    def keep(endings: Endings) -> None:
        parts.append(_cut(fleet, endings, gamma, reward))

    while have < tuples:
        moment = fleet.tick(iteration, before_restart=keep)
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


def _cut(fleet: Fleet, endings: Endings, gamma: float, reward: Reward) -> _Part:
    """All steps of the episodes that just ended, before their robots start anew."""
    trace, robots = fleet.trace, endings.robot
    assert trace is not None
    assert trace.sampled is not None
    longest = int(endings.steps.max())
    which, step = np.nonzero(np.arange(longest)[None, :] < endings.steps[:, None])
    returns = episode_returns(
        trace.distance[robots, : longest + 1], endings.steps, gamma, reward, endings.success_step
    )
    robot = robots[which]
    return _Part(
        _traced(trace, robot, step, fleet.plan.previous),
        trace.sampled[robot, step],
        returns[which, step],
        fleet.instruction[robot],
    )


def _traced(
    trace: Trace, robot: NDArray[np.int64], step: NDArray[np.int64], previous: tuple[str, ...]
) -> Observation:
    """What the policy acted upon at these steps of these robots, (n,) each."""
    if trace.seen is not None:
        return {SEEN: trace.seen[robot, step]}
    before = np.maximum(step - 1, 0)
    # Rows are picked out of the trace in one go: pictures are copied once.
    shown = {name: array[robot, step] for name, array in trace.observation.items()}
    past = {name + PREVIOUS: trace.observation[name][robot, before] for name in previous}
    return shown | past


def _shown(moment: Moment) -> Observation:
    """What the policy acted upon."""
    return moment.observation if moment.seen is None else {SEEN: moment.seen}


def _arrived(fleet: Fleet, moment: Moment) -> NDArray[np.bool_]:
    """(k,) whether each robot that moved reached its goal for the first time in this tick."""
    book, rows, endings = fleet.book, moment.robots, moment.endings
    arrived: NDArray[np.bool_] = book.success_step[rows] == book.step[rows]
    # Those whose episode ended are in their next one by now.
    arrived[moment.ended] = endings.success_step == endings.steps
    return arrived


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
