"""Returns against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from practice.learning.returns import Reward, episode_returns, window_returns


def test_steady_progress_sums_to_a_geometric_series() -> None:
    gamma, steps = 0.9, 30
    distance = np.arange(steps, -1, -1, dtype=np.float32)[None]
    returns = episode_returns(distance, np.array([steps]), gamma)[0]
    expected = [(1 - gamma ** (steps - t)) / (1 - gamma) for t in range(steps)]
    assert returns.tolist() == pytest.approx(expected, rel=1e-5)
    assert returns[0] == pytest.approx(10.0, rel=0.05), "tends to 1 / (1 - gamma)"


def test_gamma_one_telescopes_and_gamma_zero_is_the_next_step() -> None:
    distance = np.array([[9.0, 7.5, 8.0, 3.0, 1.0]], dtype=np.float32)
    steps = np.array([4])
    assert episode_returns(distance, steps, 1.0)[0].tolist() == [8.0, 6.5, 7.0, 2.0]
    assert episode_returns(distance, steps, 0.0)[0].tolist() == [1.5, -0.5, 5.0, 2.0]


@given(st.lists(st.integers(0, 60), min_size=2, max_size=25), st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_both_ways_agree_with_the_definition(distances: list[int], gamma: float) -> None:
    d = np.array(distances, dtype=np.float32)
    rewards = d[:-1] - d[1:]
    expected = [
        sum(gamma ** (i - t) * float(rewards[i]) for i in range(t, len(rewards)))
        for t in range(len(rewards))
    ]
    whole = episode_returns(d[None], np.array([len(rewards)]), gamma)[0]
    window = window_returns(rewards[:, None], np.zeros((len(rewards), 1), dtype=bool), gamma)[:, 0]
    np.testing.assert_allclose(whole, expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(window, expected, rtol=1e-4, atol=1e-3)


def test_nothing_leaks_over_the_end_of_an_episode() -> None:
    rewards = np.ones((6, 2), dtype=np.float32)
    ended = np.zeros((6, 2), dtype=bool)
    ended[2, 0] = True
    returns = window_returns(rewards, ended, 0.5)
    assert returns[:, 0].tolist() == [1.75, 1.5, 1.0, 1.75, 1.5, 1.0]
    rewards[3:, 0] = 1e6
    assert window_returns(rewards, ended, 0.5)[:3, 0].tolist() == [1.75, 1.5, 1.0]
    stale = np.array([[4.0, 3.0, 2.0, 1e6, -1e6]], dtype=np.float32)
    assert episode_returns(stale, np.array([2]), 0.5)[0].tolist() == [1.5, 1.0, 0.0, 0.0]


def test_progress_is_the_core_reward_plus_shaping() -> None:
    gamma, d = 0.9, np.array([9.0, 7.5, 8.0, 3.0, 1.0], dtype=np.float32)
    before, after, never = d[:-1], d[1:], np.zeros(4, dtype=bool)
    core = Reward("core").of(before, after, never, gamma)
    shaping = gamma * -after + before
    np.testing.assert_allclose(core + shaping, Reward().of(before, after, never, gamma), rtol=1e-5)


def test_only_the_step_of_arrival_earns_success_and_its_bonus() -> None:
    d, steps = np.full((2, 5), 3.0, dtype=np.float32), np.array([4, 3])
    reached = np.array([3, -1])
    sparse = episode_returns(d, steps, 0.5, Reward("success"), reached)
    assert sparse.tolist() == [[0.25, 0.5, 1.0, 0.0], [0.0] * 4]
    d[:, -1] = 1.0
    bonus = episode_returns(d, steps, 0.5, Reward("progress", success_bonus=4.0), reached)
    assert bonus.tolist() == [[1.25, 2.5, 5.0, 2.0], [0.0] * 4]
