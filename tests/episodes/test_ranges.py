"""Actions in other units are noticed; those that fill the range as they should are not."""

import numpy as np
import pytest

from practice.episodes.ranges import RangeCheck


def _check(action: np.ndarray) -> list[str]:
    check = RangeCheck(("waist", "elbow"), (-3.0, -3.0), (3.0, 3.0), "rad")
    for piece in np.array_split(action, 3):
        check.add(piece)
    return [str(finding) for finding in check.findings("data")]


def test_what_fills_the_range_is_fine() -> None:
    rng = np.random.default_rng(0)
    assert _check(rng.uniform(-3, 3, (100, 2))) == []
    assert _check(rng.uniform(-0.5, 0.5, (100, 2))) == []


def test_degrees_for_radians_are_noticed_by_name() -> None:
    action = np.random.default_rng(0).uniform(-1, 1, (100, 2))
    action[:, 1] = np.linspace(-90, 90, 100)
    [said] = _check(action)
    assert said == (
        "data: action 'elbow' goes from -90 to 90, 96% of it outside: the robot takes -3 to 3 rad; "
        "is the dataset in another unit?"
    )


def test_a_sliver_of_the_range_is_noticed() -> None:
    action = np.random.default_rng(0).uniform(-1, 1, (100, 2))
    action[:, 0] = 0.01
    [said] = _check(action)
    assert "action 'waist' goes from 0.01 to 0.01, a sliver of the range" in said


@pytest.mark.parametrize("value", [0.0, 3.02])
def test_rest_and_rounding_are_no_unit(value: float) -> None:
    assert _check(np.full((50, 2), value)) == []


def test_a_few_strays_are_no_unit() -> None:
    action = np.ones((100, 2))
    action[:4] = 50
    assert _check(action) == []
