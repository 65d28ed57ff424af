"""What only a set of episodes can tell: odd lengths, near-duplicates, which starts it covers.

Episodes are reduced one by one to a `Sketch` of fixed size, so memory grows by about a kilobyte an episode and never with its length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from practice.episodes.quality import ODD_LENGTH, cameras, vectors
from practice.episodes.types import Episode

POINTS = 8
"""Rows of an episode that a sketch keeps, evenly spaced in time, the first and the last among them."""
PATCHES = 4
"""A start picture is kept as so many by so many mean brightnesses."""
NEAR = 0.03
"""Episodes that differ by less than this share of what episodes of their set differ by are near-duplicates."""
SAME_LENGTH = 0.05
"""Largest difference of the log lengths of near-duplicates."""
FLAT = 1e-3
"""Spread below this share of a feature's size is noise, not difference."""
ODD_SHARE = 0.1
"""A length within this share of the median is never odd, however equal the others are."""
PER_CELL = 4
"""Episodes for each cell of the coverage grid: spread evenly they would fill 98 % of it (1 - e^-4)."""
MOST_CELLS = 16
"""Cells along one side of the coverage grid."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """An episode in a few hundred numbers."""

    instruction: str
    length: int
    parts: Mapping[str, NDArray[np.float32]]
    """Feature -> `POINTS` rows in one, or the start picture as patches; the same names and sizes through a set."""
    start: NDArray[np.float32]
    """All that is sensed as numbers in the first observation."""


def sketch_of(episode: Episode) -> Sketch:
    """Reduce an episode; the observation after the last action is left out."""
    rows = np.linspace(0, episode.length - 1, POINTS).round().astype(np.int64)
    sensed = vectors(episode)
    parts = {name: values[rows].ravel() for name, values in sensed.items()}
    parts["action"] = episode.action[rows].ravel()
    parts |= {name: _patches(frames[0]) for name, frames in cameras(episode).items()}
    start = np.concatenate([values[0] for values in sensed.values()] or [np.zeros(0)])
    return Sketch(
        instruction=episode.instruction,
        length=episode.length,
        parts={name: _finite(values) for name, values in parts.items()},
        start=_finite(start),
    )


def _finite(values: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.nan_to_num(values.astype(np.float32))


def _patches(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(H, W, 3) as `PATCHES` squared mean brightnesses in [0, 1]."""
    grey = picture.mean(axis=2) / 255
    rows = np.array_split(grey, PATCHES)
    return np.array([cell.mean() for row in rows for cell in np.array_split(row, PATCHES, axis=1)])


def length_z(lengths: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float64]:
    """Robust z of each of (n,) lengths: 0.6745 (ln T - median) / MAD, with a MAD for each side of the median.

    Lengths are skewed, for nearness to the goal is: one MAD for both sides would call the whole longer tail odd.
    """
    logs = np.log(np.maximum(np.asarray(lengths, np.float64), 1.0))
    if not logs.size:
        return logs
    away = logs - np.median(logs)
    below, above = (
        max(float(np.median(np.abs(side))) / 0.6745, np.log1p(ODD_SHARE) / ODD_LENGTH)
        for side in (away[away <= 0], away[away >= 0])
    )
    return np.asarray(np.where(away < 0, away / below, away / above))


def length_outliers(lengths: Sequence[int] | NDArray[np.integer]) -> list[int]:
    """Places of the lengths beyond `ODD_LENGTH`, ascending."""
    return np.flatnonzero(np.abs(length_z(lengths)) > ODD_LENGTH).tolist()


def near_duplicates(sketches: Sequence[Sketch]) -> dict[int, int]:
    """Place of each episode that nearly repeats an earlier one -> place of the first of its kind.

    The square distance of two episodes is the sum over features of the mean square difference, each in units of the feature's own
    spread over the set. Firsts of their kind lie in the cells of a grid over three principal components, `NEAR` wide, and in the cells
    around: whoever is near one finds it in his own cell, so only few pairs are compared.
    """
    if len(sketches) < 2:
        return {}
    points = _in_spreads([sketch.parts for sketch in sketches])
    cells = np.floor(principal(points, 3) / NEAR).astype(np.int64)
    logs = np.log([max(sketch.length, 1) for sketch in sketches])
    around = np.array(list(product((-1, 0, 1), repeat=3)))
    firsts: dict[tuple[object, ...], list[int]] = {}
    found: dict[int, int] = {}
    for place, (cell, sketch) in enumerate(zip(cells, sketches, strict=True)):
        nearby = np.array(firsts.get((sketch.instruction, *cell.tolist()), ()), np.int64)
        nearby = nearby[np.abs(logs[nearby] - logs[place]) <= SAME_LENGTH]
        apart = np.sum((points[nearby] - points[place]) ** 2, axis=1)
        if apart.size and apart.min() < NEAR**2:
            found[place] = int(nearby[apart.argmin()])
            continue
        for beside in (cell + around).tolist():
            firsts.setdefault((sketch.instruction, *beside), []).append(place)
    return found


def principal(points: NDArray[np.floating], count: int) -> NDArray[np.float64]:
    """(n, d) on its first principal components, (n, count) about their mean, zeros where there are fewer."""
    centred = points.astype(np.float64) - points.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    places = centred @ axes[:, ::-1][:, :count]
    return np.pad(places, ((0, 0), (0, count - places.shape[1])))


def start_places(starts: NDArray[np.floating]) -> NDArray[np.float64]:
    """Where (n, d) starts lie on their first two principal components, (n, 2), the middle 98 % of each in [0, 1].

    What does not differ between episodes is left out; a component that is not there is 0.5 for all.
    """
    varied = starts[:, _spread(starts) > _floor(starts)]
    if not varied.size:
        return np.full((len(starts), 2), 0.5)
    places = principal(varied / _spread(varied), 2)
    low, high = np.percentile(places, [1, 99], axis=0)
    flat = high - low <= FLAT
    return np.asarray(np.where(flat, 0.5, (places - low) / np.where(flat, 1.0, high - low)))


@dataclass(frozen=True, slots=True)
class Coverage:
    """How the starts of a set fill the box that they span."""

    counts: NDArray[np.int64]
    """Episodes in each cell, (rows, columns); what lies outside the middle 98 % counts in the cell at the rim."""

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return int(self.counts.size)

    @property
    def occupied(self) -> int:
        """Cells with an episode."""
        return int(np.count_nonzero(self.counts))

    @property
    def share(self) -> float:
        """Share of cells with an episode, in (0, 1]."""
        return self.occupied / self.cells


def coverage(places: NDArray[np.floating]) -> Coverage | None:
    """The grid over (n, 2) places as `start_places` gives them; None where all start alike or too few to tell.

    There are about n / `PER_CELL` cells, so that chance alone leaves hardly one empty.
    """
    varied = np.ptp(places, axis=0) > 0 if len(places) else np.zeros(2, np.bool_)
    sides = int(varied.sum())
    if not sides or len(places) < 2 * PER_CELL:
        return None
    side = min(MOST_CELLS, int((len(places) / PER_CELL) ** (1 / sides)))
    shape = np.where(varied, max(side, 2), 1)
    cells = np.clip(np.floor(places * shape), 0, shape - 1).astype(np.int64)
    counts = np.bincount(cells[:, 1] * shape[0] + cells[:, 0], minlength=int(shape.prod()))
    return Coverage(counts.reshape(shape[1], shape[0]))


def _in_spreads(parts: Sequence[Mapping[str, NDArray[np.float32]]]) -> NDArray[np.float32]:
    """All parts side by side, (n, d), each scaled by its spread and size: square distances add up over the parts."""
    scaled = []
    for name in parts[0]:
        values = np.stack([part[name] for part in parts])
        spread = np.sqrt(np.mean(_spread(values) ** 2))
        scaled.append(values / (max(spread, _floor(values)) * np.sqrt(values.shape[1])))
    return np.concatenate(scaled, axis=1)


def _spread(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Standard deviation of each column of (n, d), told from the middle 90 % so that a wild episode changes nothing."""
    low, high = np.percentile(values, [5, 95], axis=0)
    return np.asarray((high - low) / 3.29)


def _floor(values: NDArray[np.floating]) -> float:
    """Spread of (n, d) below which there is no difference; never zero."""
    return max(FLAT * float(np.sqrt(np.mean(values.astype(np.float64) ** 2))), 1e-12)
