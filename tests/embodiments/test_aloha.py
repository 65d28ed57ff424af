"""Two arms, a peg and a socket: the scene is gym-aloha's, success is its reward, wild policies do no harm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from models_store.errors import LearningError
from practice.embodiments.aloha.embodiment import Aloha
from practice.embodiments.aloha.fleet import AlohaFleet
from practice.embodiments.aloha.motors import FASTEST, joints_of, motor_commands
from practice.embodiments.aloha.presets import (
    ALOHA_INSERTION,
    ALOHA_INSERTION_SMALL,
    CHUNK,
    HANDS,
    PRESETS,
    STATE,
    SUBSTEPS,
    TRUTH,
    spec_of,
)
from practice.embodiments.aloha.scene import ARMS, load_model, start_positions
from practice.embodiments.aloha.stages import Stages

pytest.importorskip("gym_aloha", reason="the arms come with the package gym-aloha; install it")

SEEDS = np.arange(2, dtype=np.uint64)
BOTH = np.arange(2)
TEXTS = ["insert the peg into the socket"] * 2


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> AlohaFleet:
    """Two robots without cameras."""

    class Blind:
        def draw(self, _: Any) -> dict[str, Any]:
            return {}

    made = AlohaFleet(ALOHA_INSERTION, 2)
    monkeypatch.setitem(made.__dict__, "_cameras", Blind())
    made.reset(BOTH, SEEDS, TEXTS)
    return made


def held_still() -> np.ndarray[Any, np.dtype[np.float32]]:
    home = joints_of(start_positions(SEEDS))
    return np.tile(home, (1, CHUNK)).astype(np.float32)


def test_starts_are_the_published_ones() -> None:
    qpos = start_positions(np.arange(500, dtype=np.uint64))
    peg, socket = qpos[:, ARMS : ARMS + 3], qpos[:, ARMS + 7 : ARMS + 10]
    for thing, low, high in ((peg, 0.1, 0.2), (socket, -0.2, -0.1)):
        assert (thing[:, 0] >= low).all()
        assert (thing[:, 0] <= high).all()
        assert (thing[:, 1] >= 0.4).all()
        assert (thing[:, 1] <= 0.6).all()
        assert (thing[:, 2] == 0.05).all()
        assert thing[:, :2].std(axis=0).min() > 0.02


def test_it_moves_as_the_published_environment_does(fleet: AlohaFleet) -> None:
    """The same commands through gym-aloha's own task and motors, fifty a second."""
    mujoco = pytest.importorskip("dm_control.mujoco", reason="dm_control comes with gym-aloha")
    from dm_control.rl.control import Environment  # noqa: PLC0415  (after the OpenGL choice)
    from gym_aloha.constants import ASSETS_DIR, DT  # noqa: PLC0415
    from gym_aloha.tasks import sim  # noqa: PLC0415

    class Task(sim.InsertionTask):  # type: ignore[misc]  # gym-aloha has no types
        def get_observation(self, _: Any) -> dict[str, Any]:
            return {}

    physics = mujoco.Physics.from_xml_path(str(ASSETS_DIR / "bimanual_viperx_insertion.xml"))
    theirs = Environment(physics, Task(), float("inf"), control_timestep=DT)
    sim.BOX_POSE[0] = start_positions(SEEDS[:1])[0, ARMS:]
    theirs.reset()
    commands = np.cumsum(np.full((2 * CHUNK, 14), 0.01), axis=0) + held_still()[0, :14]
    for row in commands:
        theirs.step(row)
    for action in commands.reshape(2, 1, -1).astype(np.float64):
        fleet.step_rows(BOTH[:1], action)
    ours = fleet.state()["physics"][0, 1 : 1 + physics.model.nq]
    np.testing.assert_allclose(ours, physics.data.qpos, atol=1e-9)


def test_grippers_run_from_0_closed_to_1_open() -> None:
    joints = np.linspace(0.0, 1.0, 14)
    motors = motor_commands(joints)
    np.testing.assert_allclose(motors[[6, 14]], -motors[[7, 15]])
    qpos = np.concatenate([motors, np.zeros(14)])
    np.testing.assert_allclose(joints_of(qpos), joints)


def test_stages_are_gym_alohas_reward() -> None:
    model = load_model()
    import mujoco  # noqa: PLC0415  (after the OpenGL choice)

    data, stages = mujoco.MjData(model), Stages(model)

    def stage(peg: tuple[float, float, float], socket: tuple[float, float, float]) -> int:
        data.qpos[:] = start_positions(SEEDS[:1])[0]
        data.qpos[ARMS : ARMS + 3], data.qpos[ARMS + 7 : ARMS + 10] = peg, socket
        mujoco.mj_forward(model, data)
        return stages.of(data)

    held = (0.0, 0.6, 0.3)
    assert stage((0.3, 0.6, 0.3), held) == 0
    assert stage((0.115, 0.6, 0.309), held) == 3  # inside, against a wall, short of the pin
    assert stage((0.0995, 0.6, 0.3), held) == 4
    assert stage((0.115, 0.6, 0.022 + 0.009), (0.0, 0.6, 0.0215)) == 0  # not lifted


def test_a_motor_moves_no_faster_than_the_arm_can(fleet: AlohaFleet) -> None:
    before = motor_commands(held_still()[:1, :14].astype(np.float64))[0]
    fleet.step_rows(BOTH[:1], np.tile(np.float32(1.0), (1, 14 * CHUNK)))
    after = fleet._data.ctrl
    assert (np.abs(after - before) <= CHUNK * FASTEST + 1e-6).all()
    assert after[0] == pytest.approx(CHUNK * FASTEST[0])


def test_a_simulation_that_bursts_stands_still(
    fleet: AlohaFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo leaves a log where it runs
    state = fleet.state()
    state["physics"][0, 1 + fleet._model.nq] = 1e12
    fleet.load_state(state)
    seen = fleet.step(held_still()).observation
    after = fleet.state()["physics"]
    assert np.array_equal(after[0], state["physics"][0])
    assert not np.array_equal(after[1], state["physics"][1])
    assert np.isfinite(seen[STATE]).all()


def test_chunks_are_fifty_commands_a_second(fleet: AlohaFleet) -> None:
    fleet.step(held_still())
    assert fleet.state()["physics"][:, 0] == pytest.approx(CHUNK * SUBSTEPS * 0.002)
    assert fleet._model.opt.timestep == 0.002


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: str(preset.id))
def test_tasks_may_narrow_the_reach_but_not_the_grip(preset: Any) -> None:
    robot = Aloha(preset)
    low, high = robot.action_limits({"reach": 0.5})
    full_low, full_high = robot.action_limits({})
    np.testing.assert_allclose((high - low)[:6], 0.5 * (full_high - full_low)[:6], rtol=1e-6)
    assert low[6::7].tolist() == [0.0] * (2 * preset.spoken)
    assert high[6::7].tolist() == [1.0] * (2 * preset.spoken)


def test_a_step_is_the_line_to_where_it_leads(fleet: AlohaFleet) -> None:
    """The same motion said as a step and as five commands."""
    step = np.zeros((1, 14), dtype=np.float32)
    step[0, [0, 8]], step[0, 6::7] = 0.08, 0.3
    small = AlohaFleet(ALOHA_INSERTION_SMALL, 2)
    small.__dict__["_cameras"] = fleet._cameras
    small.reset(BOTH, SEEDS, TEXTS)
    seen = small.step_rows(BOTH[:1], step).observation
    home = held_still()[:1, :14]
    goal = np.where(np.arange(14) % 7 == 6, step, home + step)
    share = np.linspace(0.0, 1.0, CHUNK + 1)[1:, None]
    line = home + share * (goal - home)
    said = fleet.step_rows(BOTH[:1], line.reshape(1, -1)).observation
    np.testing.assert_allclose(seen[STATE], said[STATE], atol=1e-5)
    assert seen[HANDS].shape == (1, 18)
    assert HANDS not in said


def test_an_empty_instruction_is_refused() -> None:
    robot = Aloha(ALOHA_INSERTION_SMALL)
    robot.check_instruction("in with it")
    with pytest.raises(LearningError, match="The instruction is empty; say what to do"):
        robot.check_instruction(" ")


def test_it_is_a_gymnasium_environment() -> None:
    env = gymnasium.make("practice.embodiments.gym_env:efm/AlohaInsertionSmall-v0")
    observation, info = env.reset(seed=3)
    assert set(observation) == set(spec_of(ALOHA_INSERTION_SMALL).observation) - {TRUTH}
    assert info["is_success"] is False
    assert env.observation_space.contains(observation)
    *_, info = env.step(np.zeros(14, dtype=np.float32))
    assert info["is_success"] is False
    env.close()
