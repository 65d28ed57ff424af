"""What deserves a person's look: jumps of d, and doubtful ends."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from practice.episodes.doubt import doubt, episode_doubt
from practice.episodes.moments import Moment, key_moments
from tests.episodes.episodes import make_episode


def curve(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, np.float32)


def test_steady_progress_has_no_moments() -> None:
    distance = np.arange(30, -1, -1, dtype=np.float32)
    assert key_moments(distance, np.zeros(31, np.float32)) == []


def test_a_drop_of_the_object_is_a_setback() -> None:
    distance = curve(10, 9, 8, 15, 14, 13)
    assert key_moments(distance, np.ones(6)) == [Moment(3, "setback", 8.0)]


def test_a_leap_over_two_frames_is_one_moment_at_the_larger() -> None:
    distance = curve(40, 39, 34, 20, 19)
    assert key_moments(distance, np.ones(5)) == [Moment(3, "leap", 17.0)]


def test_opposite_jumps_side_by_side_are_two_moments() -> None:
    moments = key_moments(curve(10, 9, 20, 8, 7), np.ones(5))
    assert moments == [Moment(2, "setback", 12.0), Moment(3, "leap", 11.0)]


def test_a_jump_within_the_spread_is_no_event() -> None:
    distance = curve(10, 9, 14, 13)
    assert key_moments(distance, curve(1, 1, 1, 1)) == [Moment(2, "setback", 6.0)]
    assert key_moments(distance, curve(1, 6.5, 1, 1)) == []
    assert key_moments(distance, curve(1, 1, 6.5, 1)) == []


def test_small_surprises_and_single_frames_are_no_event() -> None:
    assert key_moments(curve(10, 11.9, 10.9), np.zeros(3)) == []
    assert key_moments(curve(10), curve(1)) == []


def test_doubt_is_whole_at_the_threshold_and_falls_with_the_spreads_away() -> None:
    assert doubt(2.0, 1.0, 2.0) == 1.0
    assert doubt(4.0, 2.0, 2.0) == pytest.approx(0.3173105)
    assert doubt(0.0, 2.0, 2.0) == doubt(4.0, 2.0, 2.0)
    assert doubt(6.0, 2.0, 2.0) == pytest.approx(0.0455003)


def test_a_spread_of_nothing_still_leaves_half_a_step_in_the_dark() -> None:
    assert doubt(2.5, 0.0, 2.0) == pytest.approx(0.3173105)


def test_evidence_against_the_detector_is_doubt_enough() -> None:
    assert doubt(40.0, 1.0, 2.0, 1.0) == 1.0
    assert doubt(40.0, 1.0, 2.0, 0.25) == pytest.approx(0.25)


steps = st.floats(0, 1000)


@given(steps, steps, steps, st.floats(0, 1))
def test_doubt_is_a_share_and_grows_with_its_causes(
    end: float, spread: float, threshold: float, disagreement: float
) -> None:
    score = doubt(end, spread, threshold, disagreement)
    assert 0.0 <= score <= 1.0
    assert doubt(end, spread + 1.0, threshold, disagreement) >= score
    assert doubt(end, spread, threshold, 1.0) >= score


def test_doubt_of_an_episode() -> None:
    episode = make_episode(0, curves=True)  # d ends at 0 with spread 1
    assert episode_doubt(episode, 2.0) == doubt(0.0, 1.0, 2.0)
    assert episode_doubt(replace(episode, true_success=False), 2.0) == 1.0
    assert episode_doubt(replace(episode, true_success=None), 2.0) == doubt(0.0, 1.0, 2.0)
    assert episode_doubt(make_episode(0), 2.0) == 0.0
    assert episode_doubt(replace(make_episode(0), true_success=None), 2.0) == 1.0
