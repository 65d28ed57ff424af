"""`manage.py make_demos EMBODIMENT --episodes N --out FILE.zip`: scripted demonstrations as a LeRobotDataset v3.0."""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models_store.errors import LearningError
from practice.embodiments.registry import embodiment, embodiments
from practice.episodes.errors import EpisodesError
from practice.fleet.dataset import write_demonstrations


class Command(BaseCommand):
    """Write a dataset that goes in through the same door as anybody's: upload it to a task."""

    help = "Make demonstrations with an embodiment's scripted demonstrator, ready to be uploaded."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        known = ", ".join(spec.id for spec in embodiments())
        parser.add_argument("embodiment", help=f"one of: {known}")
        parser.add_argument("--episodes", type=int, default=1000, help="how many (default 1000)")
        parser.add_argument("--seed", type=int, default=0, help="everything random follows from it")
        parser.add_argument(
            "--style", help='which demonstrator, where there are several, e.g. "human" or "oracle"'
        )
        parser.add_argument(
            "--processes",
            type=int,
            default=0,
            help="that simulate beside this one, the same episodes with any number (default 0)",
        )
        parser.add_argument("--out", type=Path, required=True, help="the .zip to write")

    def handle(self, *, out: Path, episodes: int, **options: Any) -> None:
        """Write the .zip, whole or not at all."""
        if out.suffix != ".zip":
            raise CommandError(f"--out {out} must end in .zip.")
        if episodes < 1:
            raise CommandError(f"--episodes {episodes}: at least one is needed.")
        if options["processes"] < 0:
            raise CommandError(f"--processes {options['processes']}: 0 or more are needed.")
        started = time.monotonic()
        try:
            robot = embodiment(options["embodiment"])
            with _progress() as bar:
                line = bar.add_task("Demonstrations", total=episodes)
                written = write_demonstrations(
                    robot,
                    out,
                    episodes,
                    seed=options["seed"],
                    style=options["style"],
                    processes=options["processes"],
                    progress=lambda done: bar.update(line, completed=done),
                )
        except (LearningError, EpisodesError, OSError) as error:
            raise CommandError(str(error)) from error
        size, seconds = out.stat().st_size / 1e6, time.monotonic() - started
        self.stdout.write(
            f"{out}: {written.episodes} episodes, {written.frames} steps, {size:.1f} MB,"
            f" {seconds:.1f} s"
        )


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
