"""`services`, `serve` and the start-up refusals, as a person at a terminal meets them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import get_commands, load_command_class
from django.test import override_settings

from efmweb import site
from efmweb.errors import ServiceError
from efmweb.settings.env import ROOT


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py with `variables` on top of the environment."""
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "name", sorted(name for name, app in get_commands().items() if app in {"efmweb", "practice"})
)
def test_a_command_starts_without_importing_every_page(name: str) -> None:
    """Django's own checks do, for seconds; each run and each estimate is a command of its own."""
    assert load_command_class(get_commands()[name], name).requires_system_checks == []


def test_production_without_secrets_ends_in_one_sentence() -> None:
    done = manage("check", EFM_PRODUCTION="1")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "efmweb cannot start: EFM_PRODUCTION=1 needs SECRET_KEY and ALLOWED_HOSTS: set them in the "
        "environment and start again."
    )


def test_the_web_process_refuses_too() -> None:
    command = [sys.executable, "-c", "import efmweb.asgi"]
    done = subprocess.run(
        command,
        env={**os.environ, "EFM_PRODUCTION": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert ImproperlyConfigured.__name__ in done.stderr


def test_services_run_a_command_and_pass_its_status_on(tmp_path: Path) -> None:
    script = "import os, django; django.setup(); from efmweb import health; import sys;"
    script += "sys.exit(40 + health.database_answers() + health.redis_answers())"
    variables = {"EFM_VAR": str(tmp_path), "DATABASE_URL": "", "REDIS_URL": ""}
    variables["DJANGO_SETTINGS_MODULE"] = "efmweb.settings"
    done = manage("services", "--not-durable", "--", sys.executable, "-c", script, **variables)
    assert done.returncode == 42, done.stderr
    after = manage("services", "--status", **variables)
    assert after.stdout.splitlines() == ["postgres: does not run", "redis: does not run"]


def test_a_command_that_is_not_there_gets_a_sentence(tmp_path: Path) -> None:
    done = manage("services", "--not-durable", "--", "/nowhere/x", EFM_VAR=str(tmp_path))
    assert "/nowhere/x cannot be started: No such file or directory." in done.stderr


def test_a_taken_port_gets_a_sentence_with_a_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match=rf"Port {port} on 127.0.0.1 .* as PORT="):
            site.check_address("127.0.0.1", port)


@pytest.mark.parametrize("host", ["::", "192.0.2.7", "lab.example.org"])
def test_an_open_address_needs_production(host: str) -> None:
    with pytest.raises(ServiceError, match="set EFM_PRODUCTION=1 with SECRET_KEY"):
        site.check_address(host, 8000)


def test_loopback_addresses_are_welcome() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site.check_address("127.0.0.1", port)
    with override_settings(EFM_PRODUCTION=True), pytest.raises(ServiceError, match="is no port"):
        site.check_address("127.0.0.1", 70_000)
