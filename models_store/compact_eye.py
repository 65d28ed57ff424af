"""How the compact EFM looks at a camera: convolutions, and queries that light up what they ask for."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from models_store.compact_spec import CompactSpec

_CONTRAST = 3.0
"""Pixel values are spread over about -1.5 to 1.5."""

SHARPNESS = 4.0
"""How much brighter what a query asks for is than the rest."""

PLACE_SCALE = 8.0
"""Centres of mass move little at first; perceptrons learn from inputs of about unit size."""


class Eye(nn.Module):
    """One camera: pictures and queries to places."""

    def __init__(self, spec: CompactSpec, name: str) -> None:
        super().__init__()
        height, width, colours = spec.cameras[name]
        frames = 2 if name in spec.previous else 1
        one, two, three = spec.channels
        self.stem = nn.Sequential(
            nn.Conv2d(colours * frames, one, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(one, two, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(two, three, 3, padding=1),
            nn.ReLU(),
        )
        for layer in self.stem:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.stem.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.darkness = nn.Parameter(torch.full((spec.queries,), -2.0))
        self.register_buffer("places", _places(height // 4, width // 4), persistent=False)
        self.half_precision = False

    def forward(self, pictures: list[Tensor], queries: Tensor) -> Tensor:
        """Frames (B, H, W, 3) uint8 and queries (B, K, C) to (B, 3 K)."""
        return self.find(self.features(pictures), queries)

    def find(self, grid: Tensor, queries: Tensor) -> Tensor:
        """Features (B, cells, C) and queries (B, K, C) to the places found, (B, 3 K)."""
        grid = grid - grid.mean(dim=1, keepdim=True)
        strength = SHARPNESS / math.sqrt(grid.shape[-1])
        light = torch.bmm(grid, queries.transpose(1, 2)) * strength + self.darkness
        light = functional.softplus(light).square()  # (B, cells, K)
        weighed = torch.bmm(light.transpose(1, 2), self.places.expand(len(light), -1, -1))
        mass = weighed[..., 2:] + 1e-3
        centre = weighed[..., :2] / mass
        return torch.cat([centre * PLACE_SCALE, mass.log()], dim=-1).flatten(1)

    def features(self, pictures: list[Tensor]) -> Tensor:
        """Frames (B, H, W, 3) uint8 to (B, cells, C) float32, the cells row by row."""
        joined = torch.cat(pictures, dim=-1) if len(pictures) > 1 else pictures[0]
        assert joined.dtype == torch.uint8, "cameras give bytes"
        kind = torch.bfloat16 if self.half_precision else torch.float32
        rows, height, width, depth = joined.shape
        # Whole lines of pixels at a time: loops over three or six colours alone take thrice as long.
        lines = joined.reshape(rows, height, width * depth).to(kind) * (_CONTRAST / 255.0)
        mean = lines.mean(dim=1, dtype=torch.float32).view(rows, width, depth).mean(dim=1)
        lines = lines - mean.to(kind).repeat(1, width)[:, None]
        values = lines.view(rows, height, width, depth).permute(0, 3, 1, 2)
        with torch.autocast(values.device.type, torch.bfloat16, enabled=self.half_precision):
            seen: Tensor = self.stem(values)
        return seen.to(torch.float32).permute(0, 2, 3, 1).flatten(1, 2)

    places: Tensor


def _places(rows: int, columns: int) -> Tensor:
    """(cells, 3): x and y of each cell from -1 to 1, and 1 to sum up the mass."""
    # Named, because transformers may leave torch.linspace deaf to `with torch.device(...)`.
    device = torch.get_default_device()
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, rows, device=device),
        torch.linspace(-1, 1, columns, device=device),
        indexing="ij",
    )
    return torch.stack([x.flatten(), y.flatten(), torch.ones(rows * columns)], dim=-1)
