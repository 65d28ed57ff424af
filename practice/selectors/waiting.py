"""Why a queued run has to wait, as one sentence; pages and API say the same."""

from collections.abc import Iterable

from practice.models import Run
from practice.selectors.workers import crew


def waiting_reason(run: Run) -> str:
    """Which workers are missing or busy, and how many runs stand before it; empty unless `run` is queued."""
    return waiting_reasons([run])[run.pk]


def waiting_reasons(runs: Iterable[Run]) -> dict[int, str]:
    """`waiting_reason` per run id, with one look at the workers however many runs there are, none if none waits."""
    runs = list(runs)
    reasons = dict.fromkeys((run.pk for run in runs), "")
    queued = [run for run in runs if run.state == Run.State.QUEUED]
    if queued:
        team = crew()
        reasons |= {run.pk: team.why_waiting(run) for run in queued}
    return reasons
