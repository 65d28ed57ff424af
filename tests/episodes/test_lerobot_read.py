"""Reading the golden dataset, which our writer never touched."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from practice.episodes.lerobot_arrays import read_arrays
from practice.episodes.lerobot_meta import open_dataset
from practice.episodes.lerobot_read import read_episodes
from practice.episodes.lerobot_rows import scan
from practice.episodes.lerobot_validate import validate_dataset
from practice.episodes.report import Finding
from tests.episodes.golden import DATA, FPS, INSTRUCTIONS, Golden


def test_the_golden_dataset_is_kept_whole(tmp_path: Path) -> None:
    report = validate_dataset(Golden().write(tmp_path))
    assert report.ok
    assert report.findings == ()
    assert (report.version, report.robot_type, report.fps) == ("v3.0", "point-mass", FPS)
    assert (report.totals.kept_episodes, report.totals.kept_frames) == (5, 20)
    assert [e.instruction for e in report.episodes] == [INSTRUCTIONS[i % 2] for i in range(5)]
    assert all(episode.success is True for episode in report.episodes)
    assert report.features is not None
    state = {"dtype": "float32", "shape": [3], "names": ["x", "y", "z"]}
    assert report.features["observation.state"] == state


def test_flat_arrays(tmp_path: Path) -> None:
    golden = Golden()
    root = golden.write(tmp_path)
    arrays = read_arrays(root, validate_dataset(root))
    np.testing.assert_array_equal(
        arrays.observation["observation.state"], golden.data["observation.state"]
    )
    np.testing.assert_array_equal(arrays.action, golden.data["action"])
    assert arrays.action.dtype == np.float32
    assert arrays.instructions == tuple(INSTRUCTIONS)
    assert arrays.instruction.tolist() == golden.data["task_index"]
    assert arrays.episode.tolist() == golden.data["episode_index"]
    assert arrays.lengths.tolist() == golden.lengths
    due = [4, 3, 2, 1, 3, 2, 1, 6, 5, 4, 3, 2, 1, 2, 1, 5, 4, 3, 2, 1]
    assert arrays.steps_to_go.tolist() == due


def test_episodes_one_by_one(tmp_path: Path) -> None:
    golden = Golden()
    root = golden.write(tmp_path)
    episodes = list(read_episodes(root, validate_dataset(root)))
    assert [episode.uid for episode in episodes] == ["e0", "e1", "e2", "e3", "e4"]
    assert [episode.length for episode in episodes] == golden.lengths
    third = episodes[2]
    assert (third.instruction, third.true_success, third.ended_by) == (
        INSTRUCTIONS[0],
        True,
        "success",
    )
    np.testing.assert_array_equal(third.action, golden.data["action"][7:13])
    rows = golden.data["observation.state"][7:13]
    # The format keeps no observation after the last action; the last one stands in for it.
    np.testing.assert_array_equal(third.observation["observation.state"], [*rows, rows[-1]])


def test_only_kept_episodes_are_read(tmp_path: Path) -> None:
    golden = Golden()
    golden.data["action"][golden.row(1, 2)] = [float("nan"), 0.0]
    golden.data["timestamp"][golden.row(4, 3)] = 9.0
    root = golden.write(tmp_path)
    report = validate_dataset(root)
    kept = [0, 2, 3]
    assert [episode.uid for episode in read_episodes(root, report)] == [f"e{i}" for i in kept]
    arrays = read_arrays(root, report)
    assert arrays.episode_index.tolist() == kept
    assert arrays.lengths.tolist() == [4, 6, 2]
    assert arrays.episode.tolist() == [0] * 4 + [1] * 6 + [2] * 2
    mine = np.isin(golden.data["episode_index"], kept)
    np.testing.assert_array_equal(arrays.action, np.array(golden.data["action"])[mine])


def test_a_folder_within_the_archive_is_found(tmp_path: Path) -> None:
    Golden().write(tmp_path / "my-demos")
    report = validate_dataset(tmp_path)
    assert report.ok
    assert len(list(read_episodes(tmp_path, report))) == 5


def test_batches_do_not_change_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Golden().write(tmp_path)
    whole = read_arrays(root, validate_dataset(root))
    monkeypatch.setattr("practice.episodes.lerobot_rows._BATCH_ROWS", 3)
    report = validate_dataset(root)
    assert report.ok
    assert [len(rows.episode) for rows in scan(open_dataset(root), DATA, ["action"])][:2] == [3, 3]
    np.testing.assert_array_equal(read_arrays(root, report).action, whole.action)
    episodes = list(read_episodes(root, report))
    np.testing.assert_array_equal(np.concatenate([e.action for e in episodes]), whole.action)


def test_progress_counts_what_is_kept_and_is_told_of_every_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Golden().write(tmp_path)
    report = validate_dataset(root)
    refused = [Finding("error", DATA, "is not wanted", episode) for episode in range(3)]
    monkeypatch.setattr("practice.episodes.lerobot_rows._BATCH_ROWS", 1)
    told: list[tuple[int, int]] = []
    list(read_episodes(root, report.refusing(refused), progress=lambda *at: told.append(at)))
    assert [done for done, _ in told].count(0) >= 13, "the rows of three episodes are passed over"
    assert told == sorted(told)
    assert told[-1] == (7, 7)


def test_other_ways_to_store_the_same_numbers(tmp_path: Path) -> None:
    golden = Golden()
    golden.types["observation.state"] = pa.list_(pa.float64())
    golden.types["action"] = pa.large_list(pa.float32())
    golden.info["fps"] = 10.0
    golden.tasks = {"task_index": [0, 1], "task": list(INSTRUCTIONS)}
    golden.pandas = {"index_columns": ["task"]}
    golden.info["something_new"] = {"tools": []}
    root = golden.write(tmp_path)
    report = validate_dataset(root)
    assert (report.ok, report.findings) == (True, ())
    assert read_arrays(root, report).observation["observation.state"].dtype == np.float32


def test_matrices_and_single_numbers(tmp_path: Path) -> None:
    golden = Golden()
    features = golden.info["features"]
    features["observation.state"]["shape"] = [3, 1]
    features["observation.force"] = {"dtype": "float32", "shape": [1], "names": None}
    golden.types["observation.state"] = pa.list_(pa.list_(pa.float32()))
    golden.data["observation.state"] = [[[x] for x in r] for r in golden.data["observation.state"]]
    golden.types["observation.force"] = pa.float32()
    golden.data["observation.force"] = [0.5] * 20
    root = golden.write(tmp_path)
    report = validate_dataset(root)
    assert report.ok, report.findings
    observation = read_arrays(root, report).observation
    assert observation["observation.state"].shape == (20, 3, 1)
    assert observation["observation.force"].shape == (20, 1)
    assert observation["observation.state"][19].tolist() == [[57.0], [58.0], [59.0]]


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    root = Golden().write(tmp_path)
    seen: list[tuple[int, int]] = []
    report = validate_dataset(root, progress=lambda *at: seen.append(at))
    read_arrays(root, report, progress=lambda *at: seen.append(at))
    assert seen == [(20, 20), (20, 20)]
