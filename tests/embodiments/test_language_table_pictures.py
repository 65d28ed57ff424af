"""What the policy's camera and people see, and the Gymnasium environments."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from models_store.errors import LearningError
from practice.embodiments import gl
from practice.embodiments.gym_env import env_id
from practice.embodiments.language_table.embodiment import LanguageTable
from practice.embodiments.language_table.presets import (
    CAMERA,
    LANGUAGE_TABLE_4,
    STATE,
    TABLES,
    TRUTH,
    Table,
)
from tests.embodiments.language_tables import places, started

HUES = {"red": (0, (1, 2)), "blue": (2, (0, 1)), "green": (1, (0, 2))}


def spots(picture: np.ndarray, colour: str) -> np.ndarray:
    """Row and column of the pixels where one channel stands out, (k, 2)."""
    channel, others = HUES[colour]
    values = picture.astype(int)
    strong = values[..., channel] - values[..., list(others)].max(axis=-1)
    return np.argwhere(strong > 50)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.id)
def test_pictures_have_the_size_that_the_spec_says_and_show_something(table: Table) -> None:
    _, first = started(2, table=table)
    picture = first[CAMERA]
    assert picture.shape == (2, table.height, table.width, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 15
    assert not np.array_equal(picture[0], picture[1])


def test_blocks_are_seen_where_they_are() -> None:
    _, first = started(16)
    centres, pictures = places(first), first[CAMERA]
    for thing, colour in ((0, "red"), (1, "blue"), (2, "green")):
        middles = np.array([spots(picture, colour).mean(axis=0) for picture in pictures])
        seen = np.array([len(spots(picture, colour)) for picture in pictures])
        assert seen.min() >= 10  # a few pixels each, even for the thin moon
        # Columns follow x, rows fall with y.
        assert np.corrcoef(centres[:, thing, 0], middles[:, 1])[0, 1] > 0.97
        assert np.corrcoef(centres[:, thing, 1], middles[:, 0])[0, 1] < -0.97


def test_supersampling_averages_the_larger_picture() -> None:
    fine = replace(LANGUAGE_TABLE_4, height=96, width=128, supersample=1)
    small, large = started(2)[1][CAMERA], started(2, table=fine)[1][CAMERA]
    mean = large.reshape(2, 48, 2, 64, 2, 3).astype(float).mean(axis=(2, 4))
    assert np.abs(small - mean).max() <= 0.75
    thrice = replace(LANGUAGE_TABLE_4, supersample=3)
    assert np.abs(started(2, table=thrice)[1][CAMERA].astype(float) - mean).mean() < 3.0


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.id)
def test_people_see_a_larger_picture_with_the_goal(table: Table) -> None:
    robot = LanguageTable(table)
    _, first = started(1, table=table)
    row = {name: rows[0] for name, rows in first.items()}
    picture = robot.render(row, size=160)
    assert picture.shape == (160, 160, 3)
    assert np.array_equal(picture, robot.render(row, size=160))
    hidden = dict(row)
    hidden[TRUTH] = row[TRUTH].copy()
    hidden[TRUTH][-1] = 0.0
    changed = np.abs(picture.astype(int) - robot.render(hidden, size=160)).max(axis=-1) > 3
    assert 50 < changed.sum() < 6_000


def test_a_recorded_row_is_drawn_whatever_it_holds() -> None:
    robot = LanguageTable()
    length = robot.spec.observation[TRUTH].shape[0]
    for value in (0.0, 9.0, np.nan, -1e6):
        row = {TRUTH: np.full(length, value, dtype=np.float32)}
        assert robot.render(row, size=64).shape == (64, 64, 3)


def test_drawing_for_people_does_not_disturb_the_camera() -> None:
    fleet, _ = started(2)
    other, _ = started(2)
    for _ in range(3):
        a = fleet.step(np.full((2, 2), 0.01)).observation
        LanguageTable().render({name: rows[0] for name, rows in a.items()}, size=96)
        b = other.step(np.full((2, 2), 0.01)).observation
        assert np.array_equal(a[CAMERA], b[CAMERA])


def test_a_camera_that_goes_takes_nothing_from_the_others() -> None:
    fleet, first = started(2)
    for table in TABLES:
        other, _ = started(1, table=table)
        del other
    kept, again = started(2)
    assert np.array_equal(first[CAMERA], again[CAMERA])
    move = np.full((2, 2), 0.01)
    a, b = fleet.step(move).observation, kept.step(move).observation
    assert np.array_equal(a[CAMERA], b[CAMERA])


def test_without_opengl_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(gl, "_works", lambda name: False)
    with pytest.raises(LearningError, match=r"EGL nor OSMesa.*apt-get install"):
        gl.choose_gl()


def test_a_choice_made_before_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    assert gl.choose_gl() == "osmesa"


@pytest.mark.parametrize("backend", ["egl", "osmesa"])
def test_pictures_come_from_either_library_even_if_mujoco_was_imported_first(backend: str) -> None:
    if not gl._works(backend):
        pytest.skip(f"{backend} is not installed")
    script = (
        "import mujoco, numpy as np; from practice.embodiments.registry import embodiment; "
        "fleet = embodiment('language-table-4').make_fleet(1); "
        "seen = fleet.reset(np.zeros(1, int), np.zeros(1, np.uint64), ['push the red moon to the blue cube']); "
        "print(int(seen['observation.images.top'].std() > 15))"
    )
    clean = {k: v for k, v in os.environ.items() if k not in ("MUJOCO_GL", "PYOPENGL_PLATFORM")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=clean | {"MUJOCO_GL": backend},
    )
    assert done.stdout.strip() == "1"
    assert "rror" not in done.stderr, done.stderr


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.id)
def test_gymnasium_gives_the_same_episode(table: Table) -> None:
    name = env_id(LanguageTable(table).spec)
    env = gymnasium.make(f"practice.embodiments.gym_env:{name}", render_mode="rgb_array")
    texts = LanguageTable(table).spec.instructions
    seen, info = env.reset(seed=11)
    assert info == {"is_success": False, "instruction": texts[11 % len(texts)]}
    assert set(seen) == {CAMERA, STATE}
    assert env.observation_space.contains(seen)
    fleet, first = started(1, [info["instruction"]], table, first=11)
    assert np.array_equal(seen[CAMERA], first[CAMERA][0])
    for _ in range(3):
        action = env.action_space.sample()
        seen, reward, terminated, _, info = env.step(action)
        expected = fleet.step(action[None])
        assert np.array_equal(seen[STATE], expected.observation[STATE][0])
        assert expected.success is not None
        assert info["is_success"] == terminated == bool(expected.success[0]) == (reward == 1.0)
        assert info["instruction"] == texts[11 % len(texts)]
    assert np.asarray(env.render()).shape == (240, 240, 3)
    assert env.spec is not None
    assert env.spec.max_episode_steps == table.horizon
    env.close()


def test_gymnasium_takes_an_instruction_and_refuses_nonsense() -> None:
    env = gymnasium.make("practice.embodiments.gym_env:efm/LanguageTable-v0")
    _, info = env.reset(seed=1, options={"instruction": "put the red moon by the blue moon"})
    assert info["instruction"] == "put the red moon by the blue moon"
    with pytest.raises(LearningError, match="Cannot understand"):
        env.reset(options={"instruction": "sing"})
