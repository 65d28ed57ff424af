"""Key moments of an episode: where the predicted steps-to-go jumps more than the step just taken explains."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MIN_JUMP = 3.0
"""Control steps; smaller surprises are everyday noise."""
SPREADS = 1.0
"""A surprise must also exceed this many standard deviations of the prediction."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A jump of d that is first seen at `frame`."""

    frame: int
    kind: Literal["setback", "leap"]
    """setback: the goal is suddenly further away (dropped, slipped); leap: suddenly nearer."""
    size: float
    """Steps beyond what the steps taken explain; always positive."""


def key_moments(distance: NDArray[np.floating], spread: NDArray[np.floating]) -> list[Moment]:
    """Jumps of d (T+1,), given its spread (T+1,), both in control steps; in order of time.

    One step on a demonstrator's path lowers d by one, so the surprise of frame t is e_t = d_t - d_t-1 + 1. It counts when
    |e_t| > max(MIN_JUMP, SPREADS * max(spread_t-1, spread_t)): what the model is unsure of is no event. Neighbouring frames that
    jump the same way are one moment: it lies at the largest of them, and its size is the sum of |e|.
    """
    assert distance.ndim == 1, distance.shape
    assert distance.shape == spread.shape, (distance.shape, spread.shape)
    surprise = np.diff(distance.astype(np.float64)) + 1.0
    unsure = np.maximum(spread[:-1], spread[1:]).astype(np.float64)
    signs = np.sign(surprise) * (np.abs(surprise) > np.maximum(MIN_JUMP, SPREADS * unsure))
    edges = np.flatnonzero(np.diff(signs, prepend=0.0, append=0.0))
    moments = []
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if signs[begin] == 0:
            continue
        sizes = np.abs(surprise[begin:end])
        moments.append(
            Moment(
                frame=begin + int(np.argmax(sizes)) + 1,
                kind="setback" if signs[begin] > 0 else "leap",
                size=float(sizes.sum()),
            )
        )
    return moments
