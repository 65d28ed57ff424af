"""Pictures for pretrained models: ours against Pillow and against transformers' own image processors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from models_store.errors import LearningError
from models_store.vlm_eyes import Eyes
from models_store.vlm_layout import processing
from models_store.vlm_pictures import resample
from tests.models_store.tiny_vlms import make_base


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def smooth(rows: int, height: int, width: int) -> Tensor:
    """What pictures of robots are like beside noise."""
    row, y, x, colour = np.meshgrid(
        *(np.linspace(0.0, 1.0, size) for size in (rows, height, width, 3)), indexing="ij"
    )
    wave = np.sin(6.0 * x + 4.0 * row + 3.0 * colour) * np.cos(5.0 * y + 2.0 * row)
    return torch.from_numpy((127.5 + 120.0 * wave).astype(np.uint8))


@pytest.mark.parametrize("method", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", [(224, 224), (28, 28), (30, 100), (100, 30), (48, 20), (48, 64)])
def test_resizing_is_pillows(method: int, size: tuple[int, int]) -> None:
    picture = noise(48, 64, 3)
    height, width = size
    theirs = np.asarray(Image.fromarray(picture).resize((width, height), method), dtype=np.float32)
    given = torch.from_numpy(picture).permute(2, 0, 1)[None].to(torch.float32)
    ours = resample(given, height, width, method)[0].permute(1, 2, 0).numpy()
    assert ours.shape == theirs.shape
    # Pillow counts in fixed point: a grey level here and there.
    assert np.abs(ours - theirs).max() <= 2
    assert (ours != theirs).mean() < 0.1


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("paligemma", {}),
        ("llava", {}),
        ("smolvlm", {"do_image_splitting": False, "size": {"longest_edge": 28}}),
        ("idefics3", {"do_image_splitting": False, "size": {"longest_edge": 28}}),
        ("qwen2_vl", {}),
        ("qwen3_vl", {}),
    ],
)
def test_a_batch_is_what_the_models_own_processor_makes(
    kind: str, words: dict[str, Any], tmp_path: Path
) -> None:
    made = processing(make_base(kind, tmp_path / kind), "llava" if kind == "llava" else kind)
    pictures = smooth(3, 48, 64)
    eyes = Eyes(made, (48, 64, 3), 0)
    assert eyes.batched, "one after the other is the way for strangers alone"
    ours = eyes(pictures)
    theirs = made.images(images=list(pictures.numpy()), return_tensors="pt", **words)
    theirs.pop("pixel_attention_mask", None)
    assert set(ours) == set(theirs)
    for name, values in theirs.items():
        wanted = values.reshape(ours[name].shape)
        off = (ours[name].to(torch.float32) - wanted.to(torch.float32)).abs()
        assert off.mean() < 0.01, name
        assert off.max() < 0.1, name  # of values from about -2 to 2


def test_a_strange_processor_is_asked_itself(tmp_path: Path) -> None:
    made = processing(make_base("llava", tmp_path / "base"), "llava")
    made.images.size = {"shortest_edge": 30}
    made.images.default_to_square = False
    eyes = Eyes(made, (48, 64, 3), 0)
    assert not eyes.batched
    assert eyes(smooth(2, 48, 64))["pixel_values"].shape == (2, 3, 30, 40)


def test_sizes_can_be_chosen_where_the_model_takes_any(tmp_path: Path) -> None:
    made = processing(make_base("qwen2_vl", tmp_path / "qwen"), "qwen2_vl")
    grid = Eyes(made, (48, 64, 3), 112)(smooth(1, 48, 64))["image_grid_thw"]
    # About 112 x 112 pixels, as wide as they were, in patches of 7.
    assert grid.tolist() == [[1, 14, 20]]
    one = processing(make_base("paligemma", tmp_path / "pali"), "paligemma")
    with pytest.raises(LearningError, match=r"one size only; set image_size to 0 \(it is 112\)"):
        Eyes(one, (48, 64, 3), 112)
