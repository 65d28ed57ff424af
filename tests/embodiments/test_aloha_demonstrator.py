"""The scripted demonstrator of the two arms: hands go where they should, blunders are made good."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from practice.embodiments.aloha.fleet import AlohaFleet
from practice.embodiments.aloha.kinematics import (
    about_y,
    about_z,
    from_quaternion,
    hand_pose,
    joints_for,
    quaternion,
    rotation,
    rotation_vector,
)
from practice.embodiments.aloha.oracle import Oracle
from practice.embodiments.aloha.presets import (
    ALOHA_INSERTION,
    ALOHA_INSERTION_SMALL,
    HORIZON,
    START,
    Preset,
    spec_of,
)
from practice.embodiments.aloha.scene import load_model

ARMS = np.array([0, 1])

pytest.importorskip("gym_aloha", reason="the arms come with the package gym-aloha; install it")


class Blind:
    """No cameras: the demonstrator looks at the truth."""

    def draw(self, _: Any) -> dict[str, Any]:
        return {}


def attempts(
    seeds: list[int], preset: Preset = ALOHA_INSERTION_SMALL
) -> tuple[np.ndarray[Any, Any], Oracle, list[bytes]]:
    """Ticks until success (0: never), the demonstrator afterwards, and all actions of each tick."""
    count = len(seeds)
    robots, drawn = np.arange(count), np.array(seeds, dtype=np.uint64)
    fleet, expert = AlohaFleet(preset, count), Oracle(count, steps=preset.steps)
    bounds = spec_of(preset).action
    fleet.__dict__["_cameras"] = Blind()
    expert.begin(robots, drawn, [""] * count)
    seen, arrived, sent = fleet.reset(robots, drawn, [""] * count), np.zeros(count, int), []
    for tick in range(HORIZON):
        action = expert.act(seen, robots)
        sent.append(action.tobytes())
        met = fleet.step_rows(robots, np.clip(action, bounds.low, bounds.high))
        assert met.success is not None
        arrived[robots[met.success]] = tick + 1
        robots = robots[~met.success]
        seen = {name: rows[~met.success] for name, rows in met.observation.items()}
        if not len(robots):
            break
    return arrived, expert, sent


def test_where_a_hand_is_agrees_with_the_simulator() -> None:
    model = load_model()
    import mujoco  # noqa: PLC0415  (after the OpenGL choice)

    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    for _ in range(20):
        joints = np.array(START) + rng.uniform(-0.5, 0.5, (2, 6))
        data.qpos[0:6], data.qpos[8:14] = joints
        mujoco.mj_kinematics(model, data)
        turned, place = hand_pose(joints, ARMS)
        for arm, side in enumerate(("left", "right")):
            body = data.body(f"vx300s_{side}/gripper_link")
            # The right arm's foot is turned by 3.1416 in the published scene.
            np.testing.assert_allclose(turned[arm], body.xmat.reshape(3, 3), atol=1e-5)
            np.testing.assert_allclose(place[arm], body.xpos, atol=1e-5)


@pytest.mark.parametrize("tip", [1.2, 1.35])
def test_joints_bring_a_hand_where_it_should_be(tip: float) -> None:
    rng = np.random.default_rng(1)
    place = rng.uniform([-0.3, 0.42, 0.14], [-0.15, 0.58, 0.35], (50, 3))
    turned = about_z(rng.uniform(-0.2, 0.2, 50)) @ about_y(np.full(50, tip))
    arm = np.zeros(50, dtype=np.int64)
    turned_again, place_again = hand_pose(joints_for(turned, place, arm), arm)
    np.testing.assert_allclose(place_again, place, atol=0.003)
    np.testing.assert_allclose(turned_again, turned, atol=0.04)


def test_rotations_and_their_vectors_are_inverse() -> None:
    vector = np.random.default_rng(2).uniform(-1.5, 1.5, (100, 3))
    np.testing.assert_allclose(rotation_vector(rotation(vector)), vector, atol=1e-9)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(
        from_quaternion(np.array([half, 0.0, 0.0, half])), about_z(np.array(np.pi / 2)), atol=1e-9
    )


def test_rotations_and_quaternions_are_inverse() -> None:
    turned = rotation(np.random.default_rng(3).uniform(-1.5, 1.5, (100, 3)))
    np.testing.assert_allclose(from_quaternion(quaternion(turned)), turned, atol=1e-9)


@pytest.mark.parametrize("preset", [ALOHA_INSERTION, ALOHA_INSERTION_SMALL], ids=lambda p: p.id)
def test_it_inserts_and_recovers(preset: Preset) -> None:
    """Seeds among which first grips miss and first insertions start askew."""
    arrived, expert, _ = attempts(list(range(1_000, 1_012)), preset)
    assert (arrived > 0).sum() >= 11
    assert ((expert.regrasps > 0) & (arrived > 0)).any()
    assert ((expert.realigns > 0) & (arrived > 0)).any()
    assert len(set(arrived.tolist())) > 5  # no two episodes alike


def test_the_same_seed_gives_the_same_actions_in_any_company() -> None:
    alone, _, sent = attempts([1_003])
    among, _, _ = attempts([1_003, 1_004])
    assert alone[0] == among[0] > 0
    assert sent == attempts([1_003])[2]
