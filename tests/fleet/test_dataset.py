"""Scripted demonstrations as a dataset: with what the demonstrator says of each, streaming, the same for the same seed."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.point_mass import PointMass, WaypointDemonstrator
from practice.embodiments.registry import embodiment
from practice.episodes.intake import take_in
from practice.episodes.lerobot_read import read_episodes
from practice.fleet.dataset import write_demonstrations


class Talkative(WaypointDemonstrator):
    """Tells the seed it began with, and how often it has acted since."""

    def __init__(self, num_robots: int, style: str) -> None:
        super().__init__(num_robots)
        self._style = style
        self._seed = np.zeros(num_robots, np.uint64)
        self._acted = np.zeros(num_robots, np.int64)

    def begin(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Any
    ) -> None:
        super().begin(robots, seeds, instructions)
        self._seed[robots], self._acted[robots] = seeds, 0

    def act(self, observation: Any, robots: NDArray[np.int64]) -> NDArray[np.float32]:
        self._acted[robots] += 1
        return super().act(observation, robots)

    def notes(self, robot: int) -> dict[str, str | float]:
        return {"style": f"{self._style} {self._seed[robot]}", "quality": float(self._acted[robot])}


class Talked(PointMass):
    """A point mass whose demonstrators differ in style."""

    def demonstrator(self, num_robots: int, style: str = "usual") -> Any:
        return Talkative(num_robots, style)


def rows_of(path: Path, folder: Path) -> list[dict[str, Any]]:
    report = take_in(path, folder)
    assert report.ok, report.findings
    assert len(list(read_episodes(folder, report))) == report.totals.episodes
    names = ["seed", "style", "quality", "source", "length"]
    table = pq.read_table(folder / "meta/episodes/chunk-000/file-000.parquet", columns=names)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_style_and_quality_are_those_of_the_very_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("practice.fleet.demonstrations._FLEET", 3)  # so that robots begin anew
    seen: list[int] = []
    write_demonstrations(
        Talked(), tmp_path / "a.zip", 12, seed=2, style="hasty", progress=seen.append
    )
    rows = rows_of(tmp_path / "a.zip", tmp_path / "a")
    assert [row["style"] for row in rows] == [f"hasty {row['seed']}" for row in rows]
    assert [row["quality"] for row in rows] == [row["length"] for row in rows]
    assert rows[0]["source"] == "scripted demonstrator of point-mass, hasty"
    assert seen == list(range(1, 13))


def test_a_demonstrator_that_says_nothing_leaves_the_columns_empty(tmp_path: Path) -> None:
    write_demonstrations(PointMass(), tmp_path / "a.zip", 3)
    rows = rows_of(tmp_path / "a.zip", tmp_path / "a")
    assert [(row["style"], row["quality"]) for row in rows] == [(None, None)] * 3
    assert rows[0]["source"] == "scripted demonstrator of point-mass"


def test_a_robot_with_one_demonstrator_has_no_styles(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match="has one demonstrator; leave the style out"):
        write_demonstrations(PointMass(), tmp_path / "a.zip", 3, style="human")
    assert not list(tmp_path.iterdir())


def test_a_robot_with_a_camera_goes_the_same_way(tmp_path: Path) -> None:
    robot = embodiment("language-table-4")
    written = write_demonstrations(robot, tmp_path / "a.zip", 2, style="oracle")
    assert written.episodes == 2
    report = take_in(tmp_path / "a.zip", tmp_path / "a")
    for episode in read_episodes(tmp_path / "a", report):
        assert episode.success_step is not None
        assert episode.success_step + robot.spec.linger == episode.length
        for name, feature in robot.spec.observation.items():
            assert episode.observation[name].shape == (episode.length + 1, *feature.shape)
            assert episode.observation[name].dtype == feature.dtype
    assert rows_of(tmp_path / "a.zip", tmp_path / "b")[0]["style"] is not None
