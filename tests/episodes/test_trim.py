"""A part of an episode."""

import numpy as np
import pytest

from practice.episodes.trim import trimmed
from practice.episodes.types import Episode


def lived(length: int, success_step: int | None) -> Episode:
    """An episode whose numbers are its frames."""
    frames = np.arange(length + 1, dtype=np.float32)
    return Episode(
        uid="e0",
        robot=0,
        instruction="go there",
        seed=1,
        observation={"observation.state": frames[:, None]},
        action=frames[:-1, None],
        distance=frames[::-1].copy(),
        spread=None,
        ended_by="success",
        detector_success=None,
        true_success=True,
        success_step=success_step,
    )


def test_a_part_keeps_one_observation_more_than_actions() -> None:
    part = trimmed(lived(10, None), 2, 7)
    assert part.length == 5
    assert part.action[:, 0].tolist() == [2, 3, 4, 5, 6]
    assert part.observation["observation.state"][:, 0].tolist() == [2, 3, 4, 5, 6, 7]
    assert part.distance is not None
    assert part.distance.tolist() == [8, 7, 6, 5, 4, 3]
    assert part.instruction == "go there"


@pytest.mark.parametrize(("success", "kept"), [(7, 5), (8, None), (3, 1), (2, None), (None, None)])
def test_success_counts_from_the_new_start_and_only_inside(
    success: int | None, kept: int | None
) -> None:
    assert trimmed(lived(10, success), 2, 7).success_step == kept


def test_another_instruction_can_go_with_it() -> None:
    assert trimmed(lived(3, None), 0, 3, instruction="go home").instruction == "go home"
