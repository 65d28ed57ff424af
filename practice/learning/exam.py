"""How well a judge tells progress, on demonstrations that it has never seen. Nothing is trained.

- `loss`: L_stg, nats, counting as it was taught.
- `rank`: Spearman's correlation of -d with time within a demonstration, the mean over demonstrations; 1
  for a judge that sees every step as progress.
- `precision`, `recall`: of single steps. The judge says done where d <= s; it is done from the step on
  in which the simulator says so.
- `done_area`: chance that d is smaller in a step in which it is done than in one in which it is not (the area
  under the ROC curve): what a better s could make of it; 0.5 for a judge that knows nothing.
- `told_apart`: share of last steps of which d is smaller under their own instruction than under
  another demonstration's; 0.5 for a judge that does not read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models_store.checkpoint import EFMCheckpoint
from models_store.instructions import Instructions
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError
from practice.learning.rows import Rows
from practice.learning.types import Report, Tree

_AT_ONCE = 512
_OTHERS = 7
"""Demonstrations between one and the one whose instruction it is asked with."""


class Exam:
    """A run of a single step."""

    kind = "exam"

    def __init__(
        self,
        reward: EFMCheckpoint,
        data: Demonstrations,
        *,
        threshold: float,
        arrival: str = "success",
        device: str = "cpu",
    ) -> None:
        """`threshold` is s in steps; `arrival` is what the judge was taught to count down to.

        Raises:
            LearningError: there are too few demonstrations to tell anything.
        """
        if data.num_episodes <= _OTHERS:
            raise LearningError(
                f"An exam needs more than {_OTHERS} demonstrations; got {data.num_episodes}."
            )
        self._model = reward.build(device)
        self._model.set_precision("auto")  # as practice asks it
        spec = reward.spec
        self._rows = Rows(data, device, inputs=spec.inputs, previous=spec.previous, arrival=arrival)
        self._data, self._threshold = data, threshold
        self._result: dict[str, float] = {}

    @property
    def finished(self) -> bool:
        """Whether it is over."""
        return bool(self._result)

    @torch.inference_mode()
    def step(self) -> Report:
        """All of it."""
        data = self._data
        rows = torch.arange(len(data))
        distance, loss = self._asked(rows, data.instruction)
        last = np.flatnonzero(np.append(data.episode[1:] != data.episode[:-1], True))
        others = np.roll(data.instruction[last], _OTHERS)
        differ = others != data.instruction[last]
        mistaken, _ = self._asked(torch.from_numpy(last), others)
        said, done = distance <= self._threshold, data.steps_to_go == 0
        right = float((said & done).sum())
        self._result = {
            "loss": loss,
            "rank": float(np.mean([_rank(distance[data.episode == e]) for e in range(len(last))])),
            "precision": right / max(float(said.sum()), 1.0),
            "recall": right / max(float(done.sum()), 1.0),
            "done_area": _area(distance, done),
            "told_apart": float((distance[last] < mistaken)[differ].mean()),
        }
        return Report(1, 1, 0, 0, values=dict(self._result))

    def state(self) -> Tree:
        """The result, if there is one."""
        return dict(self._result)

    def load_state(self, tree: Tree) -> None:
        """Take over `state()`."""
        self._result = dict(tree)

    def checkpoints(self) -> dict[str, EFMCheckpoint]:
        """None."""
        return {}

    def result(self) -> dict[str, Any]:
        """The marks, and over how many demonstrations."""
        return {**self._result, "episodes": self._data.num_episodes}

    def _asked(
        self, rows: torch.Tensor, instruction: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], float]:
        """d of these rows under these instructions, (B,) steps, and the mean L_stg, nats."""
        found, loss = [], 0.0
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            lesson = self._rows.lesson(part)
            asked = Instructions(self._data.instructions, instruction[start : start + _AT_ONCE])
            answer = self._model.steps_to_go(lesson.observation, asked)
            found.append(answer.mean.cpu().numpy())
            loss += float(answer.loss(lesson.steps_to_go)) * len(part) / len(rows)
        return np.concatenate(found).astype(np.float64), loss


def _area(distance: NDArray[np.float64], done: NDArray[np.bool_]) -> float:
    """Mann and Whitney's: the share of (done, not done) pairs with the smaller d in the first; ties
    count half.
    """
    _, inverse, counts = np.unique(distance, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    few, many = int(done.sum()), int((~done).sum())
    return 1.0 - float((ranks[done].sum() - few * (few + 1) / 2.0) / max(few * many, 1))


def _rank(distance: NDArray[np.float64]) -> float:
    """Spearman's correlation of -d with time; 0 where d never changes."""
    ranks = np.argsort(np.argsort(-distance, kind="stable"), kind="stable").astype(np.float64)
    if distance.min() == distance.max() or len(distance) < 3:
        return 0.0
    return float(np.corrcoef(ranks, np.arange(len(ranks)))[0, 1])
