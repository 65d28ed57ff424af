"""`manage.py services [-- COMMAND...]`: the embedded PostgreSQL and Redis, alone."""

import signal
import subprocess
import sys
from argparse import REMAINDER, ArgumentParser
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from efmweb import embedded, site
from efmweb.errors import ServiceError


class Command(BaseCommand):
    """Start what is not running, run COMMAND or wait for Ctrl-C, and stop what was started."""

    help = (
        "Start the embedded PostgreSQL and Redis. With a command after --, run it and stop them "
        "when it ends; without one, stay until Ctrl-C. Services that DATABASE_URL or REDIS_URL "
        "replace are left out."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options, and everything after `--`."""
        parser.add_argument("--status", action="store_true", help="say what runs, and end")
        parser.add_argument("--stop", action="store_true", help="stop what runs, and end")
        parser.add_argument(
            "--not-durable",
            action="store_true",
            help="let the database not wait for the disk: for tests",
        )
        parser.add_argument("run", nargs=REMAINDER, metavar="-- COMMAND", help="what to run")

    def handle(self, *_args: Any, **options: Any) -> None:
        """As the options say; the exit status is the command's own."""
        if options["stop"]:
            embedded.stop_all(settings.EFM_VAR)
        if options["stop"] or options["status"]:
            for name, keeper in embedded.status(settings.EFM_VAR).items():
                state = f"runs (keeper {keeper})" if keeper else "does not run"
                self.stdout.write(f"{name}: {state}")
            return
        command = options["run"][1:] if options["run"][:1] == ["--"] else options["run"]
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            with site.services(durable=not options["not_durable"]) as running:
                self._say(running)
                code = _run(command) if command else _wait()
        except ServiceError as error:
            raise CommandError(str(error)) from error
        sys.exit(code)

    def _say(self, running: embedded.Running) -> None:
        started = ", ".join(service.name for service in running.keepers) or "nothing to start"
        self.stderr.write(f"services: {started}, data in {settings.EFM_VAR}")


def _interrupt(*_args: object) -> None:
    raise KeyboardInterrupt


def _run(command: list[str]) -> int:
    try:
        child = subprocess.Popen(command)
    except OSError as error:
        raise CommandError(f"{command[0]} cannot be started: {error.strerror}.") from error
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.terminate()
        return child.wait()


def _wait() -> int:
    with suppress(KeyboardInterrupt):
        signal.pause()
    return 0
