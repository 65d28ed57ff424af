"""Statistics of a feature over a stream of frames, in constant memory, as meta/stats.json wants them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SAMPLE_ROWS = 1 << 15
_PICTURE_STRIDE = 8
_PICTURE_PIXELS = 64
_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}


class RunningStats:
    """Count, extremes, mean, deviation and quantiles of rows (n, size) that arrive in batches.

    Mean and squared deviation are merged as in Chan, Golub and LeVeque (1979), eq. 2.1. Quantiles come from every k-th row, k
    doubling as rows arrive: exact up to 32,768 rows, and always at least half as many rows from all over the stream.
    """

    def __init__(self, size: int, *, boolean: bool = False) -> None:
        self._boolean = boolean
        self._count = 0
        self._low = np.full(size, np.inf)
        self._high = np.full(size, -np.inf)
        self._mean = np.zeros(size)
        self._squares = np.zeros(size)
        self._sample: NDArray[np.float64] = np.empty((0, size))
        self._stride = 1

    def update(self, rows: NDArray[Any]) -> None:
        """Add rows (n, size), n > 0."""
        values = rows.astype(np.float64)
        count, mean = len(values), values.mean(axis=0)
        total, shift = self._count + count, mean - self._mean
        self._squares += ((values - mean) ** 2).sum(axis=0)
        self._squares += shift**2 * (self._count * count / total)
        self._mean += shift * (count / total)
        self._low = np.minimum(self._low, values.min(axis=0))
        self._high = np.maximum(self._high, values.max(axis=0))
        picked = values[-self._count % self._stride :: self._stride]
        self._sample = np.concatenate([self._sample, picked])
        while len(self._sample) > _SAMPLE_ROWS:
            self._sample, self._stride = self._sample[::2], self._stride * 2
        self._count = total

    def to_json(self) -> dict[str, list[float] | list[int] | list[bool]]:
        """The entry of stats.json: one number per dimension; booleans keep true and false as extremes."""
        quantiles = np.quantile(self._sample, list(_QUANTILES.values()), axis=0)
        kind = np.bool_ if self._boolean else np.float64
        return {
            "min": self._low.astype(kind).tolist(),
            "max": self._high.astype(kind).tolist(),
            "mean": self._mean.tolist(),
            "std": np.sqrt(self._squares / self._count).tolist(),
            "count": [self._count],
            **dict(zip(_QUANTILES, quantiles.tolist(), strict=True)),
        }


class PictureStats:
    """Statistics of a camera, per colour and in [0, 1], over an even sample of frames and pixels.

    LeRobot, too, looks at samples: every 8th frame, thinned to about 64 pixels a side, tells as much as all.
    """

    def __init__(self) -> None:
        self._colours = RunningStats(3)
        self._seen = 0
        self._sampled = 0

    def update(self, pictures: Sequence[NDArray[np.uint8]]) -> None:
        """Add pictures (H, W, 3) in the order of the stream."""
        picked = pictures[-self._seen % _PICTURE_STRIDE :: _PICTURE_STRIDE]
        for picture in picked:
            every = max(1, max(picture.shape[:2]) // _PICTURE_PIXELS)
            self._colours.update(picture[::every, ::every].reshape(-1, 3) / 255.0)
        self._seen += len(pictures)
        self._sampled += len(picked)

    def to_json(self) -> dict[str, Any]:
        """The entry of stats.json: one (3, 1, 1) list each; `count` is the number of frames looked at."""
        entry = self._colours.to_json()
        shaped = {name: [[[value]] for value in values] for name, values in entry.items()}
        return {**shaped, "count": [self._sampled]}
