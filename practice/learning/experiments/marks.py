"""What exams of judges found: one judge at several seeds, its marks with intervals, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from practice.learning.experiments.summary import Estimate, student

MARKS = {
    "loss": "L_stg, nats",
    "rank": "rank of -d with time",
    "precision": "done: precision",
    "recall": "done: recall",
    "done_area": "done: area under ROC",
    "told_apart": "told apart by words",
}
"""Mark of `practice.learning.exam` -> what it is called."""

SCORES = {"matching_accuracy": "sentences matched", "word_accuracy": "missing words guessed"}
"""Of pretraining, on pictures kept out."""


@dataclass(frozen=True, slots=True)
class JudgeRun:
    """One judge at one seed."""

    seed: int
    marks: dict[str, float]
    pretraining: dict[str, float]
    """Its scores, empty where there was none."""

    minutes: float
    stages: dict[str, str]
    """Part -> digest."""

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        return {
            "seed": self.seed,
            "marks": self.marks,
            "pretraining": self.pretraining,
            "minutes": round(self.minutes, 2),
            "stages": self.stages,
        }


@dataclass(frozen=True, slots=True)
class JudgeRow:
    """One judge over its seeds."""

    name: str
    demonstrations: int
    runs: tuple[JudgeRun, ...]

    def mark(self, name: str) -> Estimate:
        """Mean over seeds with its t interval; of one seed the figure alone."""
        values = [run.marks[name] for run in self.runs]
        half = 0.0
        if len(values) > 1:
            half = student(len(values) - 1) * stdev(values) / len(values) ** 0.5
        return Estimate(mean(values), mean(values) - half, mean(values) + half)

    def to_json(self) -> dict[str, Any]:
        """Means with intervals, and every seed."""
        found = {name: self.mark(name) for name in MARKS}
        return {
            "judge": self.name,
            "demonstrations": self.demonstrations,
            "marks": {n: {"mean": e.value, "ci": [e.low, e.high]} for n, e in found.items()},
            "seeds": [run.to_json() for run in self.runs],
        }


def judge_run(seed: int, results: Mapping[str, Mapping[str, Any]], **facts: Any) -> JudgeRun:
    """From the results of its stages, by part."""
    exam, begun = results["exam"], results.get("pretraining", {})
    return JudgeRun(
        seed,
        {name: float(exam[name]) for name in MARKS},
        {name: float(begun[name]) for name in SCORES if name in begun},
        **facts,
    )


def table(rows: Sequence[JudgeRow]) -> list[str]:
    """Markdown."""
    headings = ("judge", "demonstrations", *MARKS.values())
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for row in rows:
        cells = [_shown(row, name) for name in MARKS]
        lines.append(f"| {row.name} | {row.demonstrations:,} | {' | '.join(cells)} |")
    return lines


def scores(rows: Sequence[JudgeRow]) -> list[str]:
    """What pretraining itself came to, a line per kind; nothing where there was none."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for run in row.runs:
            for name, value in run.pretraining.items():
                found.setdefault(f"{row.name.split(',')[0]}: {SCORES[name]}", []).append(value)
    told = [
        f"{what} {' to '.join(f'{100 * v:.1f}' for v in sorted({min(its), max(its)}))} %"
        for what, its in found.items()
    ]
    return [f"Pretraining, on pictures kept out: {'; '.join(told)}."] if told else []


def _shown(row: JudgeRow, name: str) -> str:
    found = row.mark(name)
    if len(row.runs) == 1:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
