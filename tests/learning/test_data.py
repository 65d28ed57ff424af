"""Episodes as rows."""

from __future__ import annotations

import numpy as np
import pytest

from practice.episodes.types import Episode
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError


def episode(length: int, *, instruction: str = "go", size: int = 2, uid: str = "e") -> Episode:
    rows = np.arange((length + 1) * size, dtype=np.float32).reshape(length + 1, size)
    return Episode(
        uid=uid, robot=0, instruction=instruction, seed=0, observation={"observation.state": rows},
        action=np.ones((length, 1), dtype=np.float32), distance=None, spread=None,
        ended_by="success", detector_success=None, true_success=True,
    )  # fmt: skip


def test_rows_count_down_to_arrival_which_has_no_action() -> None:
    data = Demonstrations.from_episodes([episode(3), episode(1, instruction="run"), episode(2)])
    assert data.steps_to_go.tolist() == [3, 2, 1, 0, 1, 0, 2, 1, 0]
    assert data.acted.tolist() == [True] * 3 + [False, True, False, True, True, False]
    assert data.action[:, 0].tolist() == data.acted.astype(float).tolist()
    assert data.episode.tolist() == [0] * 4 + [1] * 2 + [2] * 3
    assert [data.instructions[i] for i in data.instruction] == ["go"] * 4 + ["run"] * 2 + ["go"] * 3
    assert data.observation["observation.state"][4:6].tolist() == [[0, 1], [2, 3]]
    assert data.num_episodes == 3


def test_split_keeps_whole_episodes_renumbered() -> None:
    data = Demonstrations.from_episodes([episode(3), episode(1), episode(2)])
    part = data.split(np.array([True, False, True]))
    assert part.steps_to_go.tolist() == [3, 2, 1, 0, 2, 1, 0]
    assert part.episode.tolist() == [0] * 4 + [1] * 3
    assert len(data.split(np.zeros(3, dtype=bool))) == 0


def test_nothing_to_learn_from_is_said() -> None:
    for nothing in ([], [episode(0)]):
        with pytest.raises(LearningError, match="no demonstrations"):
            Demonstrations.from_episodes(nothing)


def test_episodes_of_another_make_are_named() -> None:
    with pytest.raises(LearningError, match="Episode odd"):
        Demonstrations.from_episodes([episode(2), episode(2, size=3, uid="odd")])
