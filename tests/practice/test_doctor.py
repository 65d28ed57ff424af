"""`manage.py doctor`: each line OK or what to do, and an exit status to match."""

import io
import json

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from practice.management.commands import doctor
from practice.models import Worker


def diagnose() -> tuple[dict[str, dict[str, object]], int]:
    """Findings by name, and the exit status."""
    out = io.StringIO()
    status = 0
    try:
        call_command("doctor", "--json", stdout=out)
    except SystemExit as ended:
        status = int(ended.code or 0)
    return {finding["name"]: finding for finding in json.loads(out.getvalue())}, status


def add_worker(kind: str) -> None:
    """A worker heard of just now."""
    Worker.objects.create(
        name=f"{kind}@lab",
        queues=[kind],
        device_kind="cpu",
        device_name="a CPU",
        started_at=timezone.now(),
        seen_at=timezone.now(),
    )


@pytest.fixture(autouse=True)
def _draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing depends on the machine and has a test of its own."""
    drawn = doctor.Finding("GL backend", True, "egl draws")
    others = tuple(check for check in doctor.CHECKS if check is not doctor.gl_backend)
    monkeypatch.setattr(doctor, "CHECKS", (*others, lambda: drawn))


@pytest.mark.django_db
def test_all_is_well_when_both_queues_are_heard() -> None:
    add_worker("gpu")
    add_worker("cpu")
    found, status = diagnose()
    assert [name for name, finding in found.items() if not finding["ok"]] == []
    assert set(found) == {
        *("Python", "GL backend", "GPU", "database", "Redis", "workers"),
        *("embodiments", "disk", "clock"),
    }
    assert status == 0


@pytest.mark.django_db
def test_a_silent_queue_is_named_with_its_remedy() -> None:
    add_worker("cpu")
    found, status = diagnose()
    assert found["workers"]["text"] == "nobody listens to gpu; start `manage.py worker gpu`"
    assert status == 1


@pytest.mark.django_db
def test_a_redis_that_is_away_is_named(settings: Settings) -> None:
    settings.EFM_REDIS_URL = "unix:///nowhere/redis.sock?db=0"
    found, status = diagnose()
    assert not found["Redis"]["ok"]
    assert status == 1


def test_the_drawing_check_names_packages_where_nothing_draws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "RENDER", "raise SystemExit(1)")
    found = doctor.gl_backend()
    assert not found.ok
    assert "apt-get install libegl1" in found.text
