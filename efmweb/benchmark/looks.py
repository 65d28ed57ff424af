"""Other ways of looking, for the benchmark of eyes: what could stand where the compact model has its
places.

Each is an eye like the model's own: the pictures of one camera and the K queries that the reader made
of the instruction go in, 3 K values come out. Stem, reader, summary and heads are the model's, and
begin with the same weights.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_store.checkpoint import EFMCheckpoint
from models_store.compact import CompactEFM
from models_store.compact_eye import PLACE_SCALE, SHARPNESS, Eye
from models_store.compact_spec import CompactSpec
from models_store.normalisation import Normalisation

_SIZE = 64
"""Values per token and per query that attends."""

_HEADS = 4
_LAYERS = 2
_OCTAVES = 4


class _SoftmaxEye(Eye):
    """Each query's expected x and y: the spatial softmax of deep spatial autoencoders (Finn et al.,
    arXiv 1509.06113), with a sharpness per query that is learned.
    """

    def __init__(self, spec: CompactSpec, name: str) -> None:
        super().__init__(spec, name)
        del self.darkness  # a softmax does not feel it
        # Dark cells shine by the softplus squared, which falls as exp(2 x): begin there.
        self.sharpness = nn.Parameter(torch.full((spec.queries,), math.log(2.0)))

    def forward(self, pictures: list[Tensor], queries: Tensor) -> Tensor:
        """Frames (B, H, W, 3) uint8 and queries (B, K, C) to (B, 3 K)."""
        grid = _centred(self.features(pictures))
        strength = SHARPNESS / math.sqrt(grid.shape[-1]) * self.sharpness.exp()
        light = torch.bmm(queries * strength[:, None], grid.transpose(1, 2))  # (B, K, cells)
        centre = light.softmax(dim=-1) @ self.places[:, :2]
        mass = light.logsumexp(dim=-1, keepdim=True) - math.log(light.shape[-1])
        return torch.cat([centre * PLACE_SCALE, mass], dim=-1).flatten(1)


class _ReadingEye(Eye, ABC):
    """An eye whose values are read off features, and are no places; normalised for the heads."""

    def __init__(self, spec: CompactSpec, name: str) -> None:
        super().__init__(spec, name)
        del self.darkness
        height, width, _ = spec.cameras[name]
        self.depth, self.queries = spec.channels[-1], spec.queries
        self.grid = (height // 4, width // 4)
        self.norm = nn.LayerNorm(3 * spec.queries)

    def forward(self, pictures: list[Tensor], queries: Tensor) -> Tensor:
        """Frames (B, H, W, 3) uint8 and queries (B, K, C) to (B, 3 K)."""
        values: Tensor = self.norm(self.read(_centred(self.features(pictures)), queries))
        return values

    @abstractmethod
    def read(self, grid: Tensor, queries: Tensor) -> Tensor:
        """Features (B, cells, C) and queries (B, K, C) to (B, 3 K)."""

    def _image(self, grid: Tensor) -> Tensor:
        """(B, cells, C) to (B, C, rows, columns)."""
        return grid.transpose(1, 2).reshape(len(grid), self.depth, *self.grid)


class _FilmEye(_ReadingEye):
    """Two convolutions scaled and shifted by the instruction (FiLM, Perez et al., arXiv 1709.07871),
    then one linear layer over the whole grid. Normalised without batches, for the model has one mode.
    """

    def __init__(self, spec: CompactSpec, name: str) -> None:
        super().__init__(spec, name)
        half, (rows, columns) = self.depth // 2, self.grid
        self.first = nn.Conv2d(self.depth, self.depth, 3, padding=1)
        self.second = nn.Conv2d(self.depth, half, 4, stride=2, padding=1)
        self.sizes = (self.depth, self.depth, half, half)
        self.modulation = nn.Linear(self.queries * self.depth, sum(self.sizes))
        self.out = nn.Linear(half * (rows // 2) * (columns // 2), 3 * self.queries)

    def read(self, grid: Tensor, queries: Tensor) -> Tensor:
        """Features (B, cells, C) and queries (B, K, C) to (B, 3 K)."""
        gain, shift, later_gain, later_shift = (
            part[:, :, None, None]
            for part in self.modulation(queries.flatten(1)).split(self.sizes, dim=1)
        )
        seen = functional.relu(_even(self.first(self._image(grid))) * (1 + gain) + shift)
        seen = functional.relu(_even(self.second(seen)) * (1 + later_gain) + later_shift)
        values: Tensor = self.out(seen.flatten(1))
        return values


class _AttentionEye(_ReadingEye):
    """The queries attend to the grid, whose keys and values know where they stand; what they bring
    home is read by a perceptron that all of them share.
    """

    waves: Tensor

    def __init__(self, spec: CompactSpec, name: str) -> None:
        super().__init__(spec, name)
        waves = _waves(self.places[:, :2])
        self.register_buffer("waves", waves, persistent=False)
        self.even = nn.LayerNorm(self.depth)
        self.asking = nn.Linear(self.depth, _SIZE)
        self.offering = nn.Linear(self.depth + waves.shape[1], 2 * _SIZE)
        self.mixing = nn.Linear(_SIZE, _SIZE)
        self.out = nn.Sequential(
            nn.LayerNorm(_SIZE), nn.Linear(_SIZE, 2 * _SIZE), nn.ReLU(), nn.Linear(2 * _SIZE, 3)
        )

    def read(self, grid: Tensor, queries: Tensor) -> Tensor:
        """Features (B, cells, C) and queries (B, K, C) to (B, 3 K)."""
        placed = torch.cat([self.even(grid), self.waves.expand(len(grid), -1, -1)], dim=-1)
        asked = self.asking(queries)
        query, key, value = (
            part.unflatten(-1, (_HEADS, -1)).transpose(1, 2)
            for part in (asked, *self.offering(placed).chunk(2, dim=-1))
        )
        found = functional.scaled_dot_product_attention(query, key, value)
        values: Tensor = self.out(asked + self.mixing(found.transpose(1, 2).flatten(2)))
        return values.flatten(1)


class _TokenEye(_ReadingEye):
    """A transformer over patches of 8 x 8 pixels, with a stem of convolutions (Xiao et al., arXiv
    2106.14881), and the K readings of the instruction's words; read off at the latter.
    """

    def __init__(self, spec: CompactSpec, name: str) -> None:
        super().__init__(spec, name)
        rows, columns = self.grid
        self.even = nn.LayerNorm(self.depth)
        self.patches = nn.Conv2d(self.depth, _SIZE, 2, stride=2)
        self.position = nn.Parameter(0.3 * torch.randn((rows // 2) * (columns // 2), _SIZE))
        self.asking = nn.Linear(self.depth, _SIZE)
        self.layers = nn.Sequential(*(_layer() for _ in range(_LAYERS)))
        self.out = nn.Sequential(nn.LayerNorm(_SIZE), nn.Linear(_SIZE, 3))

    def read(self, grid: Tensor, queries: Tensor) -> Tensor:
        """Features (B, cells, C) and queries (B, K, C) to (B, 3 K)."""
        patches = self.patches(self._image(self.even(grid))).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.asking(queries), patches + self.position], dim=1)
        values: Tensor = self.out(self.layers(tokens)[:, : self.queries])
        return values.flatten(1)


class _Other(CompactEFM):
    """The compact model with other eyes."""

    eye: ClassVar[type[Eye]]

    def __init__(self, spec: CompactSpec, normalisation: Normalisation) -> None:
        """Seed torch before, or load weights after."""
        super().__init__(spec, normalisation)
        stems = [eye.get_submodule("stem").state_dict() for eye in self.eyes]
        self.eyes = nn.ModuleList(self.eye(spec, name) for name in spec.cameras)
        for eye, stem in zip(self.eyes, stems, strict=True):
            eye.get_submodule("stem").load_state_dict(stem)


class SoftmaxPlaces(_Other):
    """Places by a softmax over the grid."""

    eye = _SoftmaxEye


class Film(_Other):
    """Convolutions that the instruction modulates."""

    eye = _FilmEye


class Attention(_Other):
    """Queries that attend to the grid and read values."""

    eye = _AttentionEye


class Tokens(_Other):
    """A small transformer over patches and instruction."""

    eye = _TokenEye


LOOKS: Mapping[str, type[CompactEFM]] = {
    "places": CompactEFM,
    "softmax": SoftmaxPlaces,
    "film": Film,
    "attention": Attention,
    "tokens": Tokens,
}
"""Name -> model; the shipped one first."""


@dataclass(frozen=True)
class LookCheckpoint(EFMCheckpoint):
    """Weights of one of these models; the manifest does not know which, so it is never stored."""

    look: type[CompactEFM] = CompactEFM

    def build(self, device: torch.device | str = "cpu") -> CompactEFM:
        """A model of its own with these weights."""
        if not isinstance(self.spec, CompactSpec):
            raise TypeError(f"Only image models look; got {self.spec.architecture}.")
        with torch.random.fork_rng(devices=[]):
            model = self.look(self.spec, self.normalisation)
        model.load_state_dict(self.weights)
        return model.to(device)


def _centred(grid: Tensor) -> Tensor:
    """(B, cells, C) without what all cells have in common, as the shipped eye has it."""
    return grid - grid.mean(dim=1, keepdim=True)


def _even(image: Tensor) -> Tensor:
    return functional.group_norm(image, 1)


def _waves(places: Tensor) -> Tensor:
    """x, y and their sines and cosines at rising frequencies, (cells, 2 + 4 octaves)."""
    turns = [math.pi / 2 * 2**octave * places for octave in range(_OCTAVES)]
    return torch.cat([places, *(turn.sin() for turn in turns), *(turn.cos() for turn in turns)], 1)


def _layer() -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        _SIZE, _HEADS, 2 * _SIZE, dropout=0.0, batch_first=True, norm_first=True
    )
