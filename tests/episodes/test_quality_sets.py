"""What only a set can tell: odd lengths, near-duplicates, covered starts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from practice.episodes.quality_sets import (
    Sketch,
    coverage,
    length_outliers,
    length_z,
    near_duplicates,
    sketch_of,
    start_places,
)
from practice.episodes.types import Episode


def walk(number: int, *, steps: int = 30, scene: int = 0, instruction: str = "go") -> Episode:
    """A random walk, the same for the same `number`, before a camera that sees `scene`."""
    rng = np.random.default_rng(number)
    path = np.cumsum(rng.normal(size=(steps + 1, 3)), axis=0).astype(np.float32)
    seen = np.random.default_rng(scene).integers(0, 255, (1, 8, 8, 3), dtype=np.uint8)
    return Episode(
        uid=f"e{number}",
        robot=0,
        instruction=instruction,
        seed=number,
        observation={
            "observation.state": path,
            "observation.images.front": np.repeat(seen, steps + 1, axis=0),
        },
        action=np.diff(path, axis=0),
        distance=None,
        spread=None,
        ended_by="success",
        detector_success=None,
        true_success=True,
    )


def twins(*episodes: Episode) -> dict[int, int]:
    return near_duplicates([sketch_of(episode) for episode in episodes])


def shaken(episode: Episode, size: float) -> Episode:
    """The same with noise on what is felt."""
    noise = np.random.default_rng(9).normal(0, size, (episode.length + 1, 3))
    episode.observation["observation.state"] = (
        episode.observation["observation.state"] + noise
    ).astype(np.float32)
    return episode


def test_a_repeated_episode_is_named_with_the_first_of_its_kind() -> None:
    others = [walk(number) for number in range(20)]
    assert twins(*others, walk(4), shaken(walk(4), 1e-3)) == {20: 4, 21: 4}


def test_different_episodes_are_no_duplicates() -> None:
    assert twins(*(walk(number) for number in range(50))) == {}
    assert twins(walk(0), walk(1)) == {}
    assert twins(walk(0)) == {}


def test_all_copies_have_one_original() -> None:
    assert twins(walk(3), walk(3), walk(3)) == {1: 0, 2: 0}


def test_the_same_movement_in_another_scene_or_for_another_goal_is_no_duplicate() -> None:
    others = [walk(number, scene=number) for number in range(20)]
    assert twins(*others, walk(4, scene=77)) == {}
    assert twins(*others, walk(4, scene=4, instruction="come")) == {}
    assert twins(*others, walk(4, scene=4)) == {20: 4}


def test_one_wild_episode_makes_the_others_no_duplicates() -> None:
    assert twins(*(walk(number) for number in range(20)), shaken(walk(30), 1e6)) == {}


def test_ten_thousand_episodes_are_compared() -> None:
    rng = np.random.default_rng(0)
    paths = rng.normal(size=(10_000, 48)).astype(np.float32)
    paths[-50:] = paths[:50]
    sketches = [Sketch("go", 30, {"observation.state": path}, path[:6]) for path in paths]
    assert near_duplicates(sketches) == {9_950 + i: i for i in range(50)}


def test_lengths_far_from_the_others_are_odd() -> None:
    lengths = [*range(90, 110), 10, 900]
    assert length_outliers(lengths) == [20, 21]


@pytest.mark.parametrize(
    "lengths", [[], [50], [50] * 99 + [51], [50] * 30 + [53], list(range(20, 200, 5))]
)
def test_lengths_that_merely_vary_are_not(lengths: list[int]) -> None:
    assert length_outliers(lengths) == []


def test_a_skewed_spread_of_lengths_is_not_odd() -> None:
    near_to_far = (110 * np.random.default_rng(7).beta(4, 1, 500) + 1).astype(int)
    assert len(length_outliers(near_to_far)) < 10


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=40), st.integers(2, 9))
def test_the_unit_of_length_changes_no_z(lengths: list[int], factor: int) -> None:
    stretched = length_z([factor * length for length in lengths])
    assert stretched == pytest.approx(length_z(lengths), abs=1e-6)


def spread_starts(count: int, columns: int = 2) -> NDArray[np.float64]:
    return np.random.default_rng(5).uniform(size=(count, columns)) * [3.0, *[1.0] * (columns - 1)]


def test_starts_all_over_cover_more_than_starts_in_two_corners() -> None:
    corners = np.repeat([[0.0, 0.0], [3.0, 1.0]], 200, axis=0)
    corners += np.random.default_rng(6).normal(0, 0.02, corners.shape)
    everywhere, somewhere = (
        coverage(start_places(starts)) for starts in (spread_starts(400), corners)
    )
    assert everywhere is not None
    assert somewhere is not None
    assert everywhere.cells == somewhere.cells == 100
    assert everywhere.counts.sum() == 400
    assert everywhere.share > 0.5 > 2 * somewhere.share


def test_starts_on_a_line_are_covered_along_it() -> None:
    line = coverage(start_places(np.linspace(0, 1, 64)[:, None] * [1.0, 2.0]))
    assert line is not None
    assert line.counts.shape == (1, 16)
    assert line.share == 1


def test_one_start_for_all_covers_nothing() -> None:
    assert coverage(start_places(np.ones((100, 3)))) is None
    assert coverage(start_places(spread_starts(5))) is None
    assert coverage(np.zeros((0, 2))) is None
