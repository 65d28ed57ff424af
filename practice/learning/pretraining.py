"""Pretraining: a small model looks at captioned pictures before it sees a demonstration.

The paper's models bring web-scale image-text pretraining along, and its ablation shows that the judge
needs it most when demonstrations are few (arXiv 2509.15155, section 4.4). Here it can be asked
what such pretraining does to half a million weights: no position, no action, no goal is told, only
pictures of random play and sentences about them. Everything that looks is trained, through heads that
are thrown away; what acts and judges begins anew in Stage 1.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_store.checkpoint import EFMCheckpoint
from models_store.compact import CompactEFM
from models_store.compact_spec import CompactSpec
from models_store.normalisation import Moments, Normalisation
from practice.embodiments.interface import Captioned, Embodiment, ShowsCaptioned
from practice.embodiments.spec import EmbodimentSpec, is_camera
from practice.learning import optim
from practice.learning.config_pretraining import PretrainingConfig
from practice.learning.errors import LearningError
from practice.learning.objectives import Joint, Objective, Unimodal
from practice.learning.pretrained import KIND, ROLE
from practice.learning.revision import code_revision
from practice.learning.types import Report, Tree

_HELD_OUT = 8
"""One picture in so many is kept out of training, to measure on."""

_MOST_HELD_OUT = 512
_AT_ONCE = 128
"""Pictures per forward of a validation."""

_CHANCE = 20_000
"""Seed of what is random in a validation: the same every time."""


class Pretraining:
    """A run; one step is `validate_every` optimiser steps and a validation."""

    kind = KIND

    def __init__(
        self, config: PretrainingConfig, embodiment: Embodiment, *, device: str = "cpu"
    ) -> None:
        """Pictures are drawn at the first step.

        Raises:
            LearningError: nobody can tell about this robot's pictures.
        """
        if not isinstance(embodiment, ShowsCaptioned):
            raise LearningError(
                f"{embodiment.spec.title} has no captioned pictures; choose a robot on a table, e.g. "
                f"language-table-4."
            )
        self.config, self._device, self._show = config, device, embodiment
        self._robot = embodiment.spec.id
        self._spec, self._normalisation = looking_spec(config, embodiment.spec)
        start = EFMCheckpoint.new(self._spec, self._normalisation, seed=config.seed)
        model = start.build(device)
        assert isinstance(model, CompactEFM)
        self._model = model
        self._model.set_precision(config.precision)
        self._generator = torch.Generator().manual_seed(config.seed)
        self._objective: Objective | None = None
        self._step = 0
        self._values: dict[str, float] = {}

    @property
    def finished(self) -> bool:
        """Whether all optimiser steps are done."""
        return self._step >= self.config.steps

    def step(self) -> Report:
        """Train up to the next validation, then validate."""
        objective = self._prepared()
        log = [] if self._step else [self._opening()]
        count = min(self.config.validate_every, self.config.steps - self._step)
        self._values = self._train(objective, count) | self._validate(objective)
        return Report(self._step, self.config.steps, 0, 0, values=self._values, log=log)

    def state(self) -> Tree:
        """Everything but the pictures, which follow from the seed."""
        objective = self._prepared()
        return {
            "step": self._step,
            "values": dict(self._values),
            "model": _copy(self._model.state_dict()),
            "heads": _copy(objective.state_dict()),
            "optimizer": optim.moments(self._optimizer, self._named),
            "generator": self._generator.get_state(),
        }

    def load_state(self, tree: Tree) -> None:
        """Go on from `state()`."""
        objective = self._prepared()
        self._step, self._values = int(tree["step"]), dict(tree["values"])
        self._model.load_state_dict(tree["model"])
        objective.load_state_dict(tree["heads"])
        optim.load_moments(self._optimizer, self._named, tree["optimizer"])
        self._generator.set_state(tree["generator"])

    def checkpoints(self) -> dict[str, EFMCheckpoint]:
        """{"pretrained": ...}, as it is now; empty before the first step."""
        if not self._step:
            return {}
        origin = {"kind": self.kind, "role": ROLE, "iteration": self._step, "data": self._data}
        return {
            ROLE: EFMCheckpoint(
                spec=self._spec,
                normalisation=self._normalisation,
                weights=_copy(self._model.state_dict()),
                config={**origin, "embodiment": self._robot, **self.config.to_json()},
                code_revision=code_revision(),
            )
        }

    def result(self) -> dict[str, Any]:
        """The last losses and scores, and what they are of."""
        return {**self._values, "pictures": self._train_rows, "held_out": self._held_out}

    def _prepared(self) -> Objective:
        """Draw the pictures and make the heads, once."""
        if self._objective is not None:
            return self._objective
        config = self.config
        shown = self._show.captioned(config.scenes, seed=config.seed, captions=config.captions)
        self._data = _digest(shown)
        self._held_out = min(len(shown) // _HELD_OUT, _MOST_HELD_OUT)
        self._train_rows = len(shown) - self._held_out
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            if config.variant == "joint":
                self._objective = Joint(self._model, shown)
            else:
                self._objective = Unimodal(self._model, shown, self._train_rows)
        self._objective.to(self._device)
        answers = (*self._model.policy_parameters(), *self._model.judge_parameters())
        skipped = {id(parameter) for parameter in answers}
        self._named = [
            *((n, p) for n, p in self._model.named_parameters() if id(p) not in skipped),
            *((f"heads.{n}", p) for n, p in self._objective.named_parameters()),
        ]
        self._optimizer = optim.adam(
            (parameter for _, parameter in self._named),
            learning_rate=config.learning_rate,
            eps=config.adam_eps,
            weight_decay=config.weight_decay,
        )
        return self._objective

    def _train(self, objective: Objective, count: int) -> dict[str, float]:
        """`count` optimiser steps; the mean losses over them."""
        config, totals = self.config, dict[str, Tensor]()
        for _ in range(count):
            rate = config.learning_rate * optim.schedule("one-cycle", self._step, config.steps)
            optim.set_learning_rate(self._optimizer, rate)
            rows = torch.randint(self._train_rows, (config.batch_size,), generator=self._generator)
            losses = objective.losses(rows, self._generator)
            self._optimizer.zero_grad(set_to_none=True)
            torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
            optim.clip((parameter for _, parameter in self._named), config.clip_gradient)
            self._optimizer.step()
            for name, loss in losses.items():
                totals[name] = totals.get(name, 0.0) + loss.detach()
            self._step += 1
        means = {f"loss_{name}": float(total) / count for name, total in totals.items()}
        if not np.isfinite(list(means.values())).all():
            raise LearningError(
                f"The loss is no longer a number at step {self._step}; "
                f"lower learning_rate (now {config.learning_rate:g})."
            )
        return means

    @torch.no_grad()
    def _validate(self, objective: Objective) -> dict[str, float]:
        generator = torch.Generator().manual_seed(_CHANCE)
        rows = torch.arange(self._train_rows, self._train_rows + self._held_out)
        totals: dict[str, float] = {}
        for part in rows.split(_AT_ONCE):  # type: ignore[no-untyped-call]
            for name, value in objective.scores(part, generator).items():
                totals[name] = totals.get(name, 0.0) + float(value) * len(part) / len(rows)
        return totals

    def _opening(self) -> str:
        return (
            f"{self._train_rows:,} captioned pictures of random play to learn from, "
            f"{self._held_out} kept out."
        )


def looking_spec(
    config: PretrainingConfig, robot: EmbodimentSpec
) -> tuple[CompactSpec, Normalisation]:
    """A model of cameras and words alone, whose heads are as small as can be."""
    cameras = {name: f.shape for name, f in robot.observation.items() if is_camera(name)}
    spec = CompactSpec(
        cameras={name: (shape[0], shape[1], shape[2]) for name, shape in cameras.items()},
        previous=tuple(cameras) if config.previous_frame else (),
        action_low=robot.action.low,
        action_high=robot.action.high,
        action_bins=robot.action.bins,
        queries=config.queries,
        policy_hidden=(),
        distance_hidden=(),
    )
    plain = Moments((0.0,) * spec.action_size, (1.0,) * spec.action_size)
    return spec, Normalisation({}, plain)


def _copy(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: values.detach().cpu().clone() for name, values in weights.items()}


def _digest(shown: Captioned) -> str:
    """sha256 of everything that is shown and told."""
    found = hashlib.sha256("\n".join(shown.texts).encode())
    for part in (*shown.observation.values(), *shown.before.values(), shown.caption, shown.wrong):
        found.update(np.ascontiguousarray(part).tobytes())
    return found.hexdigest()
