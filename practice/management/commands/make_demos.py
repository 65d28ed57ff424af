"""`manage.py make_demos EMBODIMENT --episodes N --out FILE.zip`: scripted demonstrations as a LeRobotDataset v3.0."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

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
        parser.add_argument("--out", type=Path, required=True, help="the .zip to write")

    def handle(self, *, out: Path, episodes: int, seed: int, **options: Any) -> None:
        """Write the .zip, whole or not at all."""
        if out.suffix != ".zip":
            raise CommandError(f"--out {out} must end in .zip.")
        if episodes < 1:
            raise CommandError(f"--episodes {episodes}: at least one is needed.")
        try:
            robot = embodiment(options["embodiment"])
            written = write_demonstrations(robot, out, episodes, seed=seed)
        except (LearningError, EpisodesError, OSError) as error:
            raise CommandError(str(error)) from error
        size = out.stat().st_size / 1e6
        self.stdout.write(
            f"{out}: {written.episodes} episodes, {written.frames} steps, {size:.1f} MB"
        )
