"""`manage.py reproduce`, as a person at a terminal meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from efmweb.locks import hold
from efmweb.settings.env import ROOT
from practice.learning.experiments import catalogue
from tests.learning.tiny_experiment import TINY


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.EXPERIMENTS, "tiny", TINY)


def reproduce(tmp_path: Path, *options: str, name: str = "tiny") -> None:
    results = tmp_path / "results.md"
    call_command("reproduce", name, *options, f"--out={tmp_path / 'out'}", f"--results={results}")


def test_it_writes_result_figure_and_table_and_finds_them_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.md"
    results.write_text("by hand\n\n<!-- reproduce:tiny -->\nNot run yet.\n<!-- end -->\n")
    reproduce(tmp_path, "--seeds=2")
    first = capsys.readouterr()
    assert first.err.count("Stage 1 from") == 4
    folder = tmp_path / "out" / "tiny"
    whole = json.loads((folder / "result.json").read_text())
    assert (whole["experiment"], whole["seeds"], whole["scale"]) == ("tiny", [0, 1], "small")
    assert set(whole["versions"]) == {"torch", "mujoco", "numpy"}
    assert "CPU" in whole["machine"]
    assert json.loads((folder / "figure.json").read_text())["data"]
    assert (folder / "figure.html").exists()
    table = results.read_text()
    assert table.startswith("by hand\n\n<!-- reproduce:tiny -->\nDoes it run?")
    assert "Not run yet." not in table
    assert "| practice | 40 |" in table
    reproduce(tmp_path, "--seeds=2")
    again = capsys.readouterr()
    assert again.err == ""
    assert again.out == first.out
    assert json.loads((folder / "result.json").read_text()) == whole


def test_no_file_for_the_table_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reproduce(tmp_path, "--seeds=1")
    assert f"There is no {tmp_path / 'results.md'} to write the table" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "option", "message"),
    [
        ("fame", "--seeds=1", "Unknown experiment 'fame'; known: point-mass"),
        ("tiny", "--scale=vast", "Unknown scale 'vast'; known: tiny, small, full"),
        ("tiny", "--seeds=0", "--seeds 0: at least one is needed"),
        ("tiny", "--processes=-1", "--processes -1: 0 or more"),
        ("tiny", "--device=abacus", "--device abacus"),
    ],
)
def test_what_cannot_be_done_gets_a_sentence(
    name: str, option: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=message):
        reproduce(tmp_path, option, name=name)


def test_two_do_not_work_in_one_folder(tmp_path: Path) -> None:
    lock = hold(tmp_path / "out" / "lock")
    assert lock is not None
    with pytest.raises(CommandError, match=r"Another reproduce works in .*/out; wait for it"):
        reproduce(tmp_path)
    lock.close()
    reproduce(tmp_path, "--seeds=1")


def test_stopped_by_hand_it_says_one_line(tmp_path: Path) -> None:
    """In a process of its own, in the middle of Stage 1."""
    out = tmp_path / "out"
    started = subprocess.Popen(
        [sys.executable, "manage.py", "reproduce", "point-mass", "--scale", "full", "--out", out],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    patience = time.monotonic() + 60
    while not list(out.glob("stages/*.part")) and time.monotonic() < patience:
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    said, errors = started.communicate(timeout=60)
    assert (said, started.returncode) == ("", 130)
    assert errors == (
        "CommandError: Stopped. The same command goes on from here; at most a minute is done again.\n"
    )
