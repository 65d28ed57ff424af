"""`manage.py serve_policy NAME|DIGEST`: a checkpoint acts for robots that ask over the network."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from efmweb import site
from efmweb.errors import ServiceError
from models_store.errors import LearningError
from practice.errors import PracticeError
from practice.models import Checkpoint
from practice.selectors.checkpoints import checkpoint_named


class Command(BaseCommand):
    """One policy, one port, in the foreground; Ctrl-C stops it."""

    help = "Serve a checkpoint to robots over a websocket. They show an API token of an operator. Ctrl-C stops it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to serve, where, and to robots of which pace."""
        parser.add_argument("policy", help="NAME, NAME@DIGEST or DIGEST of a policy checkpoint")
        parser.add_argument("--reward", help="the reward model that says d(o, g), named likewise")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8100, help="port to listen on")
        parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
        parser.add_argument(
            "--period-ms", type=float, default=100.0, help="how often each robot asks (default 100)"
        )
        parser.add_argument(
            "--patience-ms",
            type=float,
            help="longest that a question waits for others; as its batch takes when left out",
        )
        parser.add_argument("--seed", type=int, default=0, help="all chance follows from it")

    def handle(self, *, policy: str, reward: str | None, **options: Any) -> None:
        """Load, measure, serve."""
        # torch is wanted here alone.
        from efmweb import inference  # noqa: PLC0415
        from practice.fleet.inference.queue import Rules  # noqa: PLC0415

        host, port, patience = options["host"], options["port"], options["patience_ms"]
        if options["period_ms"] <= 0 or (patience is not None and patience < 0):
            raise CommandError("--period-ms must lie above 0, --patience-ms not below.")
        try:
            site.check_address(host, port, setting="--port ")
            chosen = checkpoint_named(policy, Checkpoint.Kind.POLICY)
            judge = checkpoint_named(reward, Checkpoint.Kind.REWARD) if reward else None
            if judge is not None and judge.task_id != chosen.task_id:
                raise CommandError(f"{judge} judges another task than {chosen} acts on.")
            rules = Rules(
                period_s=options["period_ms"] / 1_000,
                patience_s=None if patience is None else patience / 1_000,
            )
            wanted = inference.Serving(chosen, judge, options["device"], rules, options["seed"])
            served = inference.make_served(wanted)
        except (ServiceError, LearningError, PracticeError) as error:
            raise CommandError(str(error)) from error
        shown = f"[{host}]" if ":" in host else host
        line = f"{served.facts['policy']} answers at ws://{shown}:{port}/ws/inference/"

        def announce() -> None:
            self.stdout.write(line)
            self.stdout.flush()

        inference.serve(served, host, port, announce=announce)
        self.stdout.write(str(served.server.statistics()))
