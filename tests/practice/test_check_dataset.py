"""`manage.py check_dataset`: the report, and the exit status."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.episodes.golden import Golden, zip_folder


def checked(path: Path, *options: str) -> tuple[str, int]:
    """What was printed, the exit status."""
    out = io.StringIO()
    try:
        call_command("check_dataset", str(path), *options, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), int(ended.code or 0)
    return out.getvalue(), 0


def test_a_good_dataset_is_kept_whole(tmp_path: Path) -> None:
    root = Golden().write(tmp_path / "d")
    said, status = checked(root, "--ci", "--json", str(tmp_path / "report"))
    assert status == 0
    assert "5 of 5 episodes kept, 20 of 20 frames" in said
    assert json.loads((tmp_path / "report").read_text())["totals"]["kept_episodes"] == 5
    assert checked(zip_folder(root, tmp_path / "d.zip"))[1] == 0
    assert checked(root, "--embodiment", "language-table")[1] == 1


def test_a_refused_episode_fails_only_ci(tmp_path: Path) -> None:
    golden = Golden()
    golden.data["action"][5] = [0.0, float("nan")]
    root = golden.write(tmp_path / "d")
    said, status = checked(root)
    assert status == 0
    assert "refused episode 1: 3 frames" in said
    assert "frame 1: action[1] is nan" in said
    assert checked(root, "--ci")[1] == 1


def test_what_is_no_dataset_has_status_2(tmp_path: Path) -> None:
    assert checked(tmp_path)[1] == 2
    with pytest.raises(CommandError, match="is not there") as raised:
        checked(tmp_path / "nowhere")
    assert raised.value.returncode == 2
