"""The whole site on one machine: which processes it has, and what must be done before they start.

`serve` and the demo use it alike. Databases first, then migrations, then web, workers and beat; in
the opposite order at the end.
"""

import ipaddress
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from efmweb import embedded
from efmweb.errors import ServiceError
from efmweb.settings.env import ROOT
from efmweb.supervise import Kept

WEB_WITHIN = 60.0
"""Seconds the web process may take until it answers."""


@contextmanager
def services(*, durable: bool = True) -> Iterator[embedded.Running]:
    """The embedded services that no URL replaces, for as long as the block lasts."""
    environment = settings.ENVIRONMENT
    running = embedded.start(settings.EFM_VAR, embedded.needed(environment), durable=durable)
    try:
        yield running
    finally:
        connections.close_all()
        running.stop()


def prepare() -> None:
    """Migrate, and in production collect the static files."""
    call_command("migrate", interactive=False, verbosity=0)
    if settings.EFM_PRODUCTION:
        call_command("collectstatic", interactive=False, verbosity=0)
    # Processes are forked from here on, and a connection must not have two owners.
    connections.close_all()


def processes(host: str, port: int) -> list[Kept]:
    """Web, workers and beat of a site on one machine; they stop when this process is gone."""
    python, leader = sys.executable, os.getpid()
    manage = (python, str(ROOT / "manage.py"))
    commands = {
        "web": (python, "-m", "efmweb.web", "--host", host, "--port", str(port)),
        "gpu": (*manage, "worker", "gpu"),
        "cpu": (*manage, "worker", "cpu"),
        "beat": (python, "-m", "celery", "-A", "efmweb", "--quiet", "beat", "--loglevel=WARNING"),
    }
    return [Kept(command, name, leader=leader) for name, command in commands.items()]


def check_address(host: str, port: int, *, setting: str = "PORT=") -> None:
    """Refuse a port that is taken, and an open address without the production settings. `setting` chooses another one.

    Raises ServiceError with one sentence that says what to do.
    """
    if not settings.EFM_PRODUCTION and not _is_loopback(host):
        raise ServiceError(
            f"{host} lets others in: set EFM_PRODUCTION=1 with SECRET_KEY and ALLOWED_HOSTS first, "
            "or listen on 127.0.0.1."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OverflowError as error:
            raise ServiceError(
                f"{setting}{port} is no port: choose one from 1 to 65535."
            ) from error
        except OSError as error:
            raise ServiceError(
                f"Port {port} on {host} cannot be used ({error.strerror}): stop what listens "
                f"there, or choose another port, as {setting}{_suggested(port)}."
            ) from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _suggested(port: int) -> int:
    return port + 1 if 1024 <= port < 65535 else 8080


def url(host: str, port: int) -> str:
    """The address to open in a browser."""
    shown = "localhost" if host in {"127.0.0.1", "::1", "0.0.0.0"} else host  # noqa: S104
    return f"http://{shown}:{port}/"


def wait_until_it_answers(host: str, port: int) -> None:
    """Wait until the site says that it is well. Raises ServiceError when it does not in time."""
    shown = f"[{host}]" if ":" in host else host
    request = urllib.request.Request(
        f"http://{shown}:{port}/health", headers={"Host": settings.ALLOWED_HOSTS[0].lstrip(".*")}
    )
    patience = time.monotonic() + WEB_WITHIN
    while time.monotonic() < patience:
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise ServiceError(f"The site at {url(host, port)} does not answer; its log says why.")
