"""The dots of `picture_world` with sentences about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Captioned
from practice.learning.config_pretraining import PretrainingConfig
from practice.learning.pretraining import Pretraining
from tests.learning.picture_world import CAMERA, Dots, draw

SENTENCES = (
    "the red dot is on the left", "the red dot is on the right",
    "the blue dot is on the left", "the blue dot is on the right",
    "the red dot is at the top", "the red dot is at the bottom",
    "the blue dot is at the top", "the blue dot is at the bottom",
)  # fmt: skip
CONFIG = PretrainingConfig(
    seed=3, scenes=512, captions=2, steps=200, batch_size=32, learning_rate=5e-3, validate_every=100,
    queries=6, precision="float32",
)  # fmt: skip

Change = Callable[[Captioned], Captioned]


class ToldDots(Dots):
    """Dots that somebody tells about; `change` has a hand in what is told."""

    def __init__(self, change: Change = lambda told: told) -> None:
        self._change = change

    def captioned(self, count: int, *, seed: int, captions: int) -> Captioned:
        rng = np.random.default_rng(seed)
        places = rng.uniform(-0.9, 0.9, (count, 3, 2))
        which, axis = (rng.integers(2, size=(count, captions)) for _ in range(2))
        other = (places[np.arange(count)[:, None], which, axis] > 0) ^ (axis == 1)
        first: NDArray[np.int64] = 4 * axis + 2 * which
        picture = {CAMERA: draw(places)}
        told = Captioned(picture, picture, SENTENCES, first + other, first + ~other)
        return self._change(told)


def shuffled(told: Captioned) -> Captioned:
    """The same pictures and sentences, matched up at random among those that are learned from."""
    train = len(told) - len(told) // 8
    order = np.arange(len(told))
    order[:train] = np.random.default_rng(0).permutation(train)
    return replace(told, caption=told.caption[order], wrong=told.wrong[order])


def pretrained(
    variant: str, change: Change = lambda told: told, **changes: object
) -> tuple[Pretraining, list[dict[str, float]]]:
    """A finished run and its values."""
    run = Pretraining(CONFIG.replace(variant=variant, **changes), ToldDots(change))
    values = []
    while not run.finished:
        values.append(run.step().values)
    return run, values
