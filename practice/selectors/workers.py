"""Who does the work: workers, their queues, and why a run has to wait."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from practice.models import Dataset, Export, Run, Worker
from practice.models.runs import run_queue
from practice.querysets import WORKER_SILENT_AFTER

CPU_QUEUE = "cpu"
FORGET_AFTER = timedelta(days=1)
"""A worker silent for this long is no longer listed."""


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """One worker and what it does now."""

    worker: Worker
    alive: bool
    runs: tuple[Run, ...]

    @property
    def free(self) -> int:
        """Slots without a run."""
        return max(0, self.worker.slots - len(self.runs)) if self.alive else 0


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One queue: who listens, and how many rows wait in it."""

    name: str
    holds: str
    listeners: int
    slots: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Crew:
    """All workers at one moment."""

    lines: tuple[WorkerLine, ...]
    waiting: tuple[Run, ...]
    """Queued runs, those first in line first."""

    @property
    def alive(self) -> list[WorkerLine]:
        """Workers heard of lately."""
        return [line for line in self.lines if line.alive]

    @property
    def all_slots(self) -> int:
        """How many runs can run at once."""
        return sum(line.worker.slots for line in self.listening(run_queue("")))

    @property
    def free_slots(self) -> int:
        """How many of them hold none."""
        return sum(line.free for line in self.listening(run_queue("")))

    def listening(self, queue: str) -> list[WorkerLine]:
        """Workers alive that take from `queue`."""
        return [line for line in self.lines if line.alive and queue in line.worker.queues]

    def why_waiting(self, run: Run) -> str:
        """One sentence on why a queued run does not run yet; empty for any other state."""
        if run.state != Run.State.QUEUED:
            return ""
        queue = run.queue
        listeners = self.listening(queue)
        if not listeners and run.device_kind:
            return (
                f"No worker with a device of kind {run.device_kind} is here. "
                "Start one on a machine that has it: manage.py worker gpu"
            )
        if not listeners:
            return "No worker is here that executes runs. Start one: manage.py worker gpu"
        slots = sum(line.worker.slots for line in listeners)
        if any(line.free for line in listeners):
            return "A worker is free and takes it within seconds."
        ahead = sum(1 for other in self._line_for(queue) if other.pk < run.pk)
        busy = "The only slot is" if slots == 1 else f"All {slots} slots are"
        return f"{busy} busy; {ahead or 'no'} run{'' if ahead == 1 else 's'} before it in line."

    def _line_for(self, queue: str) -> list[Run]:
        return [run for run in self.waiting if run.queue == queue]

    def device_kinds(self) -> dict[str, int]:
        """Device kind -> slots, of the workers that take runs."""
        kinds: Counter[str] = Counter()
        for line in self.listening(run_queue("")):
            kinds[line.worker.device_kind] += line.worker.slots
        return dict(sorted(kinds.items()))


def why_no_cpu_worker() -> str:
    """One sentence where nobody is here who imports, measures, judges and exports; "" where somebody is."""
    if Worker.objects.listening_to(CPU_QUEUE).exists():
        return ""
    return "No worker is here that does it. Start one: manage.py worker cpu"


def crew() -> Crew:
    """Look at all workers once: three queries, however many runs there are."""
    now = timezone.now()
    running: dict[str, list[Run]] = {}
    waiting: list[Run] = []
    busy = Run.objects.filter(state__in=[Run.State.RUNNING, Run.State.QUEUED])
    for run in busy.select_related("task").order_by("queued_at", "pk"):
        if run.state == Run.State.QUEUED:
            waiting.append(run)
        else:
            running.setdefault(run.worker, []).append(run)
    known = Worker.objects.filter(seen_at__gte=now - FORGET_AFTER)
    lines = (
        WorkerLine(
            worker=worker,
            alive=worker.seen_at >= now - WORKER_SILENT_AFTER,
            runs=tuple(running.get(worker.name, ())),
        )
        for worker in known
    )
    return Crew(lines=tuple(lines), waiting=tuple(waiting))


def queue_lines(team: Crew) -> list[QueueLine]:
    """The queues that hold rows or have listeners; "gpu" and "cpu" always."""
    waiting = Counter(run.queue for run in team.waiting)
    imports = Dataset.objects.filter(state=Dataset.State.QUEUED).count()
    waiting[CPU_QUEUE] = imports + Export.objects.filter(state=Export.State.QUEUED).count()
    names = {run_queue(""), CPU_QUEUE, *(name for name, count in waiting.items() if count)}
    return [_queue_line(name, team, waiting[name]) for name in sorted(names, reverse=True)]


def _queue_line(name: str, team: Crew, waiting: int) -> QueueLine:
    listeners = team.listening(name)
    return QueueLine(
        name=name,
        holds="imports and exports" if name == CPU_QUEUE else "runs",
        listeners=len(listeners),
        slots=sum(line.worker.slots for line in listeners),
        waiting=waiting,
    )


def with_reasons(runs: Iterable[Run], team: Crew) -> list[tuple[Run, str]]:
    """Each run with why it waits, empty for those that do not."""
    return [(run, team.why_waiting(run)) for run in runs]
