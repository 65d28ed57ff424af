"""Batches of the right shapes and of nothing: what a probe learns from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from models_store.efm import EFM, SEEN, LookingEFM
from models_store.instructions import Instructions
from models_store.specs import Spec
from practice.embodiments.spec import EmbodimentSpec, is_camera
from practice.fleet.senses import PREVIOUS
from practice.learning.collecting import Batch
from practice.learning.rows import Lesson


class MadeUp:
    """Rows for a model of this description, drawn anew for each size."""

    def __init__(
        self, spec: Spec, robot: EmbodimentSpec, texts: Sequence[str], *, device: str
    ) -> None:
        """`texts` are the task's instructions: their length is part of the cost."""
        self._spec, self._robot, self._device = spec, robot, device
        self._texts = tuple(texts) or robot.instructions
        self._generator = torch.Generator().manual_seed(0)

    def observation(self, rows: int) -> dict[str, Tensor]:
        """Name -> (rows, ...), what the model reads; pictures of noise."""
        shapes = {name: self._robot.observation[name].shape for name in self._spec.inputs}
        shapes |= {name + PREVIOUS: shapes[name] for name in self._spec.previous}
        return {name: self._values(name, rows, shape) for name, shape in shapes.items()}

    def instructions(self, rows: int) -> Instructions:
        """In turn."""
        return Instructions(self._texts, np.arange(rows) % len(self._texts))

    def lesson(self, rows: int, seer: LookingEFM | None = None, *, moments: bool = False) -> Lesson:
        """For Stage 1; of what `seer` sees, where looking is not trained; with two moments that tell the
        instruction, where it is to be told.
        """
        observation, instructions = self.observation(rows), self.instructions(rows)
        if seer is not None:
            observation = _seen(seer, observation, instructions)
        steps = self._robot.steps_to_go_max * torch.rand(rows, generator=self._generator)
        return Lesson(
            observation, self._action(rows), torch.ones(rows, dtype=torch.bool, device=self._device),
            steps.to(self._device), instructions,
            (self.observation(rows), self.observation(rows)) if moments else (),
        )  # fmt: skip

    def batch(self, rows: int, seer: EFM | None = None) -> Batch:
        """For Stage 2; of what `seer` sees, where policy and judge share their looks."""
        observation, instructions = self.observation(rows), self.instructions(rows)
        if isinstance(seer, LookingEFM):
            observation = _seen(seer, observation, instructions)
        returns = torch.rand(rows, generator=self._generator).to(self._device)
        return Batch(observation, self._action(rows), returns, instructions)

    def _action(self, rows: int) -> Tensor:
        low, high = (
            torch.tensor(ends, dtype=torch.float32)
            for ends in (self._robot.action.low, self._robot.action.high)
        )
        share = torch.rand(rows, len(low), generator=self._generator)
        return (low + share * (high - low)).to(self._device)

    def _values(self, name: str, rows: int, shape: tuple[int, ...]) -> Tensor:
        if is_camera(name.removesuffix(PREVIOUS)):
            size = (rows, *shape)
            bytes_ = torch.randint(0, 256, size, dtype=torch.uint8, generator=self._generator)
            return bytes_.to(self._device)
        return torch.randn(rows, math.prod(shape), generator=self._generator).to(self._device)


@torch.no_grad()
def _seen(
    seer: LookingEFM, observation: dict[str, Tensor], instructions: Instructions
) -> dict[str, Tensor]:
    parts = []
    for rows in torch.arange(len(instructions)).split(seer.rows_at_once):  # type: ignore[no-untyped-call]
        some = {name: values[rows.to(values.device)] for name, values in observation.items()}
        parts.append(seer.look(some, instructions.rows(rows.numpy())))
    return {SEEN: torch.cat(parts)}
