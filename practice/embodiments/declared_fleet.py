"""R environments of a declaration, one after the other in one process."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.declaration import Declaration
from practice.embodiments.declared_env import Lane, Row
from practice.embodiments.interface import Observation, Transition

_NOT_STARTED = -1


class DeclaredFleet:
    """A simulator of any Gymnasium environment.

    `state()` holds seeds and the actions taken since, and `load_state` does them again: it is exact
    where an environment does the same after the same seed and actions, and takes as long as the
    running episodes took.
    """

    def __init__(self, declaration: Declaration, num_robots: int) -> None:
        """Reset every robot before the first step.

        Raises:
            LearningError: an environment cannot be made, or is not as declared.
        """
        self.num_robots = num_robots
        self._declared = declaration
        self._texts = declaration.spec.instructions
        self._lanes = [Lane(declaration) for _ in range(num_robots)]
        self._works = False
        """Whether a step of any robot has gone well, here or before a pause."""

        self.close = weakref.finalize(self, _close, self._lanes)
        """Let go of the environments; a fleet that nobody holds any more does so by itself."""
        # At the interpreter's end libraries they need are gone before them.
        self.close.atexit = False

    def reset(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> Observation:
        """Start new episodes from their seeds; the text goes to environments that read one."""
        told = zip(robots.tolist(), seeds.tolist(), instructions, strict=True)
        return self._joined([self._lanes[robot].reset(seed, text) for robot, seed, text in told])

    def step(self, action: NDArray[Any]) -> Transition:
        """Apply (R, A) actions for one control tick."""
        return self.step_rows(np.arange(self.num_robots), action)

    def step_rows(self, robots: NDArray[np.int64], action: NDArray[Any]) -> Transition:
        """Apply (k, A) actions to these robots, (k,)."""
        assert action.shape == (len(robots), *self._declared.spec.action.shape), action.shape
        moved = [
            self._lanes[robot].step(row) for robot, row in zip(robots.tolist(), action, strict=True)
        ]
        self._must_work()
        success = np.array([reached for _, reached in moved], dtype=np.bool_)
        known = self._declared.spec.knows_success
        return Transition(self._joined([row for row, _ in moved]), success if known else None)

    def state(self) -> dict[str, Any]:
        """Seeds, which instruction, and all actions of the running episodes, (R, T, A) with zeros at
        the end.
        """
        taken = [lane.taken for lane in self._lanes]
        longest = max(len(actions or ()) for actions in taken)
        action = np.zeros((self.num_robots, longest, *self._declared.spec.action.shape), np.float32)
        for robot, actions in enumerate(taken):
            if actions:
                action[robot, : len(actions)] = actions
        steps = [_NOT_STARTED if actions is None else len(actions) for actions in taken]
        return {
            "seed": np.array([lane.seed for lane in self._lanes], dtype=np.uint64),
            "instruction": np.array([self._number(lane.instruction) for lane in self._lanes]),
            "steps": np.array(steps, dtype=np.int64),
            "action": action,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Run every episode again up to where it was."""
        for robot, lane in enumerate(self._lanes):
            steps = int(state["steps"][robot])
            if steps == _NOT_STARTED:
                lane.taken = None
                continue
            text = self._texts[int(state["instruction"][robot])]
            lane.replay(int(state["seed"][robot]), text, state["action"][robot][:steps])
        self._works = True

    def _must_work(self) -> None:
        """An environment that fails in everybody's first step is broken; later it may be unlucky."""
        lanes = self._lanes
        self._works = self._works or any(lane.taken and lane.failure is None for lane in lanes)
        if not self._works and all(lane.failure is not None for lane in lanes):
            raise lanes[0].broken("in the first step of every robot") from lanes[0].failure

    def _number(self, text: str) -> int:
        """Which of the declared instructions; a text that nobody reads may be any other."""
        return self._texts.index(text) if text in self._texts else 0

    def _joined(self, rows: Sequence[Row]) -> Observation:
        """Rows of robots as arrays of their own, (k, ...)."""
        return {
            name: np.stack([row[name] for row in rows]) for name in self._declared.spec.observation
        }


def _close(lanes: Sequence[Lane]) -> None:
    for lane in lanes:
        lane.close()
