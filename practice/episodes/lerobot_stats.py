"""Statistics of features over a stream of episodes, in constant memory.

Those of the whole go to meta/stats.json, those of each episode to meta/episodes. LeRobot's own tools merge the latter when they split
a dataset or delete from it, and never look at the former: without them what is left would have no statistics, and nothing says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from practice.episodes.lerobot_format import Feature

_SAMPLE_ROWS = 1 << 15
_PICTURE_STRIDE = 8
_PICTURE_PIXELS = 64
_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
_SHARES = np.array(list(_QUANTILES.values()))
_EXTREMES = ("min", "max")
_NAMES = (*_EXTREMES, "mean", "std", "count", *_QUANTILES)
_LEVELS = 256


class DatasetStats:
    """Statistics of every feature: `add` tells those of each episode, `to_json` those of them all."""

    def __init__(self, features: Mapping[str, Feature]) -> None:
        self._types = dict(stat_fields(features))
        self._pictures = {name: PictureStats() for name, f in features.items() if f.picture}
        self._rows = {
            name: RunningStats(feature.size, boolean=feature.dtype == "bool")
            for name, feature in features.items()
            if not feature.picture
        }

    def add(
        self,
        rows: Mapping[str, NDArray[Any]],
        pictures: Mapping[str, Sequence[NDArray[np.uint8]]],
        lengths: NDArray[np.int64],
    ) -> dict[str, pa.Array]:
        """Take consecutive episodes of `lengths` steps, and give their columns of `stat_fields`.

        `rows` has the numbers, feature -> (n, size); `pictures` for each camera one (T, H, W, 3) per episode.
        """
        found = {}
        for name, values in rows.items():
            self._rows[name].update(values)
            found[name] = episode_stats(values, lengths)
        for name, takes in pictures.items():
            each = [self._pictures[name].add(frames) for frames in takes]
            found[name] = {stat: np.stack([entry[stat] for entry in each]) for stat in _NAMES}
        columns = {
            f"stats/{name}/{stat}": _lists(values)
            for name, entry in found.items()
            for stat, values in entry.items()
        }
        return {name: column.cast(self._types[name]) for name, column in columns.items()}

    def to_json(self) -> dict[str, Any]:
        """meta/stats.json."""
        kept: Mapping[str, RunningStats | PictureStats] = {**self._rows, **self._pictures}
        return {name: stats.to_json() for name, stats in kept.items()}


def stat_fields(features: Mapping[str, Feature]) -> list[tuple[str, pa.DataType]]:
    """Columns of meta/episodes with an episode's statistics, of the names and types that LeRobot writes."""
    return [
        (f"stats/{name}/{stat}", _stat_type(feature, stat))
        for name, feature in features.items()
        for stat in _NAMES
    ]


def _stat_type(feature: Feature, stat: str) -> pa.DataType:
    if stat == "count":
        return pa.list_(pa.int64())
    if feature.picture:
        return pa.list_(pa.list_(pa.list_(pa.float64())))
    whole = {"b": pa.bool_(), "i": pa.int64(), "u": pa.uint64()} if stat in _EXTREMES else {}
    return pa.list_(whole.get(np.dtype(feature.dtype).kind, pa.float64()))


def _lists(values: NDArray[Any]) -> pa.Array:
    """Cells of shape (n, ...) as a column of lists, in lists where they have more dimensions."""
    column = pa.array(np.ascontiguousarray(values).reshape(-1))
    for size in reversed(values.shape[1:]):
        ends = pa.array(np.arange(0, len(column) + 1, size, dtype=np.int32))
        column = pa.ListArray.from_arrays(ends, column)
    return column


def episode_stats(rows: NDArray[Any], lengths: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Exact statistics of each of consecutive episodes: name -> (episodes, size), `count` -> (episodes, 1).

    `rows` (n, size) are those of the episodes, `lengths` how many each has, none of them 0.
    """
    ends = np.cumsum(lengths)
    first, counts = ends - lengths, lengths[:, None]
    ordered = rows.copy()
    for start, end in zip(first.tolist(), ends.tolist(), strict=True):
        ordered[start:end].sort(axis=0)  # then extremes and quantiles only have to be picked
    values = ordered.astype(np.float64)
    mean = np.add.reduceat(values, first) / counts
    squares = np.add.reduceat((values - np.repeat(mean, lengths, axis=0)) ** 2, first)
    at = np.multiply.outer(_SHARES, lengths - 1)
    below = at.astype(np.int64)
    low = values[first + below]
    high = values[first + np.minimum(below + 1, lengths - 1)]
    quantiles = low + (at - below)[..., None] * (high - low)
    return {
        "min": ordered[first],
        "max": ordered[ends - 1],
        "mean": mean,
        "std": np.sqrt(squares / counts),
        "count": counts,
        **dict(zip(_QUANTILES, quantiles, strict=True)),
    }


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

    LeRobot, too, looks at samples: every 8th frame of an episode, thinned to about 64 pixels a side, tells as much as all. How often
    each of the 256 levels was seen is all that has to be kept.
    """

    def __init__(self) -> None:
        self._seen = np.zeros((3, _LEVELS), np.int64)
        self._sampled = 0

    def add(self, pictures: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Add an episode's pictures (T, H, W, 3), T > 0, and tell their own statistics, as `to_json` has them."""
        # The sample lies about the middle: from the first frame on, short episodes would show only how they begin.
        start = (len(pictures) - 1) % _PICTURE_STRIDE // 2
        every = max(1, max(pictures.shape[1:3]) // _PICTURE_PIXELS)
        picked = pictures[start::_PICTURE_STRIDE, ::every, ::every]
        seen = np.stack([np.bincount(picked[..., c].ravel(), minlength=_LEVELS) for c in range(3)])
        self._seen += seen
        self._sampled += len(picked)
        return _level_stats(seen, len(picked))

    def to_json(self) -> dict[str, Any]:
        """The entry of stats.json: one (3, 1, 1) list each; `count` is the number of frames looked at."""
        entry = _level_stats(self._seen, self._sampled)
        return {name: values.tolist() for name, values in entry.items()}


def _level_stats(seen: NDArray[np.int64], sampled: int) -> dict[str, NDArray[Any]]:
    """Statistics of pixels of which `seen` (3, 256) counts the levels: (3, 1, 1) each, but `count` (1,)."""
    level = np.arange(_LEVELS) / (_LEVELS - 1)
    pixels = seen[0].sum()
    mean = seen @ level / pixels
    squares = (seen * (level - mean[:, None]) ** 2).sum(axis=1)
    rank = np.maximum(np.array([0.0, 1.0, *_SHARES]) * pixels, 1)
    picked = level[(seen.cumsum(axis=1)[..., None] < rank).sum(axis=1)]
    entry = dict(zip((*_EXTREMES, *_QUANTILES), picked.T, strict=True))
    entry |= {"mean": mean, "std": np.sqrt(squares / pixels)}
    shaped = {name: values.reshape(3, 1, 1) for name, values in entry.items()}
    return {**shaped, "count": np.array([sampled])}
