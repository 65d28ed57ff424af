"""v2.1 and v2.0 datasets written by hand from the documented layout: read as they are, and each trap named."""

import json
from pathlib import Path

import numpy as np
import pytest

from practice.episodes.lerobot_json import storable
from practice.episodes.lerobot_read import read_episodes
from practice.episodes.lerobot_validate import validate_dataset
from tests.episodes.golden import INSTRUCTIONS, Golden, only_error
from tests.episodes.golden_video import lines, write_v2


@pytest.mark.parametrize("version", ["v2.1", "v2.0"])
def test_every_number_is_read_back(tmp_path: Path, version: str) -> None:
    golden = Golden()
    root = write_v2(tmp_path / "d", golden, version)
    report = validate_dataset(root)
    assert report.version == version
    assert report.totals.kept_episodes == 5
    assert report.findings == ()
    read = list(read_episodes(root, report))
    assert [episode.instruction for episode in read] == [INSTRUCTIONS[i % 2] for i in range(5)]
    actions = np.concatenate([episode.action for episode in read])
    np.testing.assert_array_equal(actions, np.array(golden.data["action"], np.float32))
    states = np.concatenate([episode.observation["observation.state"][:-1] for episode in read])
    np.testing.assert_array_equal(states, np.array(golden.data["observation.state"], np.float32))


def test_a_missing_a_damaged_and_a_misplaced_file_refuse_their_episode_alone(
    tmp_path: Path,
) -> None:
    root = write_v2(tmp_path / "d", Golden())
    files = sorted((root / "data/chunk-000").iterdir())
    files[1].unlink()
    files[2].write_bytes(files[2].read_bytes()[:-9])
    files[4].write_bytes(files[0].read_bytes())
    report = validate_dataset(root)
    assert report.ok
    assert [episode.index for episode in report.kept()] == [0, 3]
    reasons = [episode.reasons for episode in report.episodes if not episode.kept]
    assert [len(each) for each in reasons] == [1, 1, 1]
    assert reasons[0] == ("its file is missing",)
    assert "cut short or damaged" in reasons[1][0]
    assert "has a row of episode 0" in reasons[2][0]
    assert [episode.uid for episode in read_episodes(root, report)] == ["e0", "e3"]


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        (
            "meta/tasks.jsonl",
            '{"task_index": 0, "task": "go"}\n{"task_',
            "line 2 is not valid JSON",
        ),
        ("meta/tasks.jsonl", '\n{"task_index": 0, "task": 7}\n', "line 2 has task 7"),
        ("meta/tasks.jsonl", '{"task_index": 0, "task": "go"}\n', "no line with task_index 1"),
        ("meta/episodes.jsonl", "[]\n", "line 1 must hold a JSON object"),
        ("meta/episodes.jsonl", '{"episode_index": 5}\n', "line 1 has episode_index 5"),
        ("meta/episodes.jsonl", '{"episode_index": 0}\n', "line 1 has length None"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, file: str, text: str, reason: str) -> None:
    root = write_v2(tmp_path / "d", Golden())
    (root / file).write_text(text)
    where, why = only_error(validate_dataset(root))
    assert where == file
    assert reason in why


def test_an_instruction_that_is_a_number_is_refused(tmp_path: Path) -> None:
    root = write_v2(tmp_path / "d", Golden())
    tasks = [{"task_index": 0, "task": "0"}, {"task_index": 1, "task": INSTRUCTIONS[1]}]
    (root / "meta/tasks.jsonl").write_text(lines(tasks))
    assert [episode.index for episode in validate_dataset(root).kept()] == [1, 3]


@pytest.mark.parametrize("text", ["push\0it", "half \ud83d"])
def test_an_instruction_that_no_database_keeps_is_refused(tmp_path: Path, text: str) -> None:
    root = write_v2(tmp_path / "d", Golden())
    tasks = [{"task_index": 0, "task": text}, {"task_index": 1, "task": INSTRUCTIONS[1]}]
    (root / "meta/tasks.jsonl").write_text(lines(tasks))
    report = validate_dataset(root)
    assert [episode.index for episode in report.kept()] == [1, 3]
    assert "holds a NUL byte or half a character" in report.episodes[0].reasons[0]
    assert storable(report.to_json())


def test_only_the_documented_paths_are_accepted(tmp_path: Path) -> None:
    root = write_v2(tmp_path / "d", Golden())
    info = json.loads((root / "meta/info.json").read_text())
    (root / "meta/info.json").write_text(json.dumps(info | {"data_path": "/etc/{episode_index}"}))
    assert "data_path is '/etc/" in only_error(validate_dataset(root))[1]
