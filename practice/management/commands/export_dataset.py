"""`manage.py export_dataset DATASET_ID OUT.zip`: a dataset as a LeRobotDataset v3.0, written here and now."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from models_store.errors import LearningError
from practice.episodes.errors import EpisodesError
from practice.errors import PracticeError
from practice.models import Dataset, Export, User
from practice.services.export_files import check_exportable, write_version
from practice.services.versions import freeze


class Command(BaseCommand):
    """Freeze what a dataset holds and write it to a .zip, whole or not at all."""

    help = (
        "Write a dataset as a LeRobotDataset v3.0 .zip, with the trims and instructions it has now."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", type=int, help="the dataset's number")
        parser.add_argument("out", type=Path, help="the .zip to write")
        parser.add_argument("--cameras", choices=Export.Cameras.values, default="video")
        parser.add_argument(
            "--by",
            metavar="NAME",
            help="who freezes it; the person who made the dataset when left out",
        )

    def handle(
        self, *, dataset: int, out: Path, cameras: str, by: str | None, **_options: Any
    ) -> None:
        """Print one line: what was written."""
        if out.suffix != ".zip":
            raise CommandError(f"{out} is no .zip; name the file to write.")
        rows = Dataset.objects.select_related("task", "created_by")
        found = rows.filter(pk=dataset).first()
        if found is None:
            raise CommandError(f"There is no dataset {dataset}.")
        person = User.objects.filter(username=by).first() if by else found.created_by
        if person is None:
            raise CommandError(f"There is nobody called {by}.")
        try:
            check_exportable(found.task, cameras)
            version = freeze(found, by=person)
            written = write_version(version, out, cameras=cameras, as_zip=True)
        except (PracticeError, EpisodesError, LearningError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{version}: {written.episodes} episodes, {written.frames} frames, in {out}"
        )
