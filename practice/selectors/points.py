"""The points of a run's curves, not many more than a panel can show."""

from collections.abc import Sequence
from typing import TypeVar

from django.db.models import Count, F, Max, Q

from practice.models import Run

MOST_POINTS = 600
"""A curve of more points is thinned to about this many: a panel has no more pixels."""
FETCHED = 2
"""Times as many rows are fetched of a long run, for not each holds every value."""

T = TypeVar("T")
Point = tuple[int, int, float, dict[str, float]]
"""Iteration, environment steps, seconds, values."""


def points_of(run: Run, *, sparse: Sequence[str]) -> list[Point]:
    """Points in order. Of a long run every k-th counted from the newest, and all that hold one of the `sparse` values."""
    rows = run.points.values_list("iteration", "env_steps", "seconds", "values")
    known = run.points.aggregate(count=Count("pk"), newest=Max("iteration"))
    stride = known["count"] // (FETCHED * MOST_POINTS)
    if stride > 1:
        turn = (known["newest"] - F("iteration")) % stride
        rows = rows.alias(turn=turn).filter(Q(turn=0) | Q(values__has_any_keys=list(sparse)))
    return list(rows)


def thin(known: list[T]) -> list[T]:
    """Every k-th point counted from the newest, so that the newest always stays."""
    step = -(-len(known) // MOST_POINTS)
    return known[::-1][::step][::-1] if step > 1 else known
