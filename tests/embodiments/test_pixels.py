"""Blocks of pixels as one."""

import numpy as np
import pytest

from practice.embodiments.pixels import shrink


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_a_pixel_is_the_mean_of_its_block_with_halves_rounded_up(factor: int) -> None:
    drawn = np.random.default_rng(factor).integers(0, 256, (5 * factor, 7 * factor, 3), np.uint8)
    picture = np.zeros((5, 7, 3), dtype=np.uint8)
    shrink(drawn[::-1], picture)
    blocks = drawn[::-1].reshape(5, factor, 7, factor, 3).astype(float)
    np.testing.assert_array_equal(picture, np.floor(blocks.mean(axis=(1, 3)) + 0.5))


@pytest.mark.parametrize("factor", [2, 16, 17])
def test_the_brightest_stays_what_it_is(factor: int) -> None:
    picture = np.zeros((2, 2, 3), dtype=np.uint8)
    shrink(np.full((2 * factor, 2 * factor, 3), 255, dtype=np.uint8), picture)
    assert (picture == 255).all()
