"""Statistics of each episode in meta/episodes: of LeRobot's names and types, and together those of the whole.

LeRobot's tools make the statistics of a split from these columns alone.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from practice.episodes.lerobot_format import Feature
from practice.episodes.lerobot_read import read_episodes
from practice.episodes.lerobot_stats import PictureStats
from practice.episodes.lerobot_validate import validate_dataset
from practice.episodes.lerobot_write import write_dataset
from practice.episodes.types import Episode
from tests.episodes.episodes import make_episode, same_arrays

CAMERA, STATE, SHAPE = "observation.images.top", "observation.state", (6, 8, 3)
FEATURES = {
    CAMERA: Feature("uint8", SHAPE),
    STATE: Feature("float32", (3,)),
    "action": Feature("float32", (2,)),
}
QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
NAMES = {"min", "max", "mean", "std", "count", *QUANTILES}
LENGTHS = (5, 1, 30, 8, 17, 1, 2)
WRITER = "practice.episodes.lerobot_write"


def seen(number: int, steps: int) -> Episode:
    """An episode with a camera."""
    episode = make_episode(number, steps=steps, instruction=f"go {number % 3}")
    pictures = np.random.default_rng(number).integers(0, 256, (steps + 1, *SHAPE), np.uint8)
    return replace(episode, observation={CAMERA: pictures, **episode.observation})


EPISODES = [seen(number, steps) for number, steps in enumerate(LENGTHS)]


def write(root: Path, **options: Any) -> None:
    write_dataset(root, EPISODES, features=FEATURES, fps=10, robot_type="table", **options)


def entries(root: Path) -> list[dict[str, dict[str, NDArray[Any]]]]:
    """Statistics of each episode, feature -> name -> array, out of however many files."""
    found = []
    for path in sorted(root.glob("meta/episodes/*/*.parquet")):
        for row in pq.read_table(path).to_pylist():
            stats: dict[str, dict[str, NDArray[Any]]] = {}
            for column in (name for name in row if name.startswith("stats/")):
                _, feature, name = column.split("/")
                stats.setdefault(feature, {})[name] = np.array(row[column])
            found.append(stats)
    return found


@pytest.mark.parametrize("group_rows", [1, 10, 1 << 16])
@pytest.mark.parametrize("cameras", ["image", "video"])
def test_together_they_are_those_of_the_whole(
    tmp_path: Path,
    cameras: Literal["image", "video"],
    group_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"{WRITER}._GROUP_ROWS", group_rows)
    root = tmp_path / "set"
    write(root, cameras=cameras)
    each = entries(root)
    whole = json.loads((root / "meta/stats.json").read_text())
    features = json.loads((root / "meta/info.json").read_text())["features"]
    assert all(stats.keys() == whole.keys() == features.keys() for stats in each)
    for feature, due in whole.items():
        assert all(stats[feature].keys() == due.keys() == NAMES for stats in each)
        of = {name: np.stack([stats[feature][name] for stats in each]) for name in NAMES}
        count = of["count"].reshape(len(each), *[1] * (of["mean"].ndim - 1))
        mean = (of["mean"] * count).sum(axis=0) / count.sum()
        square = ((of["std"] ** 2 + (of["mean"] - mean) ** 2) * count).sum(axis=0) / count.sum()
        assert [of["count"].sum()] == due["count"]
        np.testing.assert_array_equal(of["min"].min(axis=0), due["min"])
        np.testing.assert_array_equal(of["max"].max(axis=0), due["max"])
        np.testing.assert_allclose(mean, due["mean"], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(np.sqrt(square), due["std"], rtol=1e-9, atol=1e-7)


def test_each_episode_has_its_own(tmp_path: Path) -> None:
    write(tmp_path / "set")
    for episode, stats in zip(EPISODES, entries(tmp_path / "set"), strict=True):
        for name, rows in ((STATE, episode.observation[STATE][:-1]), ("action", episode.action)):
            values = rows.astype(np.float64)
            assert stats[name]["count"].tolist() == [episode.length]
            for stat in ("min", "max", "mean", "std"):
                due = getattr(values, stat)(axis=0)
                np.testing.assert_allclose(stats[name][stat], due, rtol=1e-9, atol=1e-12)
            for stat, share in QUANTILES.items():
                due = np.quantile(values, share, axis=0)
                np.testing.assert_allclose(stats[name][stat], due, rtol=1e-9)
        assert stats["frame_index"]["max"].tolist() == [episode.length - 1]
        assert stats["next.done"]["max"].tolist() == [True]


@pytest.mark.parametrize("dtype", ["int64", "uint64", "uint8", "bool", "float16"])
def test_numbers_of_any_kind_keep_their_extremes(tmp_path: Path, dtype: str) -> None:
    """Those of whole numbers to the digit, although doubles have none for the largest."""
    most = (
        True if dtype == "bool" else np.finfo(dtype).max if dtype[0] == "f" else np.iinfo(dtype).max
    )
    state = np.array([[most], [0], [0]], dtype)
    episode = replace(make_episode(0, steps=2), observation={STATE: state})
    features = {STATE: Feature(dtype, (1,)), "action": FEATURES["action"]}
    write_dataset(tmp_path / "set", [episode], features=features, fps=10, robot_type="table")
    [stats] = entries(tmp_path / "set")
    assert stats[STATE]["max"].tolist() == [most]
    assert stats[STATE]["min"].tolist() == [0]
    assert stats[STATE]["q50"].tolist() == [float(most) / 2]


def test_the_columns_have_the_types_that_lerobot_writes(tmp_path: Path) -> None:
    write(tmp_path / "set")
    schema = pq.read_schema(tmp_path / "set/meta/episodes/chunk-000/file-000.parquet")
    nested = "list<element: list<element: list<element: double>>>"
    for name, due in {
        "action/min": "list<element: double>",
        f"{CAMERA}/mean": nested,
        f"{CAMERA}/q99": nested,
        f"{CAMERA}/count": "list<element: int64>",
        "frame_index/min": "list<element: int64>",
        "frame_index/mean": "list<element: double>",
        "next.done/max": "list<element: bool>",
        "next.done/q50": "list<element: double>",
    }.items():
        assert str(schema.field(f"stats/{name}").type) == due, name


def test_pictures_of_a_camera_are_sampled_about_the_middle_of_each_episode() -> None:
    greys = np.arange(20, dtype=np.uint8)[:, None, None, None] * np.ones(SHAPE, np.uint8)
    stats = PictureStats()
    for steps, sampled in ((1, [0]), (2, [0]), (8, [3]), (9, [0, 8]), (20, [1, 9, 17])):
        entry = stats.add(greys[:steps])
        assert entry["count"].tolist() == [len(sampled)]
        np.testing.assert_allclose(entry["mean"] * 255, np.full((3, 1, 1), np.mean(sampled)))
        assert np.allclose(entry["min"] * 255, min(sampled))
        assert np.allclose(entry["max"] * 255, max(sampled))
    assert stats.to_json()["count"] == [8]


def test_quantiles_of_a_camera_are_of_all_pixels_that_were_looked_at() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (80, 40, 50, 3), np.uint8)
    pictures[..., 1] //= 2
    stats = PictureStats()
    stats.add(pictures)
    pixels = pictures[3::8].reshape(-1, 3) / 255
    found = stats.to_json()
    for stat, share in QUANTILES.items():
        due = np.quantile(pixels, share, axis=0, method="inverted_cdf")
        np.testing.assert_allclose(np.ravel(found[stat]), due)
    np.testing.assert_allclose(np.ravel(found["std"]), pixels.std(axis=0))


def places(root: Path) -> list[tuple[str, int, list[int]]]:
    """File, row groups and `meta/episodes/file_index` of each file of meta/episodes."""
    files = sorted(root.glob("meta/episodes/*/*.parquet"))
    return [
        (
            path.relative_to(root / "meta/episodes").as_posix(),
            pq.read_metadata(path).num_row_groups,
            pq.read_table(path)["meta/episodes/file_index"].to_pylist(),
        )
        for path in files
    ]


def test_entries_of_single_episodes_share_a_row_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{WRITER}._GROUP_ROWS", 1)
    monkeypatch.setattr(f"{WRITER}._META_ROWS", 3)
    write(tmp_path / "set")
    assert places(tmp_path / "set") == [("chunk-000/file-000.parquet", 3, [0] * 7)]
    monkeypatch.setattr(f"{WRITER}._META_BYTES", 1)
    write(tmp_path / "more")
    assert places(tmp_path / "more") == [("chunk-000/file-000.parquet", 7, [0] * 7)]


def test_a_file_of_entries_ends_where_readers_would_refuse_to_unpack_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{WRITER}._GROUP_ROWS", 1)
    monkeypatch.setattr(f"{WRITER}._META_ROWS", 3)
    monkeypatch.setattr(f"{WRITER}._META_UNPACKED", 1)
    root = tmp_path / "set"
    write(root)
    assert places(root) == [
        ("chunk-000/file-000.parquet", 1, [0, 0, 0]),
        ("chunk-000/file-001.parquet", 1, [1, 1, 1]),
        ("chunk-000/file-002.parquet", 1, [2]),
    ]
    report = validate_dataset(root)
    assert report.ok, report.findings
    read = list(read_episodes(root, report))
    assert all(same_arrays(a, b) for a, b in zip(EPISODES, read, strict=True))
