"""A finding in words: a section of a Markdown file that is rewritten in place."""

from __future__ import annotations

import os
from pathlib import Path

from practice.learning.errors import LearningError
from practice.learning.experiments import marks
from practice.learning.experiments.running import Finding
from practice.learning.experiments.summary import Estimate, Row

_END = "<!-- end -->"
_HEADINGS = (
    "arm",
    "demonstrations",
    "practice episodes",
    "before, %",
    "after, %",
    "lift, points",
    "steps before > after",
    "each seed, %",
    "paper, %",
)


def markdown(finding: Finding, provenance: str) -> str:
    """Question, table, goals, and where the figures come from."""
    asked, n = finding.experiment, len(finding.seeds)
    interval = (
        f"mean over {n} seeds with its 95 % t interval"
        if n > 1
        else "one seed, 95 % intervals over evaluation episodes only"
    )
    if n == 1 and finding.judges:
        interval = "one seed, no intervals"
    table = [
        f"| {' | '.join(_HEADINGS)} |",
        "|---" * len(_HEADINGS) + "|",
        *(_line(row) for row in finding.rows.values()),
    ]
    judges = list(finding.judges.values())
    tables = [table] if finding.rows else []
    if judges:
        tables += [marks.table(judges), marks.scores(judges)]
    origin = (
        f"Scale {finding.scale.name}, seeds {', '.join(map(str, finding.seeds))}: {interval}. "
        f"{finding.minutes:.1f} minutes of work on {provenance}."
    )
    goals = [_goal(goal) for goal in finding.goals]
    paper = [f"Paper: {asked.paper}"] if asked.paper else []
    parts = ([asked.question], *tables, paper, goals, [origin])
    return "\n\n".join("\n".join(part) for part in parts if part)


def update_results(path: Path, name: str, text: str) -> bool:
    """Rewrite the marked section of an experiment, and nothing else; a section that is not there
    is added at the end.

    Returns:
        Whether there is such a file.

    Raises:
        LearningError: the section does not end.
    """
    if not path.is_file():
        return False
    whole, mark = path.read_text(), f"<!-- reproduce:{name} -->"
    section = f"{mark}\n{text.strip()}\n{_END}"
    if mark not in whole:
        whole = f"{whole.rstrip()}\n\n{section}\n"
    else:
        before, _, rest = whole.partition(mark)
        inside, end, after = rest.partition(_END)
        if not end or "<!-- reproduce:" in inside:
            raise LearningError(f"The section {mark} in {path} does not end; close it with {_END}.")
        whole = before + section + after
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(whole)
    partial.replace(path)
    return True


def _line(row: Row) -> str:
    runs = row.runs
    each = ", ".join(
        f"{_percent(run.before.success.value)} > {_percent(run.after.success.value)}"
        for run in runs
    )
    steps = [sum(getattr(r, w).mean_steps for r in runs) / len(runs) for w in ("before", "after")]
    practised = "none"
    if any(run.practice_episodes for run in runs):
        done, kept = (
            sum(getattr(run, name) for run in runs) / len(runs)
            for name in ("practice_episodes", "kept_at")
        )
        practised = f"{done:,.0f}, kept at {kept:,.0f}"
    paper = "" if row.paper is None else " > ".join(_percent(value) for value in row.paper)
    cells = (
        row.arm, f"{row.demonstrations:,}", practised, _shown(row.before), _shown(row.after),
        _shown(row.lift, signed=True), " > ".join(f"{value:.1f}" for value in steps), each, paper,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _goal(goal: dict[str, object]) -> str:
    word = "reached" if goal["reached"] else "**not reached**"
    return f"- Goal: {goal['goal']}: {word} ({goal['value']:.4g}, asked {goal['limit']:.4g})."


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0.0):.1f}"


def _shown(estimate: Estimate, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{100 * estimate.value:{sign}.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
