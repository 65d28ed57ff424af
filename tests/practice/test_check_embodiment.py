"""`manage.py check_embodiment`, and what `doctor` says of files that declare robots."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from practice.embodiments.declared import FOLDER
from practice.management.commands import check_embodiment, doctor
from practice.models import User
from tests.embodiments.tiny_reach import DECLARATION
from tests.factories import make_task


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of declarations, one good and one not."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    (tmp_path / "tiny-reach.json").write_text(json.dumps(DECLARATION))
    (tmp_path / "broken.json").write_text('{"id": "broken"}')
    return tmp_path


def checked(embodiment: str, path: Path) -> tuple[str, dict[str, Any], int]:
    """What was printed, the file that was written, the exit status."""
    out, status = io.StringIO(), 0
    try:
        call_command("check_embodiment", embodiment, "--json", str(path), stdout=out)
    except SystemExit as ended:
        status = int(ended.code or 0)
    return out.getvalue(), json.loads(path.read_text()), status


def test_a_sound_robot_gets_ok_on_every_line(folder: Path) -> None:
    said, written, status = checked("tiny-reach", folder / "report")
    assert status == 0
    assert written["ok"] is True
    assert written["embodiment"] == "tiny-reach"
    assert written["checks"][-1]["figures"]["env_steps_per_s"] > 0
    assert [line[:4] for line in said.splitlines()] == ["OK  "] * len(written["checks"])


def test_a_faulty_robot_gets_what_to_do_and_status_1(folder: Path) -> None:
    data = DECLARATION | {"kwargs": {"render_mode": "rgb_array", "fault": "ignores the seed"}}
    (folder / "tiny-reach.json").write_text(json.dumps(data))
    said, written, status = checked("tiny-reach", folder / "report")
    assert status == 1
    assert written["ok"] is False
    assert "TO DO seeding: The same seed gave two different starts" in said


def test_a_file_that_cannot_be_used_is_named(folder: Path) -> None:
    with pytest.raises(CommandError, match=r"broken\.json: .* is missing\. Correct the file"):
        call_command(check_embodiment.Command(), "broken")
    with pytest.raises(CommandError, match=r"(?s)Unknown embodiment 'x'.*broken\.json: "):
        call_command(check_embodiment.Command(), "x")
    finding = doctor.robots()
    assert not finding.ok
    assert str(folder / "broken.json") in finding.text


def test_pages_show_the_good_ones_beside_a_bad_one(
    folder: Path, client: Client, otto: User
) -> None:
    client.force_login(otto)
    form = client.get(reverse("web:task_new") + "?embodiment=tiny-reach").content.decode()
    assert "Tiny reach" in form
    assert "go left" in form
    task = make_task(embodiment="tiny-reach")
    (folder / "tiny-reach.json").write_text("{")
    for name, given in (("task_new", []), ("tasks", []), ("task", [task.slug])):
        page = client.get(reverse(f"web:{name}", args=given))
        assert page.status_code == 200, name
    assert "Tiny reach" not in client.get(reverse("web:task_new")).content.decode()


def test_doctor_counts_robots_where_all_is_well(folder: Path) -> None:
    (folder / "broken.json").unlink()
    finding = doctor.robots()
    assert finding.ok
    assert " known; " in finding.text


def test_settings_hand_the_folder_on_to_processes_without_django() -> None:
    assert os.environ.get(FOLDER) == str(settings.EFM_EMBODIMENTS)
    assert settings.EFM_EMBODIMENTS.is_absolute()
