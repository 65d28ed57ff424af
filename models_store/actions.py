"""Distributions over actions, as a policy answers with them."""

from __future__ import annotations

import math
from typing import Protocol, Self

import torch
from torch import Tensor

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


class ActionDistribution(Protocol):
    """p(a | o, g) for a batch. Actions are in the robot's own units."""

    def sample(self, generator: torch.Generator) -> Tensor:
        """(B, A)"""
        ...

    def mode(self) -> Tensor:
        """(B, A), the single most likely action."""
        ...

    def log_prob(self, action: Tensor) -> Tensor:
        """(B,) of actions (B, A)."""
        ...

    def spread(self) -> Tensor:
        """Scalar: how far samples stray, in units of the demonstrations' standard deviation."""
        ...

    def kl(self, other: Self) -> Tensor:
        """(B,) nats: KL(self || other)."""
        ...


class DiagonalGaussian:
    """Independent normal per action dimension, in normalised units: a = centre + scale * z.

    `log_prob` is the density of z. It differs from the density of a by a constant, which no
    gradient sees, and keeps losses comparable between embodiments of different units.
    """

    def __init__(self, mean: Tensor, std: Tensor, centre: Tensor, scale: Tensor) -> None:
        """Mean and std (B, A) normalised; centre and scale (A,) in the robot's units."""
        self.mean, self.std, self._centre, self._scale = mean, std, centre, scale

    def sample(self, generator: torch.Generator) -> Tensor:
        """(B, A). Noise is drawn where the generator lives, so that runs repeat on any device."""
        noise = torch.randn(self.mean.shape, generator=generator, device=generator.device)
        return self._centre + self._scale * (
            self.mean + self.std * noise.to(self.mean.device, self.mean.dtype)
        )

    def mode(self) -> Tensor:
        """(B, A)"""
        return self._centre + self._scale * self.mean

    def log_prob(self, action: Tensor) -> Tensor:
        """(B,)"""
        z = ((action - self._centre) / self._scale - self.mean) / self.std
        return (-0.5 * z.square() - self.std.log() - _HALF_LOG_TWO_PI).sum(dim=-1)

    def spread(self) -> Tensor:
        """Scalar: mean of the standard deviations, normalised units."""
        return self.std.mean()

    def kl(self, other: DiagonalGaussian) -> Tensor:
        """(B,) nats: KL(self || other), closed form for normals."""
        ratio = (self.std / other.std).square()
        shift = ((self.mean - other.mean) / other.std).square()
        return 0.5 * (ratio + shift - 1.0 - ratio.log()).sum(dim=-1)
