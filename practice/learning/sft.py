"""Stage 1, supervised fine-tuning (arXiv 2509.15155, section 3.1).

    L_BC  = -E log p(a_t | o_t, g)          behavioural cloning
    L_stg = -E log p(T - t | o_t, g)        steps-to-go, categorical over bins
    L_ins = -E log p(g | o_0, o_T)          instruction prediction, an option for pretrained models

Policy and reward checkpoints are chosen separately, each by its own validation loss on episodes
kept out of training.

Departures from the paper:
- A batch is not split over the objectives: every row serves all. The two networks of the
  state-only model share no weights, so this is the same as two batches, at half the gathering.
- Rows are drawn with replacement, so that resuming needs nothing but the generator.
"""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from models_store.checkpoint import EFMCheckpoint
from models_store.efm import EFM, LookingEFM, SmallEFM
from models_store.spec import ModelSpec
from practice.embodiments.spec import EmbodimentSpec, Mirror
from practice.learning.building import (
    check_fit,
    first_model,
    handed_on,
    looks_once,
    measure,
    model_spec,
    prepare_to_learn,
)
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations, split
from practice.learning.descent import Descent
from practice.learning.errors import LearningError
from practice.learning.grounding import Grounding, grounding
from practice.learning.parallel import ALONE, Team
from practice.learning.pretrained import adopt, origins
from practice.learning.revision import code_revision
from practice.learning.rows import Looked, Rows
from practice.learning.types import Report, Tree

_LOOKS = 16
"""Forwards of as many rows as fit, between reports: seconds."""


class SFT:
    """A Stage-1 run; one step is `validate_every` optimiser steps and a validation."""

    kind = "sft"

    def __init__(
        self,
        config: SFTConfig,
        demonstrations: Demonstrations,
        spec: EmbodimentSpec,
        *,
        device: str = "cpu",
        initial: EFMCheckpoint | None = None,
        pretrained: EFMCheckpoint | None = None,
        show: object = None,
        team: Team = ALONE,
    ) -> None:
        """Train a new model, which may see and read as `pretrained` does, or go on with `initial`, which must
        fit the demonstrations. `show`, an embodiment, draws the pictures for grounding; all of a `team` get the same.
        """
        check_fit(demonstrations, spec)
        self.config, self._device, self._team = config, device, team
        self._train, self._validation, self._kept = split(demonstrations, config)
        self._parents = origins(config, initial, pretrained)
        self._model_spec = initial.spec if initial else model_spec(config, spec)
        self._normalisation = (
            initial.normalisation if initial else measure(self._train, self._model_spec)
        )
        self._model = first_model(config, self._model_spec, self._normalisation, initial).to(device)
        adopt(self._model, pretrained)
        self._model.set_precision(config.precision)
        prepare_to_learn(self._model, config)
        texts = demonstrations.instructions
        self._grounding = grounding(
            config, self._model, show, texts, new=initial is None, blind=pretrained is None
        )
        self._descent = Descent(self._model, config, team)
        self._generator = torch.Generator().manual_seed(config.seed)
        mirror = spec.mirror if config.mirror else None
        self._rows = self._lessons(self._train, mirror)
        team.check_batch(config.batch_size, 1 if mirror is None else 2)
        self._held_out = self._lessons(self._validation) if len(self._validation) else None
        self._step = 0
        self._values: dict[str, float] = {}
        self._best: dict[str, dict[str, Any]] = {}

    @property
    def finished(self) -> bool:
        """Whether all optimiser steps are done."""
        return self._step >= self.config.steps

    def step(self) -> Report:
        """Ground or look for a while; or train up to the next validation, then validate and keep
        what got better.
        """
        if self._grounding is not None and not self._grounding.finished:
            return self._ground(self._grounding)
        unseen = [one for one in (self._rows, self._held_out) if _has_to_look(one)]
        if unseen:
            return self._look(unseen[0])
        log = [] if self._step else [self._opening()]
        count = min(self.config.validate_every, self.config.steps - self._step)
        self._values = self._train_steps(count)
        with self._descent.averaged():
            improved = self._choose()
        return self._report(self._values, log, improved=improved)

    def _choose(self) -> bool:
        """Validate and keep what got better; whether anything did."""
        validation = self._validate()
        self._values |= validation
        improved = False
        losses = {
            "policy": validation.get("val_loss_bc", self._values["loss_bc"]),
            "reward": validation.get("val_loss_steps_to_go", self._values["loss_steps_to_go"]),
        }
        wanted = {"policy": self.config.policy_choice, "reward": self.config.reward_choice}
        for role, choice in wanted.items():
            if choice == "last" or losses[role] < self._best.get(role, {}).get(
                "loss", float("inf")
            ):
                self._keep(role, losses[role])
                improved = True
        return improved

    def state(self) -> Tree:
        """Weights, moments, generator, best so far."""
        return {
            "step": self._step,
            "grounding": None if self._grounding is None else self._grounding.state(),
            "values": dict(self._values),
            "model": _copy(self._model),
            **self._descent.state(),
            "generator": self._generator.get_state(),
            "best": {role: dict(best) for role, best in self._best.items()},
        }

    def load_state(self, tree: Tree) -> None:
        """Go on from `state()`."""
        self._step = int(tree["step"])
        self._values = dict(tree["values"])
        self._model.load_state_dict(tree["model"])
        if self._grounding is not None:
            self._grounding.load_state(tree["grounding"])
        self._descent.load_state(tree)
        self._generator.set_state(tree["generator"])
        self._best = {role: dict(best) for role, best in tree["best"].items()}

    def checkpoints(self) -> dict[str, EFMCheckpoint]:
        """{"policy": ..., "reward": ...}; empty before the first step."""
        return {
            role: EFMCheckpoint(
                spec=handed_on(self._model_spec, self.config),
                normalisation=self._normalisation,
                weights=best["weights"],
                config={"kind": self.kind, "role": role, "iteration": best["step"]}
                | self.config.to_json(),
                parents=self._parents,
                optimizer=best["optimizer"],
                code_revision=code_revision(),
            )
            for role, best in self._best.items()
        }

    def result(self) -> dict[str, Any]:
        """The last losses, and at which step each role's checkpoint was chosen."""
        chosen = {f"{role}_step": best["step"] for role, best in self._best.items()}
        return {
            **self._values,
            **chosen,
            "episodes": self._kept,
            "rows": len(self._train),
            "validation_rows": len(self._validation),
        }

    def _train_steps(self, count: int) -> dict[str, float]:
        """`count` optimiser steps; the mean losses over them."""
        config, size = self.config, self.config.batch_size
        picked = torch.randint(len(self._train), (count, size), generator=self._generator)
        totals = torch.zeros(len(config.objectives), device=self._device)
        for lesson in self._rows.lessons(self._team.share(picked)):
            totals += self._descent.step(lesson, self._step)
            self._step += 1
        losses = self._named("loss", self._team.summed(totals) / count)
        if not np.isfinite(sum(losses.values())):
            raise LearningError(
                f"The loss is no longer a number at step {self._step}; "
                f"lower learning_rate (now {config.learning_rate:g})."
            )
        return losses

    @torch.inference_mode()
    def _validate(self) -> dict[str, float]:
        if self._held_out is None:
            return {}
        # Evenly spread over the kept-out episodes, the same rows every time.
        count = min(len(self._validation), self.config.validation_rows)
        rows = torch.linspace(0, len(self._validation) - 1, count).long()
        looked = isinstance(self._held_out, Looked) and isinstance(self._model, SmallEFM)
        small = looked or isinstance(self._model_spec, ModelSpec)
        size = count if small else self._model.rows_at_once
        if isinstance(self._held_out, Rows):
            size = self._held_out.at_once(size)
        parts = [rows[i : i + size] for i in range(0, count, size)]
        total = torch.zeros(len(self.config.objectives), device=self._device)
        for part in parts[self._team.rank :: self._team.world]:
            total += self._held_out.lesson(part).losses(self._model) * (len(part) / count)
        return self._named("val_loss", self._team.summed(total))

    def _named(self, prefix: str, losses: Tensor) -> dict[str, float]:
        """The losses of all objectives, by name."""
        named = zip(self.config.objectives, losses.tolist(), strict=True)
        return {f"{prefix}_{name}": value for name, value in named}

    def _lessons(self, data: Demonstrations, mirror: Mirror | None = None) -> Rows | Looked:
        """The rows on the device; to be looked at once where looking is not trained."""
        spec, kept = self._model_spec, len(data) * (1 if mirror is None else 2)
        rows = Rows(
            data, self._device, inputs=spec.inputs, previous=spec.previous,
            arrival=self.config.arrival, mirror=mirror, moments="instruction" in self.config.objectives,
        )  # fmt: skip
        return Looked(rows) if looks_once(self._model, self.config, kept) else rows

    def _ground(self, grounding: Grounding) -> Report:
        """Up to the next measurement of the error."""
        log = [] if grounding.done else [self._grounding_opening(grounding)]
        values = grounding.step(self.config.validate_every)
        if grounding.finished:
            self._team.hand_out(self._model)
            off = values["grounding_error_mm"]
            log.append(f"Things are found to {off:.1f} mm (median over pictures kept out).")
        return self._report(values, log)

    def _look(self, lessons: Looked) -> Report:
        """At the next pictures, once and for all."""
        model = self._model
        assert isinstance(model, LookingEFM)
        lessons.look(model, _LOOKS * model.rows_at_once)
        new = lessons is self._rows and lessons.finished and "initial" not in self._parents
        if new and isinstance(model, SmallEFM):
            model.calibrate(lessons.seen)
            self._team.hand_out(model)
        return self._report({}, [f"Looked at {lessons.done:,} pictures."])

    def _report(
        self, values: dict[str, float], log: list[str], *, improved: bool = False
    ) -> Report:
        done, total = (self._grounding.done, self._grounding.total) if self._grounding else (0, 0)
        return Report(
            iteration=done + self._step,
            total=total + self.config.steps,
            env_steps=0,
            episodes_total=0,
            values=values,
            log=log,
            improved=improved,
        )

    def _keep(self, role: str, loss: float) -> None:
        self._best[role] = {
            "loss": loss,
            "step": self._step,
            "weights": _copy(self._model),
            # Stage 2 may go on with Adam's moments; the reward model is never trained again.
            "optimizer": self._descent.moments() if role == "policy" else None,
        }

    def _grounding_opening(self, grounding: Grounding) -> str:
        return (
            f"Learning where things are, in {self.config.grounding_pictures:,} pictures of random "
            f"play and {grounding.total:,} steps."
        )

    def _opening(self) -> str:
        return (
            f"{self._kept} demonstrations, {len(self._train)} steps to learn from, "
            f"{len(self._validation)} kept out for validation."
        )


def _has_to_look(rows: Rows | Looked | None) -> TypeGuard[Looked]:
    return isinstance(rows, Looked) and not rows.finished


def _copy(model: EFM) -> dict[str, Tensor]:
    return {name: values.detach().cpu().clone() for name, values in model.state_dict().items()}
