"""Before Stage 1: an image model learns where the things are that an instruction names.

The paper's models bring this along from web-scale pretraining, and its ablation shows how much the
steps-to-go reward depends on it (arXiv 2509.15155, section 4.4). A model of half a million weights
brings nothing; what it can have is pictures of random play, which a simulator draws and labels by the
thousand in seconds. They show no task being done and no action, so demonstrations stay the only
teacher of what to do.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models_store.compact_spec import CompactSpec
from models_store.efm import EFM, SmallEFM
from models_store.instructions import Instructions
from practice.embodiments.interface import Scenes, ShowsScenes
from practice.fleet.drivers import tensors
from practice.fleet.senses import PREVIOUS
from practice.learning import optim
from practice.learning.building import heads_only
from practice.learning.config import SFTConfig
from practice.learning.errors import LearningError
from practice.learning.types import Tree

_WIDTH = 128
_HELD_OUT = 512
"""Pictures kept out of training, to measure the error on."""

BATCH = 64
"""Pictures per step."""

_WEIGHT_DECAY = 1e-2
_LONGEST_GRADIENT = 1.0


class Grounding:
    """Trains what `model.look` depends on, through a small head of its own that is thrown away."""

    def __init__(
        self, config: SFTConfig, model: SmallEFM, show: ShowsScenes, texts: tuple[str, ...]
    ) -> None:
        """Pictures are drawn at the first step; `texts` are instructions beside the robot's own."""
        self.total = config.grounding_steps
        self._config, self._model, self._show, self._texts = config, model, show, texts
        self._device = next(model.parameters()).device
        self._generator = torch.Generator().manual_seed(config.seed)
        self._scenes: Scenes | None = None
        self.done = 0

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.done >= self.total

    def step(self, count: int) -> dict[str, float]:
        """So many optimiser steps, at most to the end; the error on kept-out pictures after them."""
        self._prepare()
        for _ in range(min(count, self.total - self.done)):
            rate = self._config.grounding_rate * optim.schedule("one-cycle", self.done, self.total)
            optim.set_learning_rate(self._optimizer, rate)
            rows = torch.randint(len(self._target), (BATCH,), generator=self._generator)
            loss = (self._guess(rows) - self._target[rows].to(self._device)).abs().mean()
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optim.clip((p for _, p in self._named), _LONGEST_GRADIENT)
            self._optimizer.step()
            self.done += 1
        return {"grounding_error_mm": 1_000.0 * self._error()}

    def state(self) -> Tree:
        """Everything but the model, which its owner keeps, and the pictures, which follow from the
        seed; None before the first step and after the last.
        """
        if self._scenes is None or self.finished:
            return {"done": self.done, "rest": None}
        rest = {
            "head": {name: values.clone() for name, values in self._head.state_dict().items()},
            "optimizer": optim.moments(self._optimizer, self._named),
            "generator": self._generator.get_state(),
        }
        return {"done": self.done, "rest": rest}

    def load_state(self, tree: Tree) -> None:
        """Go on from `state()`; the model must be as it was then."""
        self.done, rest = int(tree["done"]), tree["rest"]
        if rest is None:
            return
        self._prepare()
        self._head.load_state_dict(rest["head"])
        optim.load_moments(self._optimizer, self._named, rest["optimizer"])
        self._generator.set_state(rest["generator"])

    def _prepare(self) -> None:
        """Draw the pictures and make the head, once."""
        if self._scenes is not None:
            return
        config = self._config
        self._scenes = scenes = self._show.scenes(
            config.grounding_pictures + _HELD_OUT, seed=config.seed, instructions=self._texts
        )
        before = {name + PREVIOUS: scenes.before[name] for name in self._model.spec.previous}
        self._seen = tensors(scenes.observation | before, "cpu")
        places = torch.from_numpy(scenes.landmarks)
        self._scale = float(places.std())
        # The last ones are kept out.
        self._target = places[:-_HELD_OUT] / self._scale
        self._head = self._new_head(places.shape[1]).to(self._device)
        answers = (*self._model.policy_parameters(), *self._model.judge_parameters())
        skipped = {id(parameter) for parameter in answers}
        self._named = [
            *((n, p) for n, p in self._model.named_parameters() if id(p) not in skipped),
            *((f"head.{n}", p) for n, p in self._head.named_parameters()),
        ]
        self._optimizer = optim.adam(
            (p for _, p in self._named),
            learning_rate=config.grounding_rate,
            eps=config.adam_eps,
            weight_decay=_WEIGHT_DECAY,
        )

    def _new_head(self, outputs: int) -> nn.Sequential:
        with torch.no_grad():
            inputs = self._look(torch.arange(1)).shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._config.seed)
            return nn.Sequential(nn.Linear(inputs, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, outputs))

    def _guess(self, rows: Tensor) -> Tensor:
        """Where things are, (B, M), in units of the landmarks' spread."""
        guess: Tensor = self._head(self._look(rows))
        return guess

    def _look(self, rows: Tensor) -> Tensor:
        assert self._scenes is not None
        observation = {name: values[rows].to(self._device) for name, values in self._seen.items()}
        asked = Instructions(self._scenes.instructions, self._scenes.instruction[rows.numpy()])
        return self._model.look(observation, asked)

    @torch.no_grad()
    def _error(self) -> float:
        """Median distance of guessed from true places, metres."""
        assert self._scenes is not None
        rows = torch.arange(len(self._target), len(self._scenes))
        guess = self._guess(rows).cpu().numpy() * self._scale
        off = guess - self._scenes.landmarks[len(self._target) :]
        return float(np.median(np.linalg.norm(off.reshape(-1, self._scenes.axes), axis=1)))


def grounding(
    config: SFTConfig,
    model: EFM,
    embodiment: object,
    texts: tuple[str, ...],
    *,
    new: bool,
    blind: bool = True,
) -> Grounding | None:
    """What there is to do before Stage 1 of this model; None where there is nothing. `blind` says
    whether a new model has not been pretrained.

    Raises:
        LearningError: the model would stay blind.
    """
    if not new or not isinstance(model, SmallEFM):
        return None
    if not isinstance(model.spec, CompactSpec):
        return None
    if config.grounding_steps and isinstance(embodiment, ShowsScenes):
        return Grounding(config, model, embodiment, texts)
    if blind and heads_only(model, config):
        raise LearningError(
            "A new model that is not grounded and learns its heads alone stays blind: set trains "
            "to all, or grounding_steps above 0 for a robot whose simulator can draw scenes."
        )
    return None
