"""The checks of an embodiment: every robot of ours passes, and faults are found and explained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from practice.embodiments.checks import Check, check_embodiment, measure_speed
from practice.embodiments.declaration import Declaration
from practice.embodiments.declared import DeclaredEmbodiment
from practice.embodiments.interface import Transition
from practice.embodiments.point_mass import PointMass, PointMassFleet
from practice.embodiments.registry import embodiment, embodiments
from tests.embodiments.tiny_reach import DECLARATION


def faults(found: list[Check]) -> dict[str, str]:
    return {check.name: check.text for check in found if not check.ok}


def tiny(fault: str = "") -> DeclaredEmbodiment:
    kwargs = {"render_mode": "rgb_array", "fault": fault}
    return DeclaredEmbodiment(Declaration.from_json(DECLARATION | {"kwargs": kwargs}))


@pytest.mark.parametrize("robot", [spec.id for spec in embodiments()])
def test_every_registered_robot_passes(robot: str) -> None:
    assert faults(list(check_embodiment(embodiment(robot), speed=False))) == {}


def test_a_declared_robot_passes_and_says_what_it_lacks() -> None:
    found = {check.name: check for check in check_embodiment(tiny(), speed=False)}
    assert faults(list(found.values())) == {}
    assert found["demonstrator"].text.startswith("none: ")


def test_speed_is_reported_in_steps_and_pictures() -> None:
    found = measure_speed(tiny())
    assert found.ok
    assert found.figures["env_steps_per_s"] == found.figures["pictures_per_s"] > 0
    assert "pictures/s" in found.text


@pytest.mark.parametrize(
    ("fault", "where", "sentence"),
    [
        ("ignores the seed", "seeding", "from that seed, in Gymnasium from self.np_random"),
        ("always starts alike", "seeding", "Other seeds gave the same starts"),
        ("knows its number", "determinism", "differ from step 1 on (observation.state)"),
        ("knows its number", "state", "After load_state into another fleet"),
        ("draws nothing", "pictures", "`manage.py doctor` says whether OpenGL"),
        ("tells no success", "spaces", "null where none tells success"),
        ("breaks", "spaces", "the simulator raised ZeroDivisionError: no friction"),
    ],
)
def test_a_fault_is_found_and_explained(fault: str, where: str, sentence: str) -> None:
    found = list(check_embodiment(tiny(fault), speed=False))
    assert sentence in faults(found)[where]
    if where == "spaces":
        assert found[-1].name == "spaces"


class Forgetful(PointMassFleet):
    """Its state leaves out the goals, and it tells success as numbers."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state({**state, "goal": np.zeros_like(state["goal"])})

    def step(self, action: Any) -> Transition:
        met = super().step(action)
        assert met.success is not None
        return Transition(met.observation, met.success.astype(int))


class Careless(PointMass):
    """Wrong in several ways at once."""

    def make_fleet(self, num_robots: int) -> PointMassFleet:
        return Forgetful(num_robots)

    def action_limits(self, limits: Mapping[str, float]) -> Any:
        return np.full(2, -1.0, np.float32), np.full(2, 1.0, np.float32)

    def demonstrator(self, num_robots: int) -> Any:
        return Idle()


class Idle:
    """An expert that never moves."""

    def begin(self, *_: Any) -> None:
        pass

    def act(self, _observation: Any, robots: Any) -> Any:
        return np.zeros((len(robots), 2), np.float32)


def test_faults_of_a_whole_embodiment_are_found_as_well() -> None:
    found = faults(list(check_embodiment(Careless(), speed=False)))
    assert set(found) == {"state", "success", "action limits", "demonstrator"}
    assert "After load_state into the same fleet" in found["state"]
    assert "of bool in every step" in found["success"]
    assert "reach past the robot's own" in found["action limits"]
    assert "reached no goal in 8 episodes" in found["demonstrator"]
