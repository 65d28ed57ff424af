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

from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_store.checkpoint import EFMCheckpoint
from models_store.efm import EFM
from models_store.instructions import Instructions
from models_store.normalisation import Moments, Normalisation
from models_store.spec import ModelSpec
from practice.embodiments.spec import EmbodimentSpec
from practice.fleet.drivers import tensors
from practice.learning import optim
from practice.learning.config import SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError
from practice.learning.revision import code_revision
from practice.learning.types import Report, Tree

_ROLES = ("policy", "reward")


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
        _check_fit(demonstrations, spec)
        self.config, self._device = config, device
        self._train, self._validation, self._kept = _split(demonstrations, config)
        self._parents = {"initial": initial.digest} if initial else {}
        self._model_spec = initial.spec if initial else _model_spec(config, demonstrations, spec)
        self._normalisation = initial.normalisation if initial else _measure(self._train)
        self._model = _model(config, self._model_spec, self._normalisation, initial).to(device)
        self._optimizer = optim.adam(
            self._model.parameters(),
            learning_rate=config.learning_rate,
            eps=config.adam_eps,
            weight_decay=config.weight_decay,
        )
        self._generator = torch.Generator().manual_seed(config.seed)
        self._rows = _Rows(self._train, device)
        self._held_out = _Rows(self._validation, device) if len(self._validation) else None
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
                spec=self._model_spec,
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
            losses = self._rows.losses(self._model, rows)
            self._optimizer.zero_grad(set_to_none=True)
            losses.sum().backward()  # type: ignore[no-untyped-call]
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
        bc, steps_to_go = self._held_out.losses(self._model, rows).tolist()
        return {"val_loss_bc": bc, "val_loss_steps_to_go": steps_to_go}

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


class _Rows:
    """Demonstrations on the training device."""

    def __init__(self, data: Demonstrations, device: str) -> None:
        self._observation = tensors(data.observation, device)
        self._action = torch.from_numpy(data.action).to(device)
        self._acted = torch.from_numpy(data.acted).to(device)
        self._steps_to_go = torch.from_numpy(data.steps_to_go).to(device)
        self._instructions = Instructions(data.instructions, data.instruction)

    def losses(self, model: EFM, rows: Tensor) -> Tensor:
        """(2,): L_BC and L_stg over these rows, (B,)."""
        here = rows.to(self._action.device)
        observation = {name: values[here] for name, values in self._observation.items()}
        instructions = self._instructions.rows(rows.numpy())
        likelihood = model.policy(observation, instructions).log_prob(self._action[here])
        acted = self._acted[here]
        cloning = -(likelihood * acted).sum() / acted.sum().clamp(min=1)
        progress = model.steps_to_go(observation, instructions).loss(self._steps_to_go[here])
        return torch.stack([cloning, progress])


def _split(data: Demonstrations, config: SFTConfig) -> tuple[Demonstrations, Demonstrations, int]:
    """Training and validation rows, split by episode, and how many episodes are used."""
    order = np.random.default_rng(config.seed).permutation(data.num_episodes)
    if config.max_episodes:
        order = order[: config.max_episodes]
    held_out = int(len(order) * config.validation_fraction)
    train, validation = (np.zeros(data.num_episodes, dtype=np.bool_) for _ in range(2))
    train[order[held_out:]], validation[order[:held_out]] = True, True
    return data.split(train), data.split(validation), len(order)


def _check_fit(data: Demonstrations, spec: EmbodimentSpec) -> None:
    found = {name: array.shape[1:] for name, array in data.observation.items()}
    wanted = {name: feature.shape for name, feature in spec.observation.items()}
    missing = [name for name in wanted if found.get(name) != wanted[name]]
    if missing or data.action.shape[1:] != spec.action.shape:
        raise LearningError(
            f"The demonstrations do not fit {spec.title}: it needs {wanted} and actions of "
            f"{spec.action.shape}; they have {found} and {data.action.shape[1:]}."
        )


def _model_spec(config: SFTConfig, data: Demonstrations, spec: EmbodimentSpec) -> ModelSpec:
    return ModelSpec(
        observation={name: int(f.shape[0]) for name, f in spec.observation.items()},
        action_size=int(data.action.shape[1]),
        steps_to_go_bins=spec.steps_to_go_bins,
        steps_to_go_width=spec.steps_to_go_max / spec.steps_to_go_bins,
        policy_hidden=(config.policy_width,) * config.policy_layers,
        distance_hidden=(config.reward_width,) * config.reward_layers,
        activation=config.activation,
    )


def _measure(data: Demonstrations) -> Normalisation:
    return Normalisation(
        {name: Moments.of(values) for name, values in data.observation.items()},
        Moments.of(data.action[data.acted]),
    )


def _model(
    config: SFTConfig, spec: ModelSpec, norm: Normalisation, initial: EFMCheckpoint | None
) -> EFM:
    """The initial checkpoint's model, or a new one whose weights follow from the seed."""
    if initial is not None:
        return initial.build()
    return EFMCheckpoint.new(spec, norm, seed=config.seed).build()


def _copy(model: EFM) -> dict[str, Tensor]:
    return {name: values.detach().cpu().clone() for name, values in model.state_dict().items()}
