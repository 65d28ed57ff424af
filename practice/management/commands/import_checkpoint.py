"""`manage.py import_checkpoint PATH.zip|OWNER/NAME[@REVISION] --task SLUG`: a checkpoint from outside, checked here and now."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from practice.episodes.hub import is_repo
from practice.errors import PracticeError
from practice.models import Checkpoint, CheckpointImport, Task, User
from practice.services.checkpoint_imports import (
    import_checkpoint,
    receive_checkpoint,
    receive_from_hub,
)


class Command(BaseCommand):
    """Bring a checkpoint to a task, or say why not."""

    help = "Check a checkpoint from outside, a .zip or one of the Hub, and make it a checkpoint of a task."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "source",
            help="a .zip as a checkpoint's download gives it, or OWNER/NAME[@REVISION] on the Hub",
        )
        parser.add_argument("--task", required=True, metavar="SLUG")
        parser.add_argument(
            "--kind", choices=Checkpoint.Kind.values, default="policy", help="what it serves as"
        )
        parser.add_argument(
            "--name", default="", help="that of the file or repository when left out"
        )
        parser.add_argument(
            "--by", metavar="NAME", help="who brings it; who made the task when left out"
        )

    def handle(
        self, *, source: str, task: str, kind: str, name: str, by: str | None, **_options: Any
    ) -> None:
        """Print one line: the checkpoint that it became or was already."""
        found = Task.objects.select_related("created_by").filter(slug=task).first()
        if found is None:
            raise CommandError(f"There is no task {task!r}.")
        person = User.objects.filter(username=by).first() if by else found.created_by
        if person is None:
            raise CommandError(f"There is nobody called {by}.")
        row = self._received(source, found, by=person, kind=kind, name=name)
        import_checkpoint(row.pk)
        row = CheckpointImport.objects.get(pk=row.pk)
        if row.state == CheckpointImport.State.FAILED:
            raise CommandError(row.error)
        if row.checkpoint is None:
            self.stdout.write(f"{row} is being checked by a worker; see the task's page.")
        else:
            checkpoint = row.checkpoint
            self.stdout.write(f"{checkpoint}: checkpoint {checkpoint.pk}, {checkpoint.digest[:12]}")

    def _received(self, source: str, task: Task, **facts: Any) -> CheckpointImport:
        path = Path(source)
        try:
            if path.suffix != ".zip" and not path.exists() and is_repo(source.partition("@")[0]):
                return receive_from_hub(task, source, **facts)
            with path.open("rb") as file:
                return receive_checkpoint(task, file, filename=path.name, **facts)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror or error}.") from error
        except PracticeError as error:
            raise CommandError(str(error)) from error
