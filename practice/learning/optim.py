"""Adam, its moments as named tensors, and learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def adam(
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float,
    eps: float,
    weight_decay: float = 0,
    slower: tuple[Iterable[nn.Parameter], float] = ((), 1.0),
) -> torch.optim.AdamW:
    """AdamW as one fused kernel; without weight decay it is plain Adam.

    `slower` names parameters that learn at a share of the rate, and the share.
    """
    few, share = {id(parameter) for parameter in slower[0]}, slower[1]
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for parameter in parameters:
        groups.setdefault(share if id(parameter) in few else 1.0, []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": members, "lr": learning_rate * rate, "share": rate}
            for rate, members in groups.items()
            if members
        ],
        lr=learning_rate, eps=eps, weight_decay=weight_decay, fused=True,
    )  # fmt: skip


def clip(parameters: Iterable[nn.Parameter], longest: float) -> None:
    """Shorten the gradient to this length, all parameters together; 0 leaves it as it is."""
    if longest > 0:
        nn.utils.clip_grad_norm_(parameters, longest)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The rate of the next step."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]


def moments(
    optimizer: torch.optim.Optimizer, named: Iterable[tuple[str, nn.Parameter]]
) -> dict[str, Tensor]:
    """Adam's memory, "parameter name/moment" -> copy; parameters never stepped are left out."""
    return {
        f"{name}/{moment}": optimizer.state[parameter][moment].detach().cpu().clone()
        for name, parameter in named
        if optimizer.state.get(parameter)
        for moment in _MOMENTS
    }


def load_moments(
    optimizer: torch.optim.Optimizer,
    named: Iterable[tuple[str, nn.Parameter]],
    stored: Mapping[str, Tensor],
) -> None:
    """Put back what `moments` gave, for the parameters it has."""
    for name, parameter in named:
        if f"{name}/{_MOMENTS[0]}" in stored:
            optimizer.state[parameter] = {
                moment: _like(parameter, stored[f"{name}/{moment}"]) for moment in _MOMENTS
            }


def _like(parameter: nn.Parameter, stored: Tensor) -> Tensor:
    """A copy laid out in memory as the parameter: the fused kernel walks through both side by side."""
    if stored.shape != parameter.shape:  # the count of steps
        return stored.clone().to(parameter.device)
    return torch.empty_like(parameter, requires_grad=False).copy_(stored)


def schedule(kind: str, step: int, total: int) -> float:
    """Share of the peak learning rate at step 0...total-1.

    One-cycle: cosine from 1/25 up to 1 over the first 30 %, cosine down to 1/10,000 after
    (L. Smith, N. Topin, arXiv 1708.07120, without the momentum cycle).
    """
    if kind == "constant":
        return 1.0
    progress = step / max(total - 1, 1)
    if kind == "cosine":
        return _cosine(1.0, 0.0, progress)
    if progress < 0.3:
        return _cosine(1.0 / 25.0, 1.0, progress / 0.3)
    return _cosine(1.0, 1e-4, (progress - 0.3) / 0.7)


def warm_up(step: int, steps: int) -> float:
    """Share of the learning rate at step 1, 2, ...: whole from step `steps` + 1 on."""
    return min(1.0, step / (steps + 1))


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * progress))
