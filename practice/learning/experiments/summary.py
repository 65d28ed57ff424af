"""What was found, with honest intervals: one evaluation, a difference of two, and a few seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean, stdev
from typing import Any

from practice.learning.statistics import Share

_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Student's t at 97.5 % for 1 to 9 degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def of_share(share: Share) -> Estimate:
    """One evaluation: Wilson."""
    low, high = share.interval
    return Estimate(share.value or 0.0, low, high)


def difference(before: Share, after: Share) -> Estimate:
    """after - before for independent shares (R. G. Newcombe, Stat. Med. 1998, method 10).

    The two evaluations here begin alike, episode by episode, so it errs on the wide side.
    """
    a, b = of_share(after), of_share(before)
    value = a.value - b.value
    down = ((a.value - a.low) ** 2 + (b.high - b.value) ** 2) ** 0.5
    up = ((a.high - a.value) ** 2 + (b.value - b.low) ** 2) ** 0.5
    return Estimate(value, value - down, value + up)


def over_seeds(values: Sequence[float], pooled: Estimate, *, lowest: float = 0.0) -> Estimate:
    """The mean over training seeds with a t interval, which a few seeds leave wide.

    It is never narrower than `pooled`, that of all their evaluation episodes together: seeds that
    happen to agree prove little. A single seed says nothing about others and has `pooled` alone.
    """
    middle = mean(values)
    half = 0.0
    if len(values) > 1:
        half = student(len(values) - 1) * stdev(values) / len(values) ** 0.5
    low, high = min(middle - half, pooled.low), max(middle + half, pooled.high)
    return Estimate(middle, max(low, lowest), min(high, 1.0))


def success_over_seeds(shares: Sequence[Share]) -> Estimate:
    """Mean success of one evaluation per seed."""
    return over_seeds([share.value or 0.0 for share in shares], of_share(_together(shares)))


def _together(shares: Sequence[Share]) -> Share:
    return Share(sum(share.k for share in shares), sum(share.n for share in shares))


def student(degrees: int) -> float:
    """t at 97.5 %; beyond the table by its expansion around the normal (Cornish and Fisher)."""
    if degrees <= len(_T):
        return _T[degrees - 1]
    z = NormalDist().inv_cdf(0.975)
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
    return z + (z**3 + z) / (4 * degrees) + second


@dataclass(frozen=True, slots=True)
class Judged:
    """One evaluation."""

    success: Share
    mean_steps: float
    """A failure counts as the horizon."""

    detector: dict[str, Any]

    @classmethod
    def of(cls, result: dict[str, Any]) -> Judged:
        """From what an evaluation run says of itself."""
        n = int(result["episodes"])
        share = Share(round((result["success"] or 0.0) * n), n)
        return cls(share, float(result["mean_steps"]), result["detector"])

    def to_json(self) -> dict[str, Any]:
        """Share, interval, steps, detector."""
        return {
            "success": self.success.value,
            "ci": list(self.success.interval),
            "episodes": self.success.n,
            "mean_steps": self.mean_steps,
            "detector": self.detector,
        }


@dataclass(frozen=True, slots=True)
class SeedRun:
    """One arm at one seed."""

    seed: int
    before: Judged
    after: Judged
    curve: list[dict[str, float]]
    """Of practice: the entries with an evaluation; empty where nothing was practised."""

    evaluated_episodes: int
    """Per entry of the curve."""

    practice_episodes: int
    kept_at: int
    """Practice episodes until the checkpoint that was kept."""

    minutes: float
    """Of all stages that lead to it, shared ones counted in full."""

    stages: dict[str, str]
    """Part -> digest."""

    @property
    def lift(self) -> Estimate:
        """after - before."""
        return difference(self.before.success, self.after.success)

    @property
    def evaluated(self) -> tuple[Share, ...]:
        """Success at each entry of the curve."""
        n = self.evaluated_episodes
        return tuple(Share(round(entry["eval_success"] * n), n) for entry in self.curve)

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        lift = self.lift
        return {
            "seed": self.seed,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "lift": lift.value,
            "lift_ci": [lift.low, lift.high],
            "practice_episodes": self.practice_episodes,
            "kept_at_episodes": self.kept_at,
            "minutes": round(self.minutes, 2),
            "stages": self.stages,
            "curve": self.curve,
        }


@dataclass(frozen=True, slots=True)
class Row:
    """One arm over its seeds."""

    arm: str
    demonstrations: int
    paper: tuple[float, float] | None
    """The paper's success before and after."""

    paper_episodes: int | None
    runs: tuple[SeedRun, ...]

    @property
    def before(self) -> Estimate:
        """Success of the start."""
        return success_over_seeds([run.before.success for run in self.runs])

    @property
    def after(self) -> Estimate:
        """Success at the end."""
        return success_over_seeds([run.after.success for run in self.runs])

    @property
    def lift(self) -> Estimate:
        """Of the same seed, end minus start."""
        starts, ends = ([getattr(r, w).success for r in self.runs] for w in ("before", "after"))
        pooled = difference(_together(starts), _together(ends))
        return over_seeds([run.lift.value for run in self.runs], pooled, lowest=-1.0)

    def to_json(self) -> dict[str, Any]:
        """Means with intervals, and every seed."""
        figures = {name: getattr(self, name) for name in ("before", "after", "lift")}
        return {
            "arm": self.arm,
            "demonstrations": self.demonstrations,
            **{name: {"mean": e.value, "ci": [e.low, e.high]} for name, e in figures.items()},
            "paper": self.paper,
            "paper_episodes": self.paper_episodes,
            "seeds": [run.to_json() for run in self.runs],
        }
