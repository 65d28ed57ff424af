"""Which fleets may be watched now."""

from practice.errors import MissingError
from practice.models import Run

FLEET_KINDS = (Run.Kind.PRACTICE, Run.Kind.EVALUATION)
"""Kinds of runs in which robots move."""

MOST_RUNS = 8
"""Runs on one wall."""


def fleets_running(person: object) -> list[Run]:
    """The newest running runs with robots that this person may see."""
    rows = Run.objects.visible_to(person).filter(kind__in=FLEET_KINDS, state=Run.State.RUNNING)
    return list(rows.select_related("task")[:MOST_RUNS])


def fleet_of(person: object, run: int) -> Run:
    """One run with robots, whatever its state.

    Raises:
        MissingError: it does not exist, may not be seen, or has no robots to show.
    """
    rows = Run.objects.visible_to(person).filter(kind__in=FLEET_KINDS, pk=run)
    found = rows.select_related("task").first()
    if found is None:
        raise MissingError(f"There is no run {run} with live pictures.")
    return found
