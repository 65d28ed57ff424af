"""Distributions over actions, as a policy answers with them."""

from __future__ import annotations

import math
from typing import Protocol, Self

from torch import Tensor
from torch.nn import functional

from models_store.noise import Noise, normal, uniform

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


class ActionDistribution(Protocol):
    """p(a | o, g) for a batch. Actions are in the robot's own units."""

    def sample(self, noise: Noise) -> Tensor:
        """(B, A)"""
        ...

    def sample_and_log_prob(self, noise: Noise) -> tuple[Tensor, Tensor]:
        """What `sample` gives, (B, A), and its log p, (B,), as it was drawn."""
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

    def sample(self, noise: Noise) -> Tensor:
        """(B, A)"""
        drawn = normal(self.mean.shape, noise).to(self.mean.device, self.mean.dtype)
        return self._centre + self._scale * (self.mean + self.std * drawn)

    def sample_and_log_prob(self, noise: Noise) -> tuple[Tensor, Tensor]:
        """(B, A) and (B,)"""
        action = self.sample(noise)
        return action, self.log_prob(action)

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


class CategoricalActions:
    """Independent tokens per action dimension: which of `bins` evenly spaced values to take.

    Logits are divided by the temperature T in everything the distribution answers, so that what is
    sampled, what is scored and what is trained are one and the same policy.
    """

    def __init__(
        self, logits: Tensor, centres: Tensor, scale: Tensor, temperature: float = 1.0
    ) -> None:
        """Logits (B, A, bins); centres (A, bins) rising, robot's units; scale (A,) std of actions."""
        assert logits.shape[1:] == centres.shape, (logits.shape, centres.shape)
        self.log_probs = functional.log_softmax(logits / temperature, dim=-1)
        self._centres, self._scale = centres, scale

    def sample(self, noise: Noise) -> Tensor:
        """(B, A) bin centres, by inverting the distribution at one uniform number per token."""
        return self.sample_and_log_prob(noise)[0]

    def sample_and_log_prob(self, noise: Noise) -> tuple[Tensor, Tensor]:
        """(B, A) and (B,)"""
        token = draw(self.log_probs, noise)
        chosen = self.log_probs.gather(-1, token.unsqueeze(-1)).squeeze(-1)
        return bin_centres(token, self._centres), chosen.sum(dim=-1)

    def mode(self) -> Tensor:
        """(B, A)"""
        return bin_centres(self.log_probs.argmax(dim=-1), self._centres)

    def tokens(self, action: Tensor) -> Tensor:
        """(B, A) int64: the nearest bin of each action, the outermost beyond the ends."""
        return nearest_bins(action, self._centres)

    def log_prob(self, action: Tensor) -> Tensor:
        """(B,) nats of the bins the actions (B, A) fall into."""
        token = self.tokens(action).unsqueeze(-1)
        return self.log_probs.gather(-1, token).squeeze(-1).sum(dim=-1)

    def spread(self) -> Tensor:
        """Scalar: mean standard deviation of the samples, in units of the demonstrations'."""
        probs = self.log_probs.exp()
        mean = (probs * self._centres).sum(dim=-1, keepdim=True)
        variance = (probs * (self._centres - mean).square()).sum(dim=-1)
        return (variance.sqrt() / self._scale).mean()

    def kl(self, other: CategoricalActions) -> Tensor:
        """(B,) nats: KL(self || other)."""
        gap = self.log_probs - other.log_probs
        return (self.log_probs.exp() * gap).sum(dim=(-2, -1))


def draw(log_probs: Tensor, noise: Noise) -> Tensor:
    """(...) tokens of distributions (..., bins), by inverting each at one uniform number."""
    drawn = uniform((*log_probs.shape[:-1], 1), noise).to(log_probs.device)
    below = log_probs.exp().cumsum(dim=-1)
    # Rounding may leave the last sum under 1: scale the draw, not the distribution.
    token = (below < drawn * below[..., -1:]).sum(dim=-1)
    return token.clamp(max=log_probs.shape[-1] - 1)


def nearest_bins(action: Tensor, centres: Tensor) -> Tensor:
    """(B, A) int64: the bin of each action (B, A) among evenly spaced centres (A, bins), the outermost
    beyond the ends.
    """
    low, high = centres[:, 0], centres[:, -1]
    bins = centres.shape[1]
    place = (action - low) / (high - low) * (bins - 1)
    return place.round().clamp(0, bins - 1).long()


def bin_centres(token: Tensor, centres: Tensor) -> Tensor:
    """(B, A) values of tokens (B, A), from centres (A, bins)."""
    rows = centres.expand(len(token), -1, -1)
    return rows.gather(-1, token.unsqueeze(-1)).squeeze(-1)
