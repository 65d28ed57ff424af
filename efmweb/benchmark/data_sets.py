"""Datasets for the data benchmark: as large as asked for, written in seconds, and no easier to pack than a camera's.

Something moves over a smooth background, and every pixel has sensor noise of three levels either way. Without it neighbouring frames
would be nearly equal, and two gigabytes of archive would be hundreds of hours of film.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.spec import EmbodimentSpec, is_camera
from practice.episodes.lerobot_write import Written, write_dataset
from practice.episodes.types import Episode

_NOISES = 61
"""Pictures of noise, taken in turn: one comes again only after more bytes than packing looks back."""


def write_set(
    path: Path,
    spec: EmbodimentSpec,
    episodes: int,
    *,
    cameras: Literal["image", "video"] = "image",
    seed: int = 0,
) -> Written:
    """A .zip of `episodes` episodes of as many steps as the robot's horizon."""
    sensed = {name: f for name, f in spec.observation.items() if not f.privileged}
    return write_dataset(
        path,
        made_up(spec, episodes, seed=seed),
        features={**sensed, "action": spec.action},
        fps=round(spec.control_hz),
        robot_type=spec.id,
        as_zip=True,
        cameras=cameras,
    )


def made_up(spec: EmbodimentSpec, episodes: int, *, seed: int = 0) -> Iterator[Episode]:
    """Episodes with everything the robot senses; nobody simulated them."""
    rng, steps = np.random.default_rng(seed), spec.horizon
    scenes = {name: _Scene(spec.observation[name].shape, rng) for name in spec.cameras}
    low, high = np.array(spec.action.low), np.array(spec.action.high)
    for number in range(episodes):
        observation = {
            name: scenes[name].film(steps + 1, start=number * steps)
            if is_camera(name)
            else rng.normal(size=(steps + 1, *feature.shape)).astype(feature.dtype)
            for name, feature in spec.observation.items()
            if not feature.privileged
        }
        yield Episode(
            uid=f"e{number}",
            robot=0,
            instruction=spec.instructions[number % len(spec.instructions)],
            seed=number,
            observation=observation,
            action=rng.uniform(low, high, (steps, len(low))).astype(spec.action.dtype),
            distance=None,
            spread=None,
            ended_by="success",
            detector_success=None,
            true_success=True,
            success_step=steps,
        )


class _Scene:
    """What one camera sees."""

    def __init__(self, shape: tuple[int, ...], rng: np.random.Generator) -> None:
        height, width, _ = shape
        y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
        waves = [np.sin(2 * np.pi * (x + k * y)) * np.cos(2 * np.pi * y) for k in range(3)]
        self._still = (120 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)
        self._noise = rng.integers(0, 7, (_NOISES, *shape), dtype=np.uint8)

    def film(self, frames: int, *, start: int) -> NDArray[np.uint8]:
        """(frames, H, W, 3); frame `start` of a camera that turns one pixel a frame."""
        turned = [np.roll(self._still, k, axis=1) for k in range(start, start + frames)]
        noise = self._noise[np.arange(start, start + frames) % _NOISES]
        return np.stack(turned) + noise
