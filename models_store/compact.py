"""The compact EFM for pictures: a few hundred thousand weights, trained in a minute on one core.

Convolutions turn each camera into a grid of features. The instruction is read into a handful of
queries ("where is the thing to push?", "where to?"); each query lights up the grid, and the centre
of mass of the light is a place in the picture. What acts and what judges are two perceptrons over
these places, the instruction and the state. Places make it learn from few demonstrations: no
perceptron has to find out what a picture is.

Three details decide whether it learns at all; docs/learning.md has the figures. The mean colour is
taken off each picture and convolutions start with He's scale, else the grid is all but constant at
first; the mean over the grid is taken off the features, so that the table's own light does not drown
the things on it; the light is a softplus, which never dies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models_store.actions import ActionDistribution, CategoricalActions, DiagonalGaussian
from models_store.compact_eye import Eye
from models_store.compact_spec import CompactSpec
from models_store.efm import SmallEFM
from models_store.instructions import Instructions
from models_store.normalisation import Moments, Normalisation
from models_store.precision import Precision, uses_bfloat16
from models_store.steps_to_go import Bins, StepsToGo
from models_store.words import encode

_LEAST_SPREAD = 1e-3
"""What hardly ever changes in training is not blown up."""

_SUMMARY = 8
"""Values that each query passes on about what it was asked, beside what it found."""


class CompactEFM(SmallEFM):
    """Actor: categorical tokens, or a normal distribution. Distance: categorical over bins. Shared: what sees and reads."""

    spec: CompactSpec

    def __init__(self, spec: CompactSpec, normalisation: Normalisation) -> None:
        """Seed torch before, or load weights after."""
        super().__init__()
        self.spec = spec
        self.bins = Bins(spec.steps_to_go_bins, spec.steps_to_go_width)
        self.eyes = nn.ModuleList(Eye(spec, name) for name in spec.cameras)
        self.reader = _Reader(spec)
        self.summary = nn.Linear(spec.word_size, _SUMMARY)
        inputs, state = self.sight, sum(spec.observation.values())
        # A logit per token; without tokens a mean and a spread.
        self.actor = _perceptron(
            inputs, spec.policy_hidden, spec.action_size * (spec.action_bins or 2)
        )
        self.distance = _perceptron(inputs, spec.distance_hidden, spec.steps_to_go_bins)
        seen = [normalisation.observation[name] for name in spec.observation]
        # Not persistent: spec and manifest hold these numbers, one place only.
        self._constant("state_mean", _joined(seen, "mean"))
        self._constant("state_std", _joined(seen, "std"))
        assert len(self.state_mean) == state, "normalisation does not fit the observation"
        self._constant("action_mean", normalisation.action.mean)
        self._constant("action_std", normalisation.action.std)
        if spec.calibrated:
            self.register_buffer("seen_mean", torch.zeros(inputs))
            self.register_buffer("seen_std", torch.ones(inputs))
        ends = zip(spec.action_low, spec.action_high, strict=True)
        centres = [np.linspace(low, high, spec.action_bins).tolist() for low, high in ends]
        self.register_buffer("centres", torch.tensor(centres), persistent=False)

    @property
    def sight(self) -> int:
        """Inputs of each head."""
        spec = self.spec
        state = sum(spec.observation.values())
        return spec.queries * (3 * len(spec.cameras) + _SUMMARY) + state

    def act(self, seen: Tensor) -> ActionDistribution:
        """Over (B, A). A temperature T makes a normal distribution's variance T times as large, which
        is what dividing its log-density by T comes to.
        """
        spec, answer = self.spec, self.actor(self._measured(seen))
        if spec.action_bins:
            logits = answer.view(-1, spec.action_size, spec.action_bins)
            return CategoricalActions(logits, self.centres, self.action_std, spec.temperature)
        mean, raw = answer.chunk(2, dim=-1)
        std = (functional.softplus(raw) + spec.std_floor) * math.sqrt(spec.temperature)
        return DiagonalGaussian(mean, std, self.action_mean, self.action_std)

    def judge(self, seen: Tensor) -> StepsToGo:
        """Categorical over (B, bins)."""
        return StepsToGo(self.distance(self._measured(seen)), self.bins)

    @torch.no_grad()
    def calibrate(self, seen: Tensor) -> None:
        """From now on the heads see differences from these rows' mean, (N, F), in units of their spread."""
        if self.spec.calibrated:
            self.seen_mean.copy_(seen.mean(dim=0))
            self.seen_std.copy_(seen.std(dim=0).clamp(min=_LEAST_SPREAD))

    def policy_parameters(self) -> list[nn.Parameter]:
        """The actor's weights."""
        return list(self.actor.parameters())

    def policy_bias(self) -> nn.Parameter:
        """The actor's last."""
        return list(self.actor.parameters())[-1]

    def judge_parameters(self) -> list[nn.Parameter]:
        """The distance head's weights."""
        return list(self.distance.parameters())

    def set_precision(self, precision: Precision) -> None:
        """How the convolutions compute; everything after them is float32."""
        half = uses_bfloat16(precision, self.centres.device)
        for eye in self.eyes:
            assert isinstance(eye, Eye)
            eye.half_precision = half

    def look(
        self,
        observation: Mapping[str, Tensor],
        instructions: Instructions,
        of: Tensor | None = None,
    ) -> Tensor:
        """Places found, a summary of what was asked, and the state, (B, inputs).

        Where several instructions ask about one picture, `of` (B,) names each one's row of the
        observation, and every picture is worked through once.
        """
        queries, asked, which = self.read(instructions)
        parts = [self.summary(asked).flatten(1)[which]]
        for eye, name, asking in zip(
            self.eyes, self.spec.cameras, queries.chunk(len(self.spec.cameras), dim=-1), strict=True
        ):
            pictures = [observation[name]]
            if name in self.spec.previous:
                pictures.append(observation[f"{name}.previous"])
            if of is None:
                parts.append(eye(pictures, asking[which]))
            else:
                assert isinstance(eye, Eye)
                parts.append(eye.find(eye.features(pictures)[of], asking[which]))
        if self.spec.observation:
            state = torch.cat([observation[name] for name in self.spec.observation], dim=-1)
            measured = (state - self.state_mean) / self.state_std
            parts.append(measured if of is None else measured[of])
        return torch.cat(parts, dim=-1)

    def read(self, instructions: Instructions) -> tuple[Tensor, Tensor, Tensor]:
        """Of the T different texts of B rows the queries, (T, K, cameras x C), and what they ask for,
        (T, K, D); and which row has which text, (B,).
        """
        texts, which = self._texts(instructions)
        queries, asked = self.reader(texts)
        return queries, asked, which

    def _measured(self, seen: Tensor) -> Tensor:
        return (seen - self.seen_mean) / self.seen_std if self.spec.calibrated else seen

    def _texts(self, instructions: Instructions) -> tuple[Tensor, Tensor]:
        """Buckets (T, words, 16) of the T different texts of the batch, and which row has which."""
        used, which = np.unique(instructions.index, return_inverse=True)
        spec, device = self.spec, self.centres.device
        ids, words = _encoded(instructions.texts, spec.buckets, spec.max_words)
        packed = torch.from_numpy(ids[used, : words[used].max()])
        return packed.to(device), torch.from_numpy(which).to(device)

    def _constant(self, name: str, values: tuple[float, ...]) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=torch.float32), persistent=False)

    centres: Tensor
    seen_mean: Tensor
    seen_std: Tensor
    state_mean: Tensor
    state_std: Tensor
    action_mean: Tensor
    action_std: Tensor


class _Reader(nn.Module):
    """An instruction to K queries: words with their neighbours, weighed anew for each query."""

    def __init__(self, spec: CompactSpec) -> None:
        super().__init__()
        size, seen = spec.word_size, spec.channels[-1] * len(spec.cameras)
        self.vocabulary = nn.Embedding(spec.buckets + 1, size, padding_idx=0)
        self.position = nn.Parameter(0.3 * torch.randn(spec.max_words, size))
        self.neighbours = nn.Conv1d(size, size, 5, padding=2)
        self.attention = nn.Linear(size, spec.queries)
        self.asking = nn.Linear(size, seen)
        self.always = nn.Parameter(torch.randn(spec.queries, seen))

    def forward(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Buckets (T, L, 16) to queries (T, K, cameras x C) and what they ask for, (T, K, D)."""
        pieces = (texts > 0).sum(dim=-1, keepdim=True)
        there = (pieces > 0).to(torch.float32)  # (T, L, 1)
        words = self.vocabulary(texts).sum(dim=-2) / pieces.clamp(min=1).sqrt()
        placed = (words + self.position[: words.shape[1]]) * there
        context = self.neighbours(placed.transpose(1, 2)).transpose(1, 2)
        read = words + functional.relu(context)
        weight = self.attention(read).masked_fill(there == 0, -1e9).softmax(dim=1)
        asked = torch.bmm(weight.transpose(1, 2), read)
        return self.asking(asked) + self.always, asked


@lru_cache(maxsize=16)
def _encoded(
    texts: tuple[str, ...], buckets: int, max_words: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Buckets (T, max_words, 16) and numbers of words (T,): a fleet asks for the same every tick."""
    ids = np.stack([encode(text, buckets, max_words) for text in texts])
    return ids, (ids[..., 0] > 0).sum(axis=1)


def _perceptron(inputs: int, hidden: tuple[int, ...], outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


def _joined(moments: list[Moments], which: str) -> tuple[float, ...]:
    return tuple(value for one in moments for value in getattr(one, which))
