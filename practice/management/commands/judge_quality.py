"""`manage.py judge_quality`: measure the recordings that nobody has measured yet."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from practice.models import Dataset, Episode, Task
from practice.services.quality import judge_dataset, judge_practice, unjudged


class Command(BaseCommand):
    """New episodes are measured as they come; this is for those from before, and for what a dead worker left."""

    help = "Measure the quality of the episodes that have none; a dataset is measured as a whole."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--task", help="only the episodes of the task with this slug")
        which.add_argument("--dataset", type=int, help="this dataset, measured or not")

    def handle(self, *, task: str | None, dataset: int | None, **_options: Any) -> None:
        """Measure, with progress on a terminal; stopped by Ctrl-C it goes on where it was."""
        if task is not None and not Task.objects.filter(slug=task).exists():
            raise CommandError(f"There is no task {task!r}.")
        datasets = Dataset.objects.select_related("task").order_by("pk")
        practised = Episode.objects.none()
        if dataset is not None:
            datasets = datasets.filter(pk=dataset)
            if not datasets.exists():
                raise CommandError(f"There is no dataset {dataset}.")
        else:
            rows = Episode.objects.filter(task__slug=task) if task else Episode.objects.all()
            left = unjudged(rows)
            datasets = datasets.filter(pk__in=left.values("dataset"))
            practised = left.filter(run__isnull=False)
        total = Episode.objects.filter(dataset__in=datasets).count() + practised.count()
        with _progress() as bar:
            line = bar.add_task("Episodes", total=total)
            done = sum(judge_dataset(one, lambda n: bar.advance(line, n)) for one in datasets)
            done += judge_practice(practised, lambda n: bar.advance(line, n))
        self.stdout.write(f"{done} of {total} episodes measured.")


def _progress() -> Progress:
    """A bar on the terminal that goes when it is full; nothing where nobody looks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(file=sys.stderr)
    return Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
