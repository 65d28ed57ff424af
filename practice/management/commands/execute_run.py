"""`manage.py execute_run ID OWNER`: the child process of a run, started by a worker that holds its lease."""

import os
import sys
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from models_store.errors import LearningError, SimulatorLostError
from practice.episodes.errors import EpisodesError
from practice.errors import LeaseLostError, PracticeError
from practice.fleet.orphans import ORPHANED, end_with_parent
from practice.models import Run
from practice.services.leases import hand_back
from practice.services.progress import fail_run

LEASE_LOST = 76
"""Exit status of a child that no longer holds its run."""
SIMULATOR_LOST = 77
"""Exit status of a child whose simulator ended or hangs."""


class Command(BaseCommand):
    """Execute a run under a lease. Wishes come on standard input, one word a line."""

    help = "Execute a run that a worker has claimed; workers start this, people launch runs from the page or the API."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run_id", type=int)
        parser.add_argument("owner", help="the lease this process works under")

    def handle(self, *, run_id: int, owner: str, **_options: Any) -> None:
        """Execute until the work ends, a wish ends it, or the lease is lost."""
        ears = StandardInput()
        leads = os.environ.get("RANK", "0") == "0"
        # All of a team have the same standard input; the leader alone reads it.
        if leads:
            ears.listen()
        else:
            end_with_parent()  # which is torchrun
        # torch is wanted here and nowhere else in a worker.
        from practice.bridge.assembly import device, open_session  # noqa: PLC0415
        from practice.learning.parallel import join, leave  # noqa: PLC0415

        team = join(device())
        run = Run.objects.select_related("task", "policy", "reward").get(pk=run_id)
        try:
            session = open_session(run, owner, ears, team)
            if session is not None:
                session.execute()
            leave(team)
        except LeaseLostError as error:
            self.stderr.write(error.message)
            sys.exit(LEASE_LOST)
        except SimulatorLostError as error:
            # As if this process had died itself, but the run's log says of what.
            self.stderr.write(str(error))
            if leads:
                hand_back(run_id, owner=owner, reason=str(error))
            sys.exit(SIMULATOR_LOST)
        except (EpisodesError, LearningError, PracticeError) as error:
            if leads:
                fail_run(run_id, owner=owner, error=str(error))
            else:
                self.stderr.write(str(error))


class StandardInput:
    """Hears the worker; a closed pipe means the worker is gone, and ends this process at once."""

    def __init__(self) -> None:
        self.wish = ""

    def listen(self) -> None:
        """Start listening in a thread of its own."""
        threading.Thread(target=self._hear, daemon=True).start()

    def _hear(self) -> None:
        for line in sys.stdin:
            word = line.strip()
            self.wish = "" if word == "go" else word
        # Nothing may be written any more: the run will be claimed by another worker.
        os._exit(ORPHANED)
