"""`manage.py estimate_run ID OWNER`: the child process that finds out what one run would cost."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from models_store.errors import LearningError
from practice.errors import PracticeError
from practice.models import Estimate
from practice.services.estimates import fail_estimate


class Command(BaseCommand):
    """Find out what a run would cost on this process's device."""

    help = "Compute an estimate that somebody asked for; workers start this, people ask from the page of a new run or the API."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("estimate_id", type=int)
        parser.add_argument("owner", help="the lease this process works under")

    def handle(self, *, estimate_id: int, owner: str, **_options: Any) -> None:
        """Find it out, or keep the sentence that says why not."""
        # torch is wanted here and nowhere else in a worker.
        from practice.bridge.estimating import compute_estimate  # noqa: PLC0415

        rows = Estimate.objects.select_related("task", "policy", "reward")
        try:
            compute_estimate(rows.get(pk=estimate_id), owner=owner)
        except (LearningError, PracticeError) as error:
            fail_estimate(estimate_id, owner=owner, error=str(error))
