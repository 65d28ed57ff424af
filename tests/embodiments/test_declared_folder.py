"""The folder of declared robots: a file is enough, and a bad one hurts nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models_store.errors import LearningError
from practice.embodiments.declared import FOLDER
from practice.embodiments.registry import declaration_problems, embodiment, embodiments
from tests.embodiments.tiny_reach import DECLARATION

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of declarations with one in it, known to the registry."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    (tmp_path / "tiny-reach.json").write_text(json.dumps(DECLARATION))
    return tmp_path


def test_a_file_in_the_folder_is_an_embodiment_and_its_plug_in_stays_unimported(
    folder: Path,
) -> None:
    assert [spec.id for spec in embodiments()][-1] == "tiny-reach"
    script = (
        "import sys\n"
        "from practice.embodiments.registry import embodiment, embodiments\n"
        "robot = embodiment('tiny-reach')\n"
        "robot.action_limits({}), robot.check_instruction('go left'), robot.render({}, size=32)\n"
        "assert 'tiny-reach' in [spec.id for spec in embodiments()]\n"
        "assert not {'gymnasium', 'tests.embodiments.tiny_reach'} & set(sys.modules)\n"
    )
    environment = os.environ | {FOLDER: str(folder)}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True)


def test_a_changed_file_is_read_again(folder: Path) -> None:
    path = folder / "tiny-reach.json"
    path.write_text(json.dumps(DECLARATION | {"title": "Another title"}))
    assert embodiment("tiny-reach").spec.title == "Another title"
    path.unlink()
    with pytest.raises(LearningError, match="Unknown embodiment 'tiny-reach'; known: "):
        embodiment("tiny-reach")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("broken", b"{", "it is not JSON"),
        ("broken", b"\xff\xfe", "it is not JSON"),
        ("broken", b"[" * 200_000, "it is not JSON"),
        ("broken", b" " * 2**21, "larger than"),
        ("broken", b'{"id": "broken", "tilte": "x"}', "tilte is unknown"),
        ("broken", json.dumps(DECLARATION).encode(), "must be named tiny-reach.json"),
        ("point-mass", json.dumps(DECLARATION).encode(), "is always there; choose another"),
    ],
)
def test_a_bad_file_is_named_and_hurts_nobody_else(
    folder: Path, name: str, content: bytes, sentence: str
) -> None:
    (folder / f"{name}.json").write_bytes(content)
    (problem,) = declaration_problems()
    assert problem.startswith(str(folder / f"{name}.json"))
    assert sentence in problem
    assert {"point-mass", "tiny-reach"} <= {spec.id for spec in embodiments()}
    if name == "broken":
        with pytest.raises(LearningError, match=sentence):
            embodiment("broken")


def test_a_folder_that_is_not_there_holds_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "nowhere"))
    assert declaration_problems() == ()
