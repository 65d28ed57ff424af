"""Stage 1, supervised fine-tuning (arXiv 2509.15155, section 3.1).

    L_BC  = -E log p(a_t | o_t, g)          behavioural cloning
    L_stg = -E log p(T - t | o_t, g)        steps-to-go, categorical over bins

Policy and reward checkpoints are chosen separately, each by its own validation loss on episodes
kept out of training.

Departures from the paper:
- A batch is not split over the two objectives: every row serves both. The two networks of the
  state-only model share no weights, so this is the same as two batches, at half the gathering.
- Rows are drawn with replacement, so that resuming needs nothing but the generator.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_store.checkpoint import EFMCheckpoint
from models_store.compact_spec import CompactSpec
from models_store.efm import EFM
from models_store.normalisation import Normalisation
from models_store.specs import Spec
from practice.embodiments.spec import EmbodimentSpec, Mirror
from practice.learning import optim
from practice.learning.building import check_fit, measure, model_spec, new_checkpoint
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError
from practice.learning.revision import code_revision
from practice.learning.rows import Rows
from practice.learning.temperature import at_temperature
from practice.learning.types import Report, Tree

_ROLES = ("policy", "reward")

_PICTURES_AT_ONCE = 1_024
"""Rows per forward of a validation; the activations of more would not fit a small machine."""


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
    ) -> None:
        """Train a new model, or go on training `initial`, which must fit the demonstrations."""
        check_fit(demonstrations, spec)
        self.config, self._device = config, device
        self._train, self._validation, self._kept = _split(demonstrations, config)
        self._parents = {"initial": initial.digest} if initial else {}
        self._model_spec = initial.spec if initial else model_spec(config, spec)
        self._normalisation = (
            initial.normalisation if initial else measure(self._train, self._model_spec)
        )
        self._model = _model(config, self._model_spec, self._normalisation, initial).to(device)
        self._model.set_precision(config.precision)
        self._optimizer = optim.adam(
            self._model.parameters(),
            learning_rate=config.learning_rate,
            eps=config.adam_eps,
            weight_decay=config.weight_decay,
        )
        self._generator = torch.Generator().manual_seed(config.seed)
        mirror = spec.mirror if config.mirror else None
        self._rows = self._on_device(self._train, mirror)
        self._held_out = self._on_device(self._validation) if len(self._validation) else None
        self._step = 0
        self._values: dict[str, float] = {}
        self._best: dict[str, dict[str, Any]] = {}

    @property
    def finished(self) -> bool:
        """Whether all optimiser steps are done."""
        return self._step >= self.config.steps

    def step(self) -> Report:
        """Train up to the next validation, then validate and keep what got better."""
        log = [] if self._step else [self._opening()]
        count = min(self.config.validate_every, self.config.steps - self._step)
        self._values = self._train_steps(count)
        validation = self._validate()
        self._values |= validation
        improved = False
        losses = {
            "policy": validation.get("val_loss_bc", self._values["loss_bc"]),
            "reward": validation.get("val_loss_steps_to_go", self._values["loss_steps_to_go"]),
        }
        for role in _ROLES:
            last_wanted = role == "policy" and self.config.policy_choice == "last"
            if last_wanted or losses[role] < self._best.get(role, {}).get("loss", float("inf")):
                self._keep(role, losses[role])
                improved = True
        return Report(
            iteration=self._step,
            total=self.config.steps,
            env_steps=0,
            episodes_total=0,
            values=self._values,
            log=log,
            improved=improved,
        )

    def state(self) -> Tree:
        """Weights, moments, generator, best so far."""
        return {
            "step": self._step,
            "values": dict(self._values),
            "model": _copy(self._model),
            "optimizer": optim.moments(self._optimizer, self._model.named_parameters()),
            "generator": self._generator.get_state(),
            "best": {role: dict(best) for role, best in self._best.items()},
        }

    def load_state(self, tree: Tree) -> None:
        """Go on from `state()`."""
        self._step = int(tree["step"])
        self._values = dict(tree["values"])
        self._model.load_state_dict(tree["model"])
        optim.load_moments(self._optimizer, self._model.named_parameters(), tree["optimizer"])
        self._generator.set_state(tree["generator"])
        self._best = {role: dict(best) for role, best in tree["best"].items()}

    def checkpoints(self) -> dict[str, EFMCheckpoint]:
        """{"policy": ..., "reward": ...}; empty before the first step."""
        return {
            role: EFMCheckpoint(
                spec=_handed_on(self._model_spec, self.config),
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
        totals = torch.zeros(2, device=self._device)
        for rows in picked:
            rate = config.learning_rate * optim.schedule(config.schedule, self._step, config.steps)
            optim.set_learning_rate(self._optimizer, rate)
            losses = self._rows.lesson(rows).losses(self._model)
            self._optimizer.zero_grad(set_to_none=True)
            losses.sum().backward()  # type: ignore[no-untyped-call]
            optim.clip(self._model.parameters(), config.clip_gradient)
            self._optimizer.step()
            totals += losses.detach()
            self._step += 1
        bc, steps_to_go = (totals / count).tolist()
        if not np.isfinite(bc + steps_to_go):
            raise LearningError(
                f"The loss is no longer a number at step {self._step}; "
                f"lower learning_rate (now {config.learning_rate:g})."
            )
        return {"loss_bc": bc, "loss_steps_to_go": steps_to_go}

    @torch.inference_mode()
    def _validate(self) -> dict[str, float]:
        if self._held_out is None:
            return {}
        # Evenly spread over the kept-out episodes, the same rows every time.
        count = min(len(self._validation), self.config.validation_rows)
        rows = torch.linspace(0, len(self._validation) - 1, count).long()
        size = _PICTURES_AT_ONCE if isinstance(self._model_spec, CompactSpec) else count
        parts = [rows[i : i + size] for i in range(0, count, size)]
        weighed = [
            self._held_out.lesson(part).losses(self._model) * (len(part) / count) for part in parts
        ]
        bc, steps_to_go = torch.stack(weighed).sum(dim=0).tolist()
        return {"val_loss_bc": bc, "val_loss_steps_to_go": steps_to_go}

    def _on_device(self, data: Demonstrations, mirror: Mirror | None = None) -> Rows:
        spec = self._model_spec
        return Rows(
            data, self._device, inputs=spec.inputs, previous=spec.previous,
            arrival=self.config.arrival, mirror=mirror,
        )  # fmt: skip

    def _keep(self, role: str, loss: float) -> None:
        named = list(self._model.named_parameters())
        self._best[role] = {
            "loss": loss,
            "step": self._step,
            "weights": _copy(self._model),
            # Stage 2 may go on with Adam's moments; the reward model is never trained again.
            "optimizer": optim.moments(self._optimizer, named) if role == "policy" else None,
        }

    def _opening(self) -> str:
        return (
            f"{self._kept} demonstrations, {len(self._train)} steps to learn from, "
            f"{len(self._validation)} kept out for validation."
        )


def _split(data: Demonstrations, config: SFTConfig) -> tuple[Demonstrations, Demonstrations, int]:
    """Training and validation rows, split by episode, and how many episodes are used."""
    order = np.random.default_rng(config.seed).permutation(data.num_episodes)
    if config.max_episodes:
        order = order[: config.max_episodes]
    held_out = int(len(order) * config.validation_fraction)
    train, validation = (np.zeros(data.num_episodes, dtype=np.bool_) for _ in range(2))
    train[order[held_out:]], validation[order[:held_out]] = True, True
    return data.split(train), data.split(validation), len(order)


def _model(
    config: SFTConfig, spec: Spec, norm: Normalisation, initial: EFMCheckpoint | None
) -> EFM:
    """The initial checkpoint's model, or a new one whose weights follow from the seed.

    Cloning is at T = 1 whatever T the policy is to have afterwards: trained at T, the logits would
    only make up for it.
    """
    start = initial or new_checkpoint(config, spec, norm)
    return at_temperature(start, 1.0).build() if isinstance(spec, CompactSpec) else start.build()


def _handed_on(spec: Spec, config: SFTConfig) -> Spec:
    """The description that goes into the checkpoints."""
    return replace(spec, temperature=config.temperature) if isinstance(spec, CompactSpec) else spec


def _copy(model: EFM) -> dict[str, Tensor]:
    return {name: values.detach().cpu().clone() for name, values in model.state_dict().items()}
