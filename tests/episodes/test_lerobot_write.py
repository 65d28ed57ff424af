"""What we write: valid v3.0, read back exactly, all or nothing."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from practice.episodes.errors import DatasetError
from practice.episodes.intake import take_in
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_format import Feature
from practice.episodes.lerobot_read import read_episodes
from practice.episodes.lerobot_stats import RunningStats
from practice.episodes.lerobot_validate import validate_dataset
from practice.episodes.lerobot_write import Written, write_dataset
from practice.episodes.notes import Notes
from practice.episodes.types import Episode
from tests.episodes.episodes import make_episode, same_arrays

FEATURES = {
    "observation.state": Feature("float32", (3,), ["x", "y", "z"]),
    "action": Feature("float32", (2,), ["vx", "vy"]),
}


def write(path: Path, episodes: list[Episode], **options: Any) -> Written:
    given_options = {"features": FEATURES, "fps": 10, "robot_type": "point-mass", **options}
    return write_dataset(path, episodes, **given_options)


def test_the_documented_layout(tmp_path: Path) -> None:
    episodes = [make_episode(i, steps=3 + i, instruction=f"go {i % 2}") for i in range(3)]
    root = tmp_path / "set"
    notes = Notes(style="hesitant", quality=0.5, source="oracle")
    assert write(root, episodes, notes=lambda _: notes) == Written(3, 12, 2)
    files = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    assert files == [
        "README.md",
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/info.json",
        "meta/stats.json",
        "meta/tasks.parquet",
    ]
    info = json.loads((root / files[3]).read_text())
    assert info["codebase_version"] == "v3.0"
    assert info["splits"] == {"train": "0:3"}
    assert [info[f"total_{n}"] for n in ("episodes", "frames", "tasks")] == [3, 12, 2]
    assert info["features"]["next.done"] == {"dtype": "bool", "shape": [1], "names": None}
    data = pq.read_table(root / files[1])
    assert set(data.column_names) == set(info["features"])
    assert str(data.schema.field("action").type) == "fixed_size_list<element: float>[2]"
    assert str(data.schema.field("timestamp").type) == "float"
    assert data["index"].to_pylist() == list(range(12))
    assert data["frame_index"].to_pylist() == [0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4]
    assert data["next.done"].to_pylist() == [f in {2, 6, 11} for f in range(12)]
    np.testing.assert_allclose(data["timestamp"], np.array(data["frame_index"]) / 10, rtol=1e-6)
    rows = pq.read_table(root / files[2])
    assert rows["tasks"].to_pylist() == [["go 0"], ["go 1"], ["go 0"]]
    assert rows["dataset_from_index"].to_pylist() == [0, 3, 7]
    assert rows["dataset_to_index"].to_pylist() == [3, 7, 12]
    assert rows["seed"].to_pylist() == [0, 1, 2]
    assert (rows["style"][0].as_py(), rows["quality"][0].as_py()) == ("hesitant", 0.5)
    assert rows["source"][2].as_py() == "oracle"


def test_instructions_are_the_pandas_index(tmp_path: Path) -> None:
    """Without this metadata LeRobot reads the instruction "go home" as "0", and says nothing."""
    write(tmp_path / "set", [make_episode(0, instruction="go home")])
    schema = pq.read_schema(tmp_path / "set/meta/tasks.parquet")
    pandas = json.loads(schema.metadata[b"pandas"])
    assert pandas["index_columns"] == ["__index_level_0__"]
    assert [c["field_name"] for c in pandas["columns"]] == ["task_index", "__index_level_0__"]
    assert pandas["columns"][1]["name"] is None


def test_statistics(tmp_path: Path) -> None:
    episodes = [make_episode(i, steps=5) for i in range(4)]
    write(tmp_path / "set", episodes)
    stats = json.loads((tmp_path / "set/meta/stats.json").read_text())
    action = np.concatenate([e.action for e in episodes]).astype(np.float64)
    assert stats["action"]["count"] == [20]
    for name, due in {
        "min": action.min(0),
        "max": action.max(0),
        "mean": action.mean(0),
        "std": action.std(0),
        "q10": np.quantile(action, 0.1, axis=0),
    }.items():
        np.testing.assert_allclose(stats["action"][name], due, rtol=1e-6)
    done = stats["next.done"]
    assert (done["min"], done["max"], done["mean"]) == ([False], [True], [0.2])


def test_statistics_of_a_long_stream() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, (200_000, 1))
    stats = RunningStats(1)
    for part in np.array_split(values, 37):
        stats.update(part)
    found = stats.to_json()
    assert found["count"] == [200_000]
    np.testing.assert_allclose(found["mean"], values.mean(), rtol=1e-12)
    np.testing.assert_allclose(found["std"], values.std(), rtol=1e-12)
    np.testing.assert_allclose(found["q90"], np.quantile(values, 0.9), atol=0.05)


def test_reward_is_the_fall_of_d(tmp_path: Path) -> None:
    episode = replace(make_episode(0, steps=3), distance=np.array([5, 4, 2.5, 3], np.float32))
    write(tmp_path / "set", [episode], with_reward=True)
    data = pq.read_table(tmp_path / "set/data/chunk-000/file-000.parquet")
    assert data["next.reward"].to_pylist() == [1.0, 1.5, -0.5]


@pytest.mark.parametrize("as_zip", [False, True])
def test_round_trip(tmp_path: Path, as_zip: bool) -> None:
    episodes = [
        make_episode(i, steps=2 + i % 5, instruction=f"go to {i % 3} o'clock", success=i % 4 > 0)
        for i in range(23)
    ]
    path = tmp_path / ("set.zip" if as_zip else "set")
    folder = path
    write(path, episodes, as_zip=as_zip)
    expect = Expectations({"observation.state": (3,), "action": (2,)}, 10)
    if as_zip:
        folder = tmp_path / "unpacked"
        report = take_in(path, folder, expect=expect)
    else:
        report = validate_dataset(folder, expect=expect)
    assert report.ok
    assert report.totals.kept_episodes == 23
    for before, after in zip(episodes, read_episodes(folder, report), strict=True):
        assert (after.instruction, after.seed) == (before.instruction, before.seed)
        assert after.true_success is before.true_success
        assert same_arrays(before, after)


finite = st.floats(-1e6, 1e6, width=32)


@st.composite
def some_episodes(draw: st.DrawFn) -> list[Episode]:
    letters = st.characters(codec="utf-8", exclude_characters="\0")
    words = st.text(letters, min_size=1, max_size=20)
    instructions = words.filter(lambda text: text.strip() and not text.strip().isdigit())
    made = []
    for i in range(draw(st.integers(1, 4))):
        steps = draw(st.integers(1, 6))
        state = draw(hnp.arrays(np.float32, (steps + 1, 3), elements=finite))
        action = draw(hnp.arrays(np.float32, (steps, 2), elements=finite))
        episode = make_episode(i, steps=steps, instruction=draw(instructions))
        made.append(replace(episode, observation={"observation.state": state}, action=action))
    return made


@settings(max_examples=20, deadline=None)
@given(episodes=some_episodes())
def test_whatever_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, episodes: list[Episode]
) -> None:
    root = tmp_path_factory.mktemp("round") / "set"
    write(root, episodes)
    report = validate_dataset(root)
    assert report.ok, report.findings
    for before, after in zip(episodes, read_episodes(root, report), strict=True):
        assert after.instruction == before.instruction
        assert same_arrays(before, after)


def test_files_and_folders_roll_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("practice.episodes.lerobot_write._GROUP_ROWS", 8)
    monkeypatch.setattr("practice.episodes.lerobot_format.FILE_MEGABYTES", 0)
    monkeypatch.setattr("practice.episodes.lerobot_format.CHUNK_FILES", 2)
    episodes = [make_episode(i, steps=4) for i in range(9)]
    root = tmp_path / "set"
    write(root, episodes)
    files = sorted(p.relative_to(root).as_posix() for p in root.glob("data/*/*"))
    assert files == [f"data/chunk-00{i // 2}/file-00{i % 2}.parquet" for i in range(5)]
    report = validate_dataset(root)
    assert (report.ok, report.findings) == (True, ())
    after = list(read_episodes(root, report))
    assert all(same_arrays(a, b) for a, b in zip(episodes, after, strict=True))


def test_equal_datasets_are_equal_files(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write(tmp_path / name, [make_episode(i) for i in range(5)], as_zip=True)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as zipped:
        assert zipped.testzip() is None


def broken(**changes: Any) -> Episode:
    return replace(make_episode(7), **changes)


NAN_STATE = np.full((5, 3), np.nan, np.float32)


@pytest.mark.parametrize(
    ("episode", "reason"),
    [
        (broken(action=np.zeros((0, 2), np.float32)), "has no steps"),
        (broken(action=np.zeros((4, 3), np.float32)), "action has shape (4, 3); it must be (4, 2)"),
        (broken(observation={}), "observation.state has shape None"),
        (broken(observation={"observation.state": NAN_STATE}), "is not finite at frame 0"),
        (broken(instruction=" "), "its text is empty"),
        (broken(instruction="42"), "is the number 42"),
    ],
)
@pytest.mark.parametrize("as_zip", [False, True])
def test_an_episode_that_could_not_be_read_back_is_refused(
    tmp_path: Path, episode: Episode, reason: str, as_zip: bool
) -> None:
    with pytest.raises(DatasetError) as caught:
        write(tmp_path / "set", [make_episode(0), episode], as_zip=as_zip)
    assert (caught.value.file, reason in caught.value.reason) == ("episode e7", True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("as_zip", [False, True])
def test_nothing_is_left_of_an_interrupted_write(tmp_path: Path, as_zip: bool) -> None:
    def stops() -> Iterator[Episode]:
        yield make_episode(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "set", stops(), as_zip=as_zip)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_no_episodes_and_bad_features(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no episodes to write"):
        write(tmp_path / "set", [])
    depth = {**FEATURES, "observation.depth": Feature("float32", (8, 8))}
    with pytest.raises(DatasetError, match="vectors and pictures of uint8 are written"):
        write(tmp_path / "set", [make_episode(0)], features=depth)
    picture = {**FEATURES, "observation.image": Feature("uint8", (8, 8, 3))}
    with pytest.raises(DatasetError, match=r"observation\.image has shape None"):
        write(tmp_path / "set", [make_episode(0)], features=picture)
    with pytest.raises(DatasetError, match="needs 'action'"):
        write(tmp_path / "set", [make_episode(0)], features={"action": FEATURES["action"]})
    assert not list(tmp_path.iterdir())
