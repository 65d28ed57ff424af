"""Intervals against published values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practice.learning.errors import LearningError
from practice.learning.statistics import Share, wilson


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    # R. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_newcombe(k: int, n: int, low: float, high: float) -> None:
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_share_lies_inside_and_the_interval_inside_one(pair: tuple[int, int]) -> None:
    k, n = pair
    low, high = wilson(k, n)
    assert 0.0 <= low <= k / n <= high <= 1.0
    assert wilson(n - k, n) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    wider = wilson(k, n, 0.99)
    assert wider[0] <= low
    assert wider[1] >= high


def test_nothing_counted_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert Share(0, 0).value is None
    assert Share(3, 4).value == 0.75


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(LearningError):
        wilson(5, 4)
