"""`manage.py judge_episode ID`: the child process that computes one judgement."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from models_store.errors import LearningError
from practice.errors import PracticeError
from practice.models import Judgement
from practice.services.judging import fail_judgement


class Command(BaseCommand):
    """Let a reward model look at an episode."""

    help = "Compute a judgement that somebody asked for; workers start this, people ask from the episode's page or the API."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("judgement_id", type=int)

    def handle(self, *, judgement_id: int, **_options: Any) -> None:
        """Compute it, or keep the sentence that says why not."""
        # torch is wanted here and nowhere else in a worker.
        from practice.bridge.judging import compute_judgement  # noqa: PLC0415

        rows = Judgement.objects.select_related("episode__task", "episode__run", "reward")
        try:
            compute_judgement(rows.get(pk=judgement_id))
        except (LearningError, PracticeError) as error:
            fail_judgement(judgement_id, error=str(error))
