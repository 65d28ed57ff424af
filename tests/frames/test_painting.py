"""What people are shown of a robot, with a simulator's truth to draw from and without."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.point_mass import PointMass
from practice.embodiments.spec import FeatureSpec
from practice.frames.painting import can_draw, drawn_from, enlarged, paint

TOP, STATE, TRUTH = "observation.images.top", "observation.state", "observation.environment_state"
AXES = ("height", "width", "channel")
FEATURES = {
    TOP: FeatureSpec((4, 6, 3), "uint8", AXES, "levels"),
    STATE: FeatureSpec((2,), "float32", ("x", "y"), "m"),
    TRUTH: FeatureSpec((3,), "float32", ("a", "b", "c"), "m", privileged=True),
}


class Table(PointMass):
    """A robot drawn from its simulator's truth."""

    spec = replace(PointMass.spec, observation=FEATURES)

    def render(self, observation: dict[str, NDArray[Any]], *, size: int) -> NDArray[np.uint8]:
        assert TOP not in observation
        return np.full((size, size, 3), observation[TRUTH][0], np.uint8)


ROW = {STATE: np.zeros(2, np.float32), TRUTH: np.full(3, 7, np.float32)}
PICTURE = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)


def test_a_simulators_truth_is_all_that_is_needed() -> None:
    assert drawn_from(Table.spec) == (STATE, TRUTH)
    assert can_draw(Table.spec, ROW)
    assert not can_draw(Table.spec, [STATE, TOP])
    assert (paint(Table(), ROW, size=8) == 7).all()


def test_a_robot_without_cameras_or_truth_is_drawn_from_all_it_senses() -> None:
    assert drawn_from(PointMass.spec) == (STATE,)
    picture = paint(PointMass(), {STATE: np.zeros(6, np.float32)}, size=32)
    np.testing.assert_array_equal(
        picture, PointMass().render({STATE: np.zeros(6, np.float32)}, size=32)
    )


def test_where_nothing_can_be_drawn_people_see_what_the_camera_saw() -> None:
    shown = paint(Table(), {STATE: ROW[STATE], TOP: PICTURE}, size=12)
    np.testing.assert_array_equal(shown, enlarged(PICTURE, 12))
    assert paint(Table(), {STATE: ROW[STATE]}, size=12).shape == (12, 12, 3)


def test_pixels_become_squares_and_the_shape_is_kept() -> None:
    shown = enlarged(PICTURE, 12)
    np.testing.assert_array_equal(shown[2:10:2, ::2], PICTURE)
    np.testing.assert_array_equal(shown[3:10:2, 1::2], PICTURE)
    assert not shown[:2].any()
    assert not shown[10:].any()
    assert enlarged(PICTURE, 3).shape == (3, 3, 3)
