"""What a reward model says of an episode that it did not judge while it was lived."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_store.efm import EFM
from models_store.instructions import Instructions
from practice.episodes.types import Episode
from practice.fleet.drivers import Judge
from practice.fleet.senses import PREVIOUS
from practice.learning.errors import LearningError

ROWS = 256
"""Frames in one forward."""

Curve = NDArray[np.float32]


def judged(model: EFM, episode: Episode, *, device: str = "cpu") -> tuple[Curve, Curve]:
    """d(o_t, g) and its standard deviation at each of the T + 1 frames, (T + 1,) each, steps.

    Raises:
        LearningError: the episode lacks what the model looks at, or has it in another shape.
    """
    observation = _seen_by(model, episode)
    judge = Judge(model, device=device)
    distance, spread = [], []
    for first in range(0, episode.length + 1, ROWS):
        part = {name: values[first : first + ROWS] for name, values in observation.items()}
        count = min(ROWS, episode.length + 1 - first)
        said = judge(part, Instructions.same(episode.instruction, count), details=True)
        assert said.spread is not None
        distance.append(said.distance)
        spread.append(said.spread)
    return np.concatenate(distance), np.concatenate(spread)


def _seen_by(model: EFM, episode: Episode) -> dict[str, NDArray[Any]]:
    """What the model looks at, name -> (T + 1, ...), with the values of one step earlier where it looks back."""
    shapes: dict[str, tuple[int, ...]] = {n: (size,) for n, size in model.spec.observation.items()}
    shapes |= getattr(model.spec, "cameras", {})
    seen = {}
    for name, shape in shapes.items():
        values = episode.observation.get(name)
        if values is None or values.shape[1:] != shape:
            there = "none" if values is None else f"one of shape {values.shape[1:]}"
            raise LearningError(
                f"The model looks at {name} of shape {shape}; the episode has {there}."
            )
        seen[name] = values
    # An episode's first frame has its own value as the previous one.
    past = {
        name + PREVIOUS: np.concatenate([seen[name][:1], seen[name][:-1]])
        for name in model.spec.previous
    }
    return seen | past
