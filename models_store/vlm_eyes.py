"""A robot's pictures as a pretrained model takes them: by batched products where we know how, else by its
own image processor, one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from models_store.errors import LearningError
from models_store.vlm_layout import Processing
from models_store.vlm_pictures import normalised, patches, resample

_FILTERS = (1, 2, 3, 4, 5)
_ALIKE = 0.02
"""Largest mean difference from the model's own image processor, in units of its standard deviation."""


class Eyes:
    """Prepares the pictures of one camera, (N, H, W, 3) uint8."""

    def __init__(
        self, processing: Processing, shape: tuple[int, int, int], image_size: int
    ) -> None:
        """Shape is that of the robot's pictures; image_size 0: as the processor says.

        Raises:
            LearningError: the model cannot take another size.
        """
        self._images, self._kind = processing.images, "own"
        layout = processing.layout
        if image_size and (layout is None or layout.shape != "patches"):
            raise LearningError(
                f"This base sees pictures of one size only; set image_size to 0 (it is {image_size})."
            )
        self._size = self._goal(layout.shape if layout else "plain", shape, image_size)
        if self._size is not None:
            self._kind = layout.shape if layout else "plain"
            if self._kind == "plain" and not self._agrees(shape):
                self._kind = "own"

    def __call__(self, pictures: Tensor) -> dict[str, Tensor]:
        """What the model's `get_image_features` takes, on the pictures' device."""
        assert pictures.dtype == torch.uint8, "cameras give bytes"
        if self._kind == "own":
            return self._by_processor(pictures)
        images, size = self._images, self._size
        assert size is not None
        seen = pictures.permute(0, 3, 1, 2).to(torch.float32)
        seen = resample(seen, *size, int(images.resample))
        seen = normalised(
            seen, images.rescale_factor, list(images.image_mean), list(images.image_std)
        )
        if self._kind == "square":
            return {"pixel_values": seen[:, None]}
        if self._kind == "patches":
            flat, grid = patches(
                seen, images.patch_size, images.merge_size, images.temporal_patch_size
            )
            return {"pixel_values": flat, "image_grid_thw": grid}
        return {"pixel_values": seen}

    @property
    def batched(self) -> bool:
        """Whether pictures are prepared a batch at a time."""
        return self._kind != "own"

    def _goal(
        self, kind: str, shape: tuple[int, int, int], image_size: int
    ) -> tuple[int, int] | None:
        """(height, width) after resizing; None where only the processor knows."""
        images = self._images
        whole = images.do_resize and images.do_rescale and images.do_normalize
        if not whole or images.resample is None or int(images.resample) not in _FILTERS:
            return None
        if kind == "square":
            side = int(dict(images.max_image_size)["longest_edge"])
            return side, side
        size = {name: value for name, value in dict(images.size).items() if value is not None}
        if kind == "patches":
            least = image_size**2 or size["shortest_edge"]
            most = image_size**2 or size["longest_edge"]
            height, width = smart_resize(
                shape[0], shape[1], factor=images.patch_size * images.merge_size,
                min_pixels=least, max_pixels=most,
            )  # fmt: skip
            return int(height), int(width)
        if getattr(images, "do_center_crop", None) or getattr(images, "do_pad", None):
            return None
        return (
            (int(size["height"]), int(size["width"])) if {"height", "width"} <= set(size) else None
        )

    def _agrees(self, shape: tuple[int, int, int]) -> bool:
        """Whether our way gives what the processor gives, on a smooth picture."""
        y, x, colour = np.meshgrid(*(np.linspace(0.0, 1.0, size) for size in shape), indexing="ij")
        wave = np.sin(7.0 * x + 3.0 * colour) * np.cos(5.0 * y - colour)
        picture = torch.from_numpy((127.5 + 120.0 * wave).astype(np.uint8))[None]
        self._kind = "plain"
        with torch.device("cpu"):  # also where an outline is made, which has no numbers
            ours, theirs = self(picture)["pixel_values"], self._by_processor(picture)
        if set(theirs) != {"pixel_values"} or theirs["pixel_values"].shape != ours.shape:
            return False
        return float((ours - theirs["pixel_values"]).abs().mean()) < _ALIKE

    def _by_processor(self, pictures: Tensor) -> dict[str, Tensor]:
        made: Any = self._images(images=list(pictures.cpu().numpy()), return_tensors="pt")
        return {
            name: values.to(pictures.device)
            for name, values in made.items()
            if isinstance(values, Tensor)
        }
