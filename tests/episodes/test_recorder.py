"""Shards give back exactly what was recorded, one episode at a time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from practice.episodes.errors import ShardError
from practice.episodes.recorder import EpisodeSlice, read_episode, read_shard, write_shard
from practice.episodes.types import Episode
from tests.episodes.episodes import make_episode, same_arrays


def equal(before: Episode, after: Episode) -> bool:
    facts = ["uid", "robot", "instruction", "seed", "ended_by", "detector_success", "iteration"]
    facts.append("success_step")
    same = all(getattr(before, name) == getattr(after, name) for name in facts)
    for name in ("distance", "spread"):
        a, b = getattr(before, name), getattr(after, name)
        same &= (a is None) == (b is None) and (a is None or np.array_equal(a, b))
    return same and before.true_success is after.true_success and same_arrays(before, after)


def test_one_episode_of_many(tmp_path: Path) -> None:
    episodes = [make_episode(i, steps=1 + i % 7, curves=i % 3 > 0) for i in range(200)]
    slices = write_shard(tmp_path / "a" / "shard.parquet", episodes)
    assert slices[:3] == [
        EpisodeSlice("e0", 0, 2),
        EpisodeSlice("e1", 2, 3),
        EpisodeSlice("e2", 5, 4),
    ]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["shard.parquet"]
    for number in (0, 1, 99, 199):
        at = slices[number]
        after = read_episode(tmp_path / "a" / "shard.parquet", at.first_row, at.rows)
        assert equal(episodes[number], after)
    with (tmp_path / "a" / "shard.parquet").open("rb") as file:
        assert equal(episodes[5], read_episode(file, slices[5].first_row, slices[5].rows))


def test_a_whole_shard(tmp_path: Path) -> None:
    episodes = [make_episode(i, curves=True) for i in range(20)]
    episodes[3] = replace(episodes[3], true_success=None, detector_success=None, seed=2**62)
    write_shard(tmp_path / "s.parquet", episodes)
    after = read_shard(tmp_path / "s.parquet")
    assert all(equal(a, b) for a, b in zip(episodes, after, strict=True))


def test_the_columns(tmp_path: Path) -> None:
    write_shard(tmp_path / "s.parquet", [make_episode(0, steps=2), make_episode(1, steps=1)])
    table = pq.read_table(tmp_path / "s.parquet")
    assert table["uid"].to_pylist() == ["e0", "e0", "e0", "e1", "e1"]
    assert table["frame_index"].to_pylist() == [0, 1, 2, 0, 1]
    missing = [cell is None for cell in table["action"].to_pylist()]
    assert missing == [False, False, True, False, True]
    assert table["distance"].null_count == 5
    assert str(table.schema.field("observation.state").type).startswith("fixed_size_list")
    assert pq.ParquetFile(tmp_path / "s.parquet").metadata.row_group(0).column(0).compression == (
        "ZSTD"
    )


def test_pictures_keep_their_shape_and_few_are_read_for_one_episode(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    episodes = []
    for i in range(6):
        pixels = rng.integers(0, 256, (5, 64, 64, 3), np.uint8)
        observation = {**make_episode(i).observation, "observation.image": pixels}
        episodes.append(replace(make_episode(i), observation=observation))
    slices = write_shard(tmp_path / "s.parquet", episodes)
    # About a megabyte to a row group: one episode costs one or two of them, not the shard.
    assert pq.ParquetFile(tmp_path / "s.parquet").metadata.row_group(0).num_rows < 100
    after = read_episode(tmp_path / "s.parquet", slices[4].first_row, slices[4].rows)
    assert equal(episodes[4], after)


def test_reading_across_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("practice.episodes.recorder._GROUP_ROWS", 3)
    episodes = [make_episode(i, steps=1 + i % 5, curves=True) for i in range(12)]
    slices = write_shard(tmp_path / "s.parquet", episodes)
    assert pq.ParquetFile(tmp_path / "s.parquet").metadata.num_row_groups > 10
    for episode, at in zip(episodes, slices, strict=True):
        assert equal(episode, read_episode(tmp_path / "s.parquet", at.first_row, at.rows))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"observation": {"observation.other": np.zeros((5, 3))}}, "has other observations"),
        ({"observation": {"observation.state": np.zeros((4, 3))}}, "4 steps need one more"),
        ({"action": np.zeros((4, 9), np.float32)}, "action is (9,) float32, not (2,) float32"),
        ({"action": np.zeros((4, 2))}, "action is (2,) float64"),
        ({"distance": np.zeros(4)}, "distance has 4 rows"),
    ],
)
def test_an_episode_that_does_not_fit_is_named(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    odd = replace(make_episode(7), **changes)
    with pytest.raises(ShardError) as caught:
        write_shard(tmp_path / "s.parquet", [make_episode(0), odd])
    assert "episode e7" in caught.value.reason
    assert reason in caught.value.reason
    assert not list(tmp_path.iterdir())


def test_an_empty_or_damaged_or_missing_shard(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    with pytest.raises(ShardError, match="has no episodes"):
        write_shard(path, [])
    with pytest.raises(ShardError, match="is missing"):
        read_shard(path)
    [at] = write_shard(path, [make_episode(0)])
    for first, rows in ((1, at.rows), (0, at.rows - 1), (-1, at.rows), (0, 10**9)):
        with pytest.raises(ShardError):
            read_episode(path, first, rows)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ShardError, match="is damaged"):
        read_shard(path)


def test_a_failed_write_leaves_the_old_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.parquet"
    write_shard(path, [make_episode(0)])

    def disk_full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", disk_full)
    with pytest.raises(OSError, match="No space left"):
        write_shard(path, [make_episode(1)])
    assert [p.name for p in tmp_path.iterdir()] == ["s.parquet"]
    assert read_shard(path)[0].uid == "e0"


def with_camera(number: int, **options: Any) -> Episode:
    episode = make_episode(number, **options)
    still = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
    pictures = np.repeat(still[None], episode.length + 1, axis=0)
    pictures[:, 5, 5] = np.arange(episode.length + 1)[:, None]
    observation = {**episode.observation, "observation.images.top": pictures}
    return replace(episode, observation=observation, success_step=options.get("steps", 4))


def test_a_camera_that_hardly_changes_takes_hardly_any_room(tmp_path: Path) -> None:
    write_shard(tmp_path / "s.parquet", [with_camera(0, steps=99)])
    assert (tmp_path / "s.parquet").stat().st_size < 3 * 48 * 64 * 3, "of a hundred pictures"
    assert equal(with_camera(0, steps=99), read_shard(tmp_path / "s.parquet")[0])


def test_only_the_observations_asked_for_are_read(tmp_path: Path) -> None:
    slices = write_shard(tmp_path / "s.parquet", [with_camera(i, steps=3) for i in range(4)])
    place = (tmp_path / "s.parquet", slices[2].first_row, slices[2].rows)
    numbers = read_episode(*place, observations=["observation.state", "observation.unheard-of"])
    assert list(numbers.observation) == ["observation.state"]
    assert (numbers.uid, numbers.success_step) == ("e2", 3)
    np.testing.assert_array_equal(numbers.action, with_camera(2, steps=3).action)
    [*_, last] = read_shard(tmp_path / "s.parquet", observations=["observation.images.top"])
    assert list(last.observation) == ["observation.images.top"]
    assert last.observation["observation.images.top"].shape == (4, 48, 64, 3)


def test_a_shard_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    write_shard(path, [make_episode(0), make_episode(1)])
    pq.write_table(pq.read_table(path).drop_columns(["success_step"]), path)
    assert [equal(make_episode(i), e) for i, e in enumerate(read_shard(path))] == [True, True]
    assert read_shard(path)[0].success_step is None
