"""`manage.py pretrain`, as a person at a terminal meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from efmweb.locks import hold
from models_store.checkpoint import EFMCheckpoint
from practice.bridge.assembly import load_pretraining
from practice.learning.pretraining import Pretraining
from practice.selectors.pretrainings import pretrainings


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, settings: LazySettings) -> None:
    settings.EFM_VAR = tmp_path / "var"


def pretrain(*options: str, robot: str = "language-table-4") -> None:
    call_command("pretrain", robot, "--scenes=128", "--steps=2", *options)


def test_it_writes_a_checkpoint_and_stores_it_by_name_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrain(f"--out={tmp_path / 'made'}", "--name=eyes-1", "--variant=unimodal", "--seed=7")
    said = capsys.readouterr().out
    made = EFMCheckpoint.load(tmp_path / "made")
    assert made.digest[:12] in said
    assert "word accuracy" in said
    expected = {"kind": "pretraining", "variant": "unimodal", "embodiment": "language-table-4", "seed": 7}  # fmt: skip
    assert expected.items() <= made.config.items()
    assert load_pretraining("eyes-1").digest == made.digest
    assert [str(one) for one in pretrainings()] == ["eyes-1 (unimodal, language-table-4)"]
    with pytest.raises(CommandError, match="There is a pretraining 'eyes-1' already"):
        pretrain("--name=eyes-1")

    def never(_self: Pretraining) -> None:
        raise AssertionError("what is finished is found again")

    monkeypatch.setattr(Pretraining, "step", never)
    pretrain("--name=eyes-2", "--variant=unimodal", "--seed=7")
    assert load_pretraining("eyes-2").digest == made.digest


def test_stopped_it_leaves_no_half_a_checkpoint_and_can_be_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_self: Pretraining) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Pretraining, "step", interrupted)
        with pytest.raises(CommandError, match="The same command goes on") as stopped:
            pretrain(f"--out={tmp_path / 'made'}", "--name=x")
    assert stopped.value.returncode == 130
    assert not (tmp_path / "made").exists()
    assert pretrainings() == []
    pretrain(f"--out={tmp_path / 'made'}", "--name=x")
    assert load_pretraining("x").digest == EFMCheckpoint.load(tmp_path / "made").digest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Say where to: --name NAME"),
        (("--name=a/b",), "'a/b' is no name of a pretraining: leave out the slash"),
        (("--name=.hidden",), "use letters, digits"),
        (("--name=x", "--scenes=3"), "scenes is 3; it must lie between 128"),
        (("--name=x", "--device=abacus"), "--device abacus"),
    ],
)
def test_what_cannot_be_done_gets_a_sentence(options: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        pretrain(*options)


@pytest.mark.parametrize(
    ("robot", "message"),
    [
        ("point-mass", "has no captioned pictures; choose a robot on a table"),
        ("nobody", "Unknown embodiment 'nobody'"),
    ],
)
def test_robots_without_captions_are_refused(robot: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        pretrain("--name=x", robot=robot)


def test_a_folder_is_never_overwritten_and_two_do_not_work_at_once(
    tmp_path: Path, settings: LazySettings
) -> None:
    with pytest.raises(CommandError, match="exists already"):
        pretrain(f"--out={tmp_path}")
    lock = hold(settings.EFM_VAR / "pretrain" / "lock")
    assert lock is not None
    with lock, pytest.raises(CommandError, match="Another pretraining is at work"):
        pretrain("--name=x")
