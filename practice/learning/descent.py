"""Optimiser steps of Stage 1: the losses of a batch, AdamW, and the average of the weights."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from models_store.efm import EFM
from practice.learning import optim
from practice.learning.average import Average
from practice.learning.building import trained
from practice.learning.config import SFTConfig
from practice.learning.parallel import ALONE, Team
from practice.learning.rows import Lesson
from practice.learning.types import Tree


class Descent:
    """Trains a model on lessons; in a team, each process on its share of every lesson."""

    def __init__(self, model: EFM, config: SFTConfig, team: Team = ALONE) -> None:
        """What is trained is the config's choice."""
        self._model, self._config, self._team = model, config, team
        self._named = trained(model, config)
        self._weights = torch.tensor(
            list(config.objectives.values()), device=self._named[0][1].device
        )
        self._average = Average(self._named, config.ema)
        self._optimizer = optim.adam(
            (parameter for _, parameter in self._named),
            slower=(model.judge_parameters(), config.reward_rate),
            learning_rate=config.learning_rate,
            eps=config.adam_eps,
            weight_decay=config.weight_decay,
        )

    def step(self, lesson: Lesson, number: int) -> Tensor:
        """Optimiser step `number` (from 0); this process's part of each objective, nats."""
        config, parameters = self._config, [parameter for _, parameter in self._named]
        rate = config.learning_rate * optim.schedule(config.schedule, number, config.steps)
        optim.set_learning_rate(self._optimizer, rate)
        self._optimizer.zero_grad(set_to_none=True)
        whole = self._team.summed(lesson.counts)
        total = torch.zeros_like(self._weights)
        for part in lesson.parts(config.accumulate):
            losses = part.losses(self._model, whole)
            (self._weights * losses).sum().backward()  # type: ignore[no-untyped-call]
            total += losses.detach()
        self._team.sum_gradients(parameters)
        optim.clip(parameters, config.clip_gradient)
        self._optimizer.step()
        self._average.follow(number)
        return total

    def averaged(self) -> AbstractContextManager[None]:
        """Inside, the model has the averaged weights, where they are averaged."""
        return self._average.in_place()

    def moments(self) -> dict[str, Tensor]:
        """Adam's memory, copied."""
        return optim.moments(self._optimizer, self._named)

    def state(self) -> dict[str, Any]:
        """Adam's memory and the averaged weights; the weights themselves are the model's."""
        return {"optimizer": self.moments(), "average": self._average.state()}

    def load_state(self, tree: Tree) -> None:
        """Go on from `state()`."""
        optim.load_moments(self._optimizer, self._named, tree["optimizer"])
        self._average.load_state(tree.get("average", {}))
