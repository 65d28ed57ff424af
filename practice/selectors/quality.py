"""The quality of a set of episodes as its page shows it: distributions, what stands out and why, duplicates, covered starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from practice.episodes.quality import ODD_LENGTH, Quality
from practice.episodes.quality_sets import Coverage, coverage
from practice.querysets import EpisodeQuerySet

IDLE = 0.5
"""An episode that stands still for a larger share of its steps stands out."""
CLIPPED = 0.25
"""Likewise for the share of its action values at a bound."""
ABOVE = 1.5
"""And both must be so many times the set's median: what all do does not stand out."""
DROPPED = 0.05
"""Likewise for repeated frames, as a share of the length."""
BINS = 24
MOST_SHOWN = 50
"""Episodes that stand out, and groups of duplicates, that a page lists."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How one measure is distributed over the episodes."""

    name: str
    unit: str
    share: bool
    """Whether values are shares of one."""
    counts: tuple[int, ...]
    """Episodes per bin, from `low` to `high`."""
    low: float
    high: float
    median: float


@dataclass(frozen=True, slots=True)
class Oddity:
    """An episode that stands out, with the reasons in words."""

    episode: int
    uid: str
    length: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Twins:
    """Episodes that nearly repeat one another, the first of them apart."""

    first: int
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class QualityView:
    """What is known of a set of episodes."""

    total: int
    """Episodes with a recording."""
    measured: int
    spreads: tuple[Spread, ...] = ()
    oddities: tuple[Oddity, ...] = ()
    odd: int = 0
    """How many stand out, those that are not listed included."""
    twins: tuple[Twins, ...] = ()
    repeated: int = 0
    """Episodes that nearly repeat an earlier one."""
    covered: Coverage | None = None
    mixed: bool = False
    """Whether they may come from several datasets or runs: lengths, repeats and starts were then compared within each import only."""

    @property
    def counts(self) -> list[list[int]]:
        """Episodes in each cell of the starts, row by row; none where all start alike."""
        return [] if self.covered is None else self.covered.counts.tolist()


def quality_view(rows: EpisodeQuerySet, *, mixed: bool = False) -> QualityView:
    """The quality of these episodes, in one query; of a `mixed` set no starts, for each import has axes of its own."""
    listed = rows.exclude(blob_key="").order_by("pk").values_list("pk", "uid", "quality")
    found = list(listed)
    known = [(pk, uid, Quality.from_json(data)) for pk, uid, data in found if data]
    if not known:
        return QualityView(total=len(found), measured=0, mixed=mixed)
    qualities = [quality for _, _, quality in known]
    shaky, usual = _shaky(qualities), _Usual.of(qualities)
    odd = [
        Oddity(pk, uid, quality.length, reasons)
        for (pk, uid, quality), rough in zip(known, shaky.tolist(), strict=True)
        if (reasons := tuple(_reasons(quality, rough=rough, usual=usual)))
    ]
    odd.sort(key=lambda oddity: -len(oddity.reasons))
    twins = _twins([(pk, quality.duplicate_of) for pk, _, quality in known])
    starts = [quality.start for quality in qualities if quality.start is not None]
    return QualityView(
        total=len(found),
        measured=len(known),
        spreads=tuple(_spreads(qualities)),
        oddities=tuple(odd[:MOST_SHOWN]),
        odd=len(odd),
        twins=tuple(twins[:MOST_SHOWN]),
        repeated=sum(len(group.others) for group in twins),
        covered=None if mixed else coverage(np.array(starts).reshape(-1, 2)),
        mixed=mixed,
    )


@dataclass(frozen=True, slots=True)
class _Usual:
    """Medians of a set."""

    length: float
    idle: float
    clipped: float

    @classmethod
    def of(cls, qualities: Sequence[Quality]) -> Self:
        """Those of these episodes; what is not known counts as none."""
        return cls(
            float(np.median([q.length for q in qualities])),
            float(np.median([q.idle_share for q in qualities])),
            float(np.median([q.clipped_share or 0.0 for q in qualities])),
        )


def _shaky(qualities: Sequence[Quality]) -> NDArray[np.bool_]:
    """Which move far less smoothly than the others: robust z of the jerk above `ODD_LENGTH`; the jerk is a logarithm already."""
    jerk = np.array([np.nan if q.jerk is None else q.jerk for q in qualities], np.float64)
    if np.isnan(jerk).all():
        return np.zeros(len(jerk), np.bool_)
    away = jerk - np.nanmedian(jerk)
    least = np.log(2) / ODD_LENGTH  # twice the squared jerk is never odd
    return np.asarray(away / max(np.nanmedian(np.abs(away)) / 0.6745, least) > ODD_LENGTH)


def _reasons(quality: Quality, *, rough: bool, usual: _Usual) -> list[str]:
    told = []
    idle, clipped = quality.idle_share, quality.clipped_share or 0.0
    if quality.odd_length:
        told.append(f"{quality.length} steps long, the median is {usual.length:.0f}")
    if idle > max(IDLE, ABOVE * usual.idle):
        rest = f"the longest rest is from {quality.idle_first} to {quality.idle_end}"
        told.append(f"stands still for {100 * idle:.0f} % of its steps; {rest}")
    if clipped > max(CLIPPED, ABOVE * usual.clipped):
        told.append(f"{100 * clipped:.0f} % of its commands are at a bound")
    if quality.dropped > max(1, DROPPED * quality.length):
        told.append(f"a camera repeats {quality.dropped} frames while the robot moves")
    if rough:
        told.append("moves far less smoothly than the others")
    return told


def _twins(pairs: Sequence[tuple[int, int | None]]) -> list[Twins]:
    """The groups of duplicates, the largest first."""
    groups: dict[int, list[int]] = {}
    for pk, first in pairs:
        if first is not None:
            groups.setdefault(first, []).append(pk)
    found = [Twins(first, tuple(others)) for first, others in groups.items()]
    return sorted(found, key=lambda group: (-len(group.others), group.first))


def _spreads(qualities: Sequence[Quality]) -> list[Spread]:
    values: list[tuple[str, str, bool, list[Any]]] = [
        ("Length", "steps", False, [q.length for q in qualities]),
        ("Idle", "of the steps", True, [q.idle_share for q in qualities]),
        ("At a bound", "of the action values", True, [q.clipped_share for q in qualities]),
        ("Jerk", "(log, less is smoother)", False, [q.jerk for q in qualities]),
    ]
    return [
        _spread(name, unit, share, [v for v in found if v is not None])
        for name, unit, share, found in values
        if any(v is not None for v in found)
    ]


def _spread(name: str, unit: str, share: bool, values: list[float]) -> Spread:
    low, high = (0.0, 1.0) if share else (float(min(values)), float(max(values)))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    counts, _ = np.histogram(values, BINS, (low, high))
    return Spread(name, unit, share, tuple(counts.tolist()), low, high, float(np.median(values)))
