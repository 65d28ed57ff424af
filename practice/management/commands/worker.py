"""`manage.py worker {gpu,cpu,actors}`: one Celery worker with the queues and slots of its kind."""

import os
import warnings
from argparse import ArgumentParser
from typing import Any

from celery import current_app
from celery.exceptions import SecurityWarning
from django.core.management.base import BaseCommand

from practice.devices import gpu_queues, visible_devices

CPU_SLOTS = 2
KINDS = ("gpu", "cpu", "actors")


class Command(BaseCommand):
    """Start a worker in the foreground."""

    help = (
        "Run a Celery worker. gpu: executes runs, one slot per visible device, the CPU counting as "
        "one. cpu: validates, exports and keeps house. actors: rollouts for runs on other hosts."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The worker's kind, and its slots where the default does not fit."""
        parser.add_argument("kind", choices=KINDS)
        parser.add_argument("--slots", type=int, help="jobs at a time; default: by kind")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run until stopped. Jobs being executed end or are handed back first."""
        # Celery warns root about pickled messages; ours are JSON and nothing else is accepted.
        warnings.simplefilter("ignore", SecurityWarning)
        current_app.worker_main(worker_arguments(options["kind"], options["slots"]))


def worker_arguments(kind: str, slots: int | None = None) -> list[str]:
    """Celery's command line for a worker of `kind`."""
    queues, pool, most = [kind], "prefork", CPU_SLOTS
    if kind == "gpu":
        # A job here only watches its child process, so threads do, and CUDA never meets a fork.
        devices = visible_devices()
        queues, pool, most = gpu_queues(devices), "threads", len(devices)
    elif kind == "actors":
        most = os.cpu_count() or 1
    return [
        "--quiet",
        "worker",
        f"--queues={','.join(queues)}",
        f"--pool={pool}",
        f"--concurrency={slots or most}",
        f"--hostname={kind}@%h",
        "--loglevel=INFO",
        "--without-gossip",
        "--without-mingle",
    ]
