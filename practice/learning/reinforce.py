"""The arithmetic of one Stage-2 update: which tuples, which weights, which loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models_store.efm import EFM
from practice.embodiments.spec import EmbodimentSpec
from practice.learning.collecting import Batch
from practice.learning.config import PracticeConfig
from practice.learning.errors import LearningError
from practice.learning.returns import Reward

DRIFT_ROWS = 512
"""Tuples on which drift is measured, once an iteration."""


def reward(config: PracticeConfig, spec: EmbodimentSpec) -> Reward:
    """What a step of this robot earns.

    Raises:
        LearningError: it would be paid for a success that nobody can tell.
    """
    if (config.reward == "success" or config.success_bonus) and not spec.knows_success:
        raise LearningError(
            f"{spec.title} cannot tell true success; set reward to progress and success_bonus to 0."
        )
    return Reward(config.reward, config.success_bonus)


def trained(model: EFM, config: PracticeConfig, spec: EmbodimentSpec) -> list[nn.Parameter]:
    """What practice moves: the policy, or the spread of its actions alone, which is one number. It is
    added to what the last layer says of every spread, so it lives in the bias and in no new weight.

    Raises:
        LearningError: the robot's actions are tokens, which have no spread of their own.
    """
    if config.trains == "policy":
        return model.policy_parameters()
    bias = model.policy_bias()
    if len(bias) != 2 * spec.action.shape[0]:
        raise LearningError(
            f"{spec.title} acts by tokens, which have no spread of their own; set trains to policy."
        )
    bias.register_hook(_spread_alone)  # type: ignore[no-untyped-call]
    return [bias]


def _spread_alone(gradient: Tensor) -> Tensor:
    """Of the bias (2 A,), means before spreads: nothing for the means, the same for all spreads."""
    means, spreads = gradient.chunk(2)
    return torch.cat([torch.zeros_like(means), spreads.mean().expand_as(spreads)])


def parts(batch: Batch, config: PracticeConfig, generator: torch.Generator) -> list[Batch]:
    """N disjoint parts of B tuples in random order; a surplus is dropped, never kept."""
    if config.updates == 1 and len(batch) == config.tuples:
        return [batch]  # the order within a single batch does not matter
    order = torch.randperm(len(batch), generator=generator)[: config.tuples]
    return [batch.rows(rows) for rows in order.view(-1, config.batch_size)]


def weights(returns: Tensor, config: PracticeConfig) -> Tensor:
    """(n,): c R, with R scaled and cut as the config says."""
    if config.normalise_returns == "scale":
        returns = returns / (returns.std() + 1e-6)
    if config.clip_returns > 0:
        returns = returns.clamp(-config.clip_returns, config.clip_returns)
    return config.loss_scale * returns


def add_gradient(model: EFM, batch: Batch, config: PracticeConfig) -> float:
    """Of the mean of -c R log p(a | o, g), part by part of the batch; that mean."""
    weight, total = weights(batch.returns, config), 0.0
    for rows in torch.arange(len(batch)).chunk(config.accumulate):
        part = batch.rows(rows) if len(rows) < len(batch) else batch
        answer = model.policy(part.observation, part.instructions)
        here = weight[rows.to(weight.device)]
        loss = -(here * answer.log_prob(part.action)).mean() * (len(rows) / len(batch))
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    return total


@torch.inference_mode()
def drift(model: EFM, anchor: EFM, batch: Batch) -> dict[str, float]:
    """How far the policy is from where it started: KL(now || start) in nats, and its spread."""
    rows = torch.linspace(0, len(batch) - 1, min(len(batch), DRIFT_ROWS)).long()
    parts = []
    for part in rows.split(model.rows_at_once):  # type: ignore[no-untyped-call]
        sample = batch.rows(part)
        now = model.policy(sample.observation, sample.instructions)
        start = anchor.policy(sample.observation, sample.instructions)
        share = len(part) / len(rows)
        parts.append(share * torch.stack([now.kl(start).mean(), now.spread()]))
    drift, spread = torch.stack(parts).sum(dim=0).tolist()
    return {"drift": drift, "action_std": spread}
