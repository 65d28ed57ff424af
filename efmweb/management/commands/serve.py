"""`manage.py serve`: the whole site on this machine, in the foreground."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from efmweb import group, site
from efmweb.errors import ServiceError


class Command(BaseCommand):
    """Embedded services where needed, migrations, web, workers and beat; Ctrl-C stops all."""

    help = "Run the whole site: services, web, gpu and cpu workers, beat. Ctrl-C stops all of it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to listen."""
        environment = settings.ENVIRONMENT
        parser.add_argument("--host", default=environment.host, help="address to listen on")
        parser.add_argument("--port", type=int, default=environment.port, help="port to listen on")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run until stopped."""
        host, port = options["host"], options["port"]
        try:
            site.check_address(host, port)
            with site.services():
                site.prepare()
                code = group.foreground(
                    site.processes(host, port), alongside=lambda: self._announce(host, port)
                )
        except ServiceError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            code = 0
        sys.exit(code)

    def _announce(self, host: str, port: int) -> None:
        try:
            site.wait_until_it_answers(host, port)
        except ServiceError as error:
            self.stderr.write(str(error))
            return
        self.stdout.write(f"efmweb is ready: {site.url(host, port)}")
        self.stdout.flush()
