"""The table as a simulator: repeatable, resumable, symmetric, and lazy about imports."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from practice.embodiments.gym_env import env_id
from practice.embodiments.language_table.fleet import LanguageTableFleet
from practice.embodiments.language_table.presets import (
    CAMERA,
    LANGUAGE_TABLE,
    LANGUAGE_TABLE_4,
    LANGUAGE_TABLE_4_SHIFTED,
    MAX_MOVE,
    STATE,
    TABLES,
    TRUTH,
    Table,
    spec_of,
)
from practice.embodiments.language_table.things import BLOCK_REACH, PUSHER_REACH, Shape
from practice.embodiments.registry import embodiments
from tests.embodiments.language_tables import all_robots, places, seeds, started


def actions(steps: int, robots: int, seed: int = 0) -> np.ndarray:
    """Long drifting moves, so that things get pushed."""
    rng = np.random.default_rng(seed)
    walk = rng.normal(size=(steps, robots, 2)).cumsum(axis=0)
    return np.clip(0.02 * walk, -MAX_MOVE, MAX_MOVE)


def test_listing_embodiments_imports_no_simulator() -> None:
    script = (
        "import sys; from practice.embodiments.registry import embodiment, embodiments; embodiments(); "
        "robot = embodiment('language-table'); robot.check_instruction('push the red moon to the blue moon'); "
        "print([name for name in ('mujoco', 'torch', 'OpenGL') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_the_docs_name_every_embodiment_and_its_gymnasium_id() -> None:
    page = (Path(__file__).parents[2] / "docs" / "embodiments.md").read_text()
    for spec in embodiments():
        assert f"`{spec.id}`" in page
        assert f"`{env_id(spec)}`" in page


@pytest.mark.parametrize("table", [LANGUAGE_TABLE_4, LANGUAGE_TABLE_4_SHIFTED], ids=lambda t: t.id)
def test_an_episode_follows_from_seed_instruction_and_actions(table: Table) -> None:
    texts = ["push the red moon to the blue cube", "push the green star to the red moon"] * 2
    fleet, first = started(4, texts, table)
    # The same four in another order and company, after other episodes.
    other, _ = started(6, texts + texts[:2], table, first=50)
    order = np.array([3, 1, 0, 2])
    for move in actions(5, 6, seed=1):
        other.step(move)
    again = other.reset(order, seeds(4), texts)
    moves = actions(12, 4)
    for name, rows in first.items():
        assert np.array_equal(rows, again[name]), name
    for move in moves:
        expected = fleet.step(move)
        slots = np.argsort(order)
        seen = other.step_rows(np.sort(order), move[slots])
        for name, rows in expected.observation.items():
            assert np.array_equal(rows[slots], seen.observation[name]), name
        assert expected.success is not None
        assert seen.success is not None
        assert np.array_equal(expected.success[slots], seen.success)


def test_phrasing_does_not_change_the_start() -> None:
    texts = ["push the red moon to the blue cube", "nudge the red moon over to the blue cube"]
    fleet, _ = started(2, texts)
    seen = fleet.reset(all_robots(2), np.array([5, 5], dtype=np.uint64), texts)
    assert np.array_equal(seen[TRUTH][0], seen[TRUTH][1])


@pytest.mark.parametrize("table", [LANGUAGE_TABLE_4, LANGUAGE_TABLE_4_SHIFTED], ids=lambda t: t.id)
def test_state_and_load_state_go_on_exactly(table: Table) -> None:
    fleet, _ = started(3, table=table)
    for move in actions(6, 3):
        fleet.step(move)
    other = LanguageTableFleet(table, 3)
    other.load_state(fleet.state())
    for move in actions(6, 3, seed=2):
        a, b = fleet.step(move), other.step(move)
        assert all(np.array_equal(a.observation[n], b.observation[n]) for n in a.observation)


def test_robots_that_wait_stay_as_they_are_and_nothing_returned_changes_later() -> None:
    fleet, first = started(4)
    kept = {name: rows.copy() for name, rows in first.items()}
    before = fleet.state()["physics"]
    transition = fleet.step_rows(np.array([1, 3]), np.full((2, 2), 0.02))
    after = fleet.state()["physics"]
    assert np.array_equal(before[[0, 2]], after[[0, 2]])
    assert transition.observation[CAMERA].shape == (2, 48, 64, 3)
    assert all(np.array_equal(kept[name], first[name]) for name in first)


def test_the_pusher_goes_where_it_is_told_and_no_farther_than_it_reaches() -> None:
    fleet, first = started(8, ["push the red moon to the blue cube"] * 8, first=3)
    at = first[STATE].astype(float)
    target = np.clip(at + np.array([0.02, -0.01]), -PUSHER_REACH, PUSHER_REACH)
    seen = fleet.step(np.tile([0.02, -0.01], (8, 1))).observation
    free = np.abs(seen[STATE] - target).max(axis=1) < 1e-3
    assert free.sum() >= 7  # one may have pushed against a thing
    for move in actions(60, 8, seed=4):
        seen = fleet.step(move).observation
        # A push against a thing at the rim may press the pusher a hair past its reach.
        assert (np.abs(seen[STATE]) < PUSHER_REACH + 0.002).all()
        assert (np.abs(places(seen)) < BLOCK_REACH + 0.004).all()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.id)
def test_things_do_not_pass_through_each_other(table: Table) -> None:
    fleet, _ = started(8, table=table)
    thick = min(_narrowest(thing.shape) for thing in table.things)
    for move in actions(80, 8, seed=5):
        seen = fleet.step(move).observation
        centres = places(seen, table)
        apart = np.linalg.norm(centres[:, :, None] - centres[:, None], axis=-1)
        apart += np.eye(len(table.things))
        assert apart.min() > thick
        assert np.isfinite(seen[TRUTH]).all()


def _narrowest(shape: Shape) -> float:
    """A distance that centres keep even where a tip reaches into a hollow."""
    return 0.5 * min(float(np.hypot(*np.ptp(np.array(shape.outline), axis=0))) / 2.0, 0.03)


def test_a_push_moves_a_thing_along() -> None:
    fleet, _ = started(1, ["push the blue cube to the red moon"])
    cube = 1
    state = fleet.state()
    # Everything else out of the way, the cube in the middle, the pusher on its left.
    spots = [(-0.15, 0.10), (0.0, 0.0), (0.15, 0.10), (0.15, -0.10)]
    state["physics"][0, 1:] = 0.0
    state["physics"][0, 1:3] = (-0.06, 0.0)
    for i, spot in enumerate(spots):
        state["physics"][0, 3 + 3 * i : 5 + 3 * i] = spot
    fleet.load_state(state)
    for _ in range(6):
        seen = fleet.step(np.array([[0.02, 0.0]])).observation
    x, y = places(seen)[0, cube]
    pusher = seen[STATE][0]
    assert pusher[0] == pytest.approx(0.06, abs=1e-3)
    # Touching: the pusher's radius and half the cube, give or take the softness of contacts.
    assert x - pusher[0] == pytest.approx(0.028, abs=2e-3)
    assert abs(y) < 2e-3
    still = fleet.step(np.zeros((1, 2))).observation
    fleet.step(np.zeros((1, 2)))
    rest = fleet.step(np.zeros((1, 2))).observation
    assert np.abs(places(rest) - places(still)).max() < 1e-3


def test_five_hertz_covers_the_same_way_per_tick() -> None:
    slow = replace(LANGUAGE_TABLE_4, control_hz=5.0)
    assert spec_of(slow).control_hz == 5.0
    fleet, _ = started(1, ["push the red moon to the blue cube"], slow)
    quick, _ = started(1, ["push the red moon to the blue cube"])
    a = fleet.step(np.array([[0.01, 0.01]])).observation[STATE]
    b = quick.step(np.array([[0.01, 0.01]])).observation[STATE]
    assert np.abs(a - b).max() < 5e-4


@pytest.mark.parametrize("table", [LANGUAGE_TABLE_4, LANGUAGE_TABLE], ids=lambda t: t.id)
def test_the_mirrored_world_goes_the_mirrored_way(table: Table) -> None:
    mirror = spec_of(table).mirror
    assert mirror is not None
    fleet, _ = started(6, table=table)
    flipped = LanguageTableFleet(table, 6)
    state = fleet.state()
    signs = np.tile([-1.0, 1.0, -1.0], len(table.things))
    state["physics"][:, 1 : 3 + len(signs)] *= np.concatenate([[-1.0, 1.0], signs])
    state["goals"]["anchor"][:, 0] *= -1.0
    flipped.load_state(state)
    for move in actions(15, 6, seed=6):
        seen = fleet.step(move)
        other = flipped.step(move * mirror.signs["action"])
        for name in (STATE, TRUTH):
            expected = seen.observation[name] * np.array(mirror.signs[name], dtype=np.float32)
            # Contacts are solved in another order, so equal up to the solver's tolerance.
            assert np.abs(other.observation[name] - expected).max() < 2e-3
        pictures = seen.observation[CAMERA][:, :, ::-1].astype(int)
        assert np.abs(pictures - other.observation[CAMERA]).mean() < 1.0
    assert mirror.cameras == (CAMERA,)
    assert mirror.words["left"] == "right"


def test_a_camera_that_stands_askew_has_no_mirror() -> None:
    assert spec_of(LANGUAGE_TABLE_4_SHIFTED).mirror is None


def test_the_shifted_table_answers_late_and_noisily_but_repeatably() -> None:
    texts = ["push the red moon to the blue cube"] * 3
    fleet, first = started(3, texts, LANGUAGE_TABLE_4_SHIFTED)
    one = fleet.step(np.full((3, 2), 0.02)).observation[STATE] - first[STATE]
    two = fleet.step(np.zeros((3, 2))).observation[STATE] - first[STATE] - one
    noise = LANGUAGE_TABLE_4_SHIFTED.physics.noise
    assert np.abs(one).max() < 4 * noise  # the command is still on its way
    assert two.mean() > 0.5 * 0.02
    assert len(np.unique(one.round(6))) > 3
