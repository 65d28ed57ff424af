"""Promises of the documentation and of names that only meet at run time."""

import re
from pathlib import Path

import pytest
from celery import current_app

from efmweb.celery import app
from efmweb.settings import env

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "docs" / "operations.md"
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$", re.MULTILINE)


def test_every_setting_stands_in_the_operations_guide_as_it_is() -> None:
    written = [
        (name, default.strip("`"), text)
        for name, default, text in ROW.findall(OPERATIONS.read_text())
    ]
    assert written == env.variables()


def test_only_env_reads_the_environment_for_configuration() -> None:
    """Elsewhere os.environ is only handed on to child processes or given defaults."""
    reads = re.compile(
        r"""os\.environ\[["']|os\.getenv|os\.environ\.get\(["'](EFM_|DJANGO_(?!SET)|DATABASE|REDIS|SECRET|ALLOWED)"""
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for room in ("efmweb", "practice", "models_store")
        for path in (ROOT / room).rglob("*.py")
        if path != ROOT / "efmweb" / "settings" / "env.py" and path.name != "testing.py"
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if reads.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("entry", sorted(app.conf.beat_schedule))
def test_each_beat_entry_names_a_job(entry: str) -> None:
    app.loader.import_default_modules()
    assert app.conf.beat_schedule[entry]["task"] in app.tasks


def test_jobs_are_sent_through_our_application() -> None:
    assert current_app.main == "efmweb"
