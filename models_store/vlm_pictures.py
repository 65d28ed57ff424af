"""Pictures as a pretrained model wants them, a batch at a time, on the device they are on.

transformers' image processors take one picture after the other through Pillow, which costs more than
a small model. Resizing is a product with two small matrices, so a batch of any size is two matrix
products; the weights, and the rounding to whole grey levels after each, are Pillow's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor


def resample(pictures: Tensor, height: int, width: int, method: int) -> Tensor:
    """(N, 3, H, W) float32 of whole numbers 0-255 to (N, 3, height, width), as `Image.resize` does.

    `method` is Pillow's number: 1 Lanczos, 2 bilinear, 3 bicubic, 4 box, 5 Hamming.
    """
    rows, columns = pictures.shape[-2:]
    across, down = (columns, width), (rows, height)
    # Across comes first, unless that would make a picture larger that is then made smaller.
    squat = columns < width and rows > height
    order = ("down", "across") if squat else ("across", "down")
    for way in order:
        before, after = across if way == "across" else down
        if before == after:
            continue
        weight = _weights(before, after, method, str(pictures.device))
        blended = pictures @ weight.T if way == "across" else weight @ pictures
        pictures = (blended + 0.5).floor().clamp(0, 255)
    return pictures


def normalised(pictures: Tensor, scale: float, mean: list[float], std: list[float]) -> Tensor:
    """(N, 3, h, w): `(pictures * scale - mean) / std`, per colour."""
    centre = torch.tensor(mean, device=pictures.device).view(3, 1, 1)
    spread = torch.tensor(std, device=pictures.device).view(3, 1, 1)
    return (pictures * scale - centre) / spread


def patches(pictures: Tensor, patch: int, merge: int, frames: int) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, h, w) as Qwen-VL wants them: flat patches (N rows columns, 3 frames patch patch), those
    that are merged later next to each other, and (N, 3) how many frames, rows and columns there are.
    """
    count, colours, height, width = pictures.shape
    rows, columns = height // patch, width // patch
    cut = pictures.reshape(
        count, colours, rows // merge, merge, patch, columns // merge, merge, patch
    ).permute(0, 2, 5, 3, 6, 1, 4, 7)
    # A still picture is a film whose frames are all the same.
    film = cut.unsqueeze(6).expand(-1, -1, -1, -1, -1, -1, frames, -1, -1)
    grid = torch.tensor([[1, rows, columns]], device=pictures.device).expand(count, -1)
    return film.reshape(count * rows * columns, -1), grid


@lru_cache(maxsize=64)
def _weights(before: int, after: int, method: int, device: str) -> Tensor:
    """(after, before): how much of each old pixel goes into each new one.

    Pillow widens the filter when it shrinks a picture (antialiasing) and cuts it off at the border.
    """
    with torch.inference_mode(False):
        scale = before / after
        centre = (torch.arange(after, dtype=torch.float64) + 0.5) * scale
        place = torch.arange(before, dtype=torch.float64)
        reach, shape = _FILTERS[method]
        wide = max(scale, 1.0)
        first = (centre - reach * wide + 0.5).floor().clamp(min=0)
        last = (centre + reach * wide + 0.5).floor().clamp(max=before)
        weight = shape((place[None] - centre[:, None] + 0.5) / wide)
        inside = (place[None] >= first[:, None]) & (place[None] < last[:, None])
        weight = torch.where(inside, weight, 0.0)
        return (weight / weight.sum(dim=1, keepdim=True)).to(torch.float32).to(device)


def _bilinear(x: Tensor) -> Tensor:
    return (1.0 - x.abs()).clamp(min=0.0)


def _bicubic(x: Tensor) -> Tensor:
    """Keys' kernel, a = -0.5."""
    x, a = x.abs(), -0.5
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * a
    return torch.where(x < 1.0, near, torch.where(x < 2.0, far, 0.0))


def _lanczos(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 3.0, torch.sinc(x) * torch.sinc(x / 3.0), 0.0)


def _box(x: Tensor) -> Tensor:
    return ((x > -0.5) & (x <= 0.5)).to(x.dtype)


def _hamming(x: Tensor) -> Tensor:
    window = 0.54 + 0.46 * torch.cos(math.pi * x)
    return torch.where(x.abs() < 1.0, torch.sinc(x) * window, 0.0)


_FILTERS: dict[int, tuple[float, Callable[[Tensor], Tensor]]] = {
    1: (3.0, _lanczos),
    2: (1.0, _bilinear),
    3: (2.0, _bicubic),
    4: (0.5, _box),
    5: (1.0, _hamming),
}
"""Pillow's number -> how far a pixel reaches, in pixels, and how its weight falls off."""
