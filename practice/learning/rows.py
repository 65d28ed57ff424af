"""Demonstrations on the training device: batches, mirrored where asked, and both losses over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models_store.efm import EFM
from models_store.instructions import Instructions
from models_store.words import mirrored
from practice.embodiments.spec import Mirror
from practice.fleet.drivers import tensors
from practice.fleet.senses import PREVIOUS
from practice.learning.data import Demonstrations


@dataclass(frozen=True, slots=True)
class Lesson:
    """B rows, ready for a model."""

    observation: dict[str, Tensor]
    action: Tensor
    acted: Tensor
    steps_to_go: Tensor
    instructions: Instructions

    def losses(self, model: EFM) -> Tensor:
        """(2,): L_BC and L_stg, means over the rows, nats."""
        answer, progress = model.both(self.observation, self.instructions)
        likelihood = answer.log_prob(self.action)
        cloning = -(likelihood * self.acted).sum() / self.acted.sum().clamp(min=1)
        return torch.stack([cloning, progress.loss(self.steps_to_go)])


class Rows:
    """All rows of some demonstrations; pictures stay bytes until a batch needs them."""

    def __init__(
        self,
        data: Demonstrations,
        device: str,
        *,
        inputs: tuple[str, ...],
        previous: tuple[str, ...] = (),
        arrival: str = "success",
        mirror: Mirror | None = None,
    ) -> None:
        """Only `inputs` are kept. With a mirror, the first half of every batch is seen in it."""
        self._observation = tensors({name: data.observation[name] for name in inputs}, device)
        self._previous, self._mirror = previous, mirror
        self._before = torch.from_numpy(data.before)
        self._action = torch.from_numpy(data.action).to(device)
        self._acted = torch.from_numpy(data.acted).to(device)
        steps = data.steps_to_end if arrival == "end" else data.steps_to_go
        self._steps_to_go = torch.from_numpy(steps).to(device)
        texts, self._other = data.instructions, len(data.instructions)
        if mirror is not None:
            swaps = tuple(sorted(mirror.words.items()))
            texts += tuple(mirrored(text, swaps) for text in texts)
            self._signs = {
                name: torch.tensor(signs, dtype=torch.float32, device=device)
                for name, signs in mirror.signs.items()
            }
        self._instructions = Instructions(texts, data.instruction)

    def lesson(self, rows: Tensor) -> Lesson:
        """These rows, (B,) on the CPU."""
        here = rows.to(self._action.device)
        observation = {name: values[here] for name, values in self._observation.items()}
        if self._previous:
            earlier = self._before[rows].to(here.device)
            for name in self._previous:
                observation[name + PREVIOUS] = self._observation[name][earlier]
        lesson = Lesson(
            observation,
            self._action[here],
            self._acted[here],
            self._steps_to_go[here],
            self._instructions.rows(rows.numpy()),
        )
        return lesson if self._mirror is None else self._in_mirror(lesson, self._mirror)

    def _in_mirror(self, lesson: Lesson, mirror: Mirror) -> Lesson:
        """The same with its first half mirrored; which rows stand there is chance already."""
        half = len(lesson.action) // 2
        seen = dict(lesson.observation)
        for name, values in seen.items():
            if name.removesuffix(PREVIOUS) in mirror.cameras:
                seen[name] = torch.cat([values[:half].flip(2), values[half:]])
            elif name in self._signs:
                seen[name] = torch.cat([values[:half] * self._signs[name], values[half:]])
        action = lesson.action
        if "action" in self._signs:
            action = torch.cat([action[:half] * self._signs["action"], action[half:]])
        index = lesson.instructions.index + self._other * (np.arange(len(action)) < half)
        instructions = Instructions(lesson.instructions.texts, index)
        return Lesson(seen, action, lesson.acted, lesson.steps_to_go, instructions)
