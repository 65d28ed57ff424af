"""Robots declared by a file: read strictly, run faithfully, harmless when they are wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models_store.errors import LearningError
from practice.embodiments.declaration import Declaration
from practice.embodiments.declared import FOLDER, DeclaredEmbodiment
from practice.embodiments.declared_fleet import DeclaredFleet
from practice.embodiments.plate import plate
from practice.embodiments.registry import embodiment
from practice.fleet.demonstrations import make_demonstrations
from practice.fleet.pool import PooledFleet, end_idle_workers
from tests.embodiments.tiny_reach import DECLARATION

ROOT = Path(__file__).resolve().parents[2]
ROBOTS = np.arange(3)
SEEDS = np.array([5, 6, 2**62 + 9], dtype=np.uint64)
TEXTS = ["go left", "go right", "go left"]
STATE, TOP = "observation.state", "observation.images.top"


def changed(path: str, value: Any) -> dict[str, Any]:
    """The declaration with one member set, or taken out where the value is None."""
    data: dict[str, Any] = copy.deepcopy(DECLARATION)
    *way, last = path.split("/")
    place: Any = data
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return data


def declared(path: str = "title", value: Any = "Tiny reach") -> DeclaredEmbodiment:
    return DeclaredEmbodiment(Declaration.from_json(changed(path, value)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of declarations with one in it, known to the registry."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    (tmp_path / "tiny-reach.json").write_text(json.dumps(DECLARATION))
    return tmp_path


def test_a_declaration_survives_json_both_ways() -> None:
    first = Declaration.from_json(DECLARATION)
    written = json.loads(json.dumps(first.to_json()))
    assert Declaration.from_json(written) == first
    assert Declaration.from_json(written).to_json() == written
    assert first.spec.cameras == (TOP,)
    assert first.spec.knows_success
    assert (first.spec.steps_to_go_bins, first.spec.steps_to_go_max) == (50, 40.0)


def test_the_example_of_the_guide_is_a_declaration() -> None:
    path = ROOT / "docs" / "examples" / "pusht.json"
    assert Declaration.from_json(json.loads(path.read_text())).spec.id == path.stem
    assert path.read_text() in (ROOT / "docs" / "embodiments.md").read_text()


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("colour", "red", "colour is unknown; the file has: id, title"),
        ("title", None, "title is missing"),
        ("id", "Tiny Reach", "id must be small letters"),
        ("make", "os.system('x')", "make must be a Gymnasium id"),
        ("horizon", 0, "horizon must be a whole number between 1 and 100000, not 0"),
        ("control_hz", "fast", "control_hz must be a number"),
        ("instructions", [], "instructions must hold at least one"),
        ("instructions", ["go", "go"], "instructions must be a list of different texts"),
        ("features/state", {"shape": [2]}, r'features\["state"\] must be named as LeRobot'),
        ("features/observation.state/shape", [2, 2], r"\.shape must be \[number of values\]"),
        ("features/observation.state/names", ["x"], r"\.names must hold 2 names"),
        ("features/observation.state/dtype", "object", r"\.dtype must be one of float32"),
        ("features/observation.state/unti", "m", r'features\["observation.state"\]\.unti is unk'),
        ("features/observation.images.top/shape", [8, 12], r"must be \[height, width, 3\]"),
        ("features_map/observation.wrist", "x", "features_map.observation.wrist is unknown"),
        ("features_map/observation.state", "render()", "only a camera"),
        ("action/high", [0.2], "action.high must hold 2 numbers"),
        ("action/high", [0.2, -0.2], "action.high must be above low"),
        ("steps_to_go", {"bin": 3}, "steps_to_go.bin is unknown"),
        ("limits/0/actions", ["dz"], r"limits\[0\]\.actions may name: dx, dy"),
    ],
)
def test_what_a_declaration_gets_wrong_is_named(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(LearningError, match=sentence):
        Declaration.from_json(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("make", "no_such_module:make", "cannot be imported .* install its package"),
        ("make", "NoSuchEnvironment-v3", "cannot be made"),
        ("kwargs", {"colour": "red"}, "cannot be made with kwargs .*colour"),
        ("features_map/observation.state", "agent.speed", "may say: agent.pos, goal, pixels"),
        ("features_map/observation.state", "pixels", r"has 1152 values .* declare \[1152\]"),
        ("features/observation.state/dtype", "int64", "holds float64, not int64"),
        ("features/observation.images.top/shape", [9, 12, 3], "a whole multiple of it"),
        ("action/high", [0.9, 0.9], "reach past what the environment accepts"),
        ("action", {"names": ["dx"], "low": [0], "high": [0.1]}, "says a vector of 1"),
    ],
)
def test_an_environment_that_is_not_as_declared_is_refused(
    path: str, value: Any, sentence: str
) -> None:
    with pytest.raises(LearningError, match=sentence):
        declared(path, value).make_fleet(1)


def test_a_picture_of_render_needs_its_mode() -> None:
    data = changed(f"features_map/{TOP}", "render()")
    robot = DeclaredEmbodiment(Declaration.from_json(data))
    started = robot.make_fleet(1).reset(ROBOTS[:1], SEEDS[:1], TEXTS[:1])
    assert started[TOP].shape == (1, 8, 12, 3)
    data["kwargs"] = {}
    with pytest.raises(LearningError, match='add "render_mode": "rgb_array" to kwargs'):
        DeclaredEmbodiment(Declaration.from_json(data)).make_fleet(1)


def test_observations_are_taken_from_where_the_declaration_says() -> None:
    fleet = declared().make_fleet(3)
    started = fleet.reset(ROBOTS, SEEDS, TEXTS)
    assert {name: (rows.shape, str(rows.dtype)) for name, rows in started.items()} == {
        TOP: ((3, 8, 12, 3), "uint8"),
        STATE: ((3, 2), "float32"),
        "observation.environment_state": ((3, 2), "float64"),
    }
    assert started["observation.environment_state"][:, 0].tolist() == [-1.0, 1.0, -1.0]
    before = started[STATE].copy()
    moved = fleet.step_rows(np.array([1]), np.array([[0.125, 0.0]], np.float32))
    np.testing.assert_allclose(
        moved.observation[STATE], before[1:2] + np.array([0.125, 0.0]), atol=1e-6
    )
    assert np.array_equal(started[STATE], before)


def test_a_picture_of_twice_the_size_is_averaged() -> None:
    started = declared().make_fleet(1).reset(ROBOTS[:1], SEEDS[:1], TEXTS[:1])
    # A square of four pixels of 250 lies on one to four of the declared ones.
    assert started[TOP][0, ..., 0].astype(int).sum() == pytest.approx(250, abs=4)


def test_an_environment_that_ended_by_itself_stands_still() -> None:
    fleet = declared().make_fleet(1)
    fleet.reset(ROBOTS[:1], SEEDS[:1], TEXTS[:1])
    left = np.array([[-0.2, 0.0]], np.float32)
    told = [fleet.step(left) for _ in range(8)]
    success = [bool(transition.success[0]) for transition in told if transition.success is not None]
    first = success.index(True)
    assert all(success[first:])
    assert len({t.observation[STATE].tobytes() for t in told[first:]}) == 1
    assert fleet.state()["steps"].tolist() == [first + 1]


def test_without_a_success_key_nobody_knows() -> None:
    data = DECLARATION | {"success_key": None}
    robot = DeclaredEmbodiment(Declaration.from_json(data))
    fleet = robot.make_fleet(1)
    fleet.reset(ROBOTS[:1], SEEDS[:1], TEXTS[:1])
    assert not robot.spec.knows_success
    assert fleet.step(np.zeros((1, 2), np.float32)).success is None


def test_a_success_key_that_info_lacks_is_named() -> None:
    fleet = declared("success_key", "solved").make_fleet(1)
    fleet.reset(ROBOTS[:1], SEEDS[:1], TEXTS[:1])
    with pytest.raises(LearningError, match="no 'solved' after a step; it has: is_success"):
        fleet.step(np.zeros((1, 2), np.float32))


def test_limits_bound_the_values_they_name() -> None:
    low, high = declared().action_limits({"max_dx": 0.05})
    assert low.tolist() == pytest.approx([-0.05, -0.2])
    assert high.tolist() == pytest.approx([0.05, 0.2])
    with pytest.raises(LearningError, match=r"max_dx is 0\.5"):
        declared().action_limits({"max_dx": 0.5})


def test_instructions_are_checked_where_the_environment_reads_them() -> None:
    with pytest.raises(LearningError, match=r"does not list the instruction 'fly'.*'go left'"):
        declared().check_instruction("fly")
    declared("instruction_option", None).check_instruction("fly")


def test_there_is_no_demonstrator_and_the_message_says_what_to_do() -> None:
    with pytest.raises(LearningError, match="upload demonstrations"):
        make_demonstrations(declared(), 1)


def test_people_see_the_camera_or_the_numbers() -> None:
    robot = declared()
    started = robot.make_fleet(1).reset(ROBOTS[:1], SEEDS[:1], TEXTS[:1])
    row = {name: values[0] for name, values in started.items()}
    assert robot.render(row, size=96).max() > 200
    del row[TOP]
    numbers = robot.render(row, size=96)
    other = robot.render(row | {STATE: row[STATE] + 1}, size=96)
    assert numbers.shape == other.shape == (96, 96, 3)
    assert not np.array_equal(numbers, other)


@pytest.mark.parametrize("size", [8, 64, 240])
def test_a_plate_of_many_numbers_keeps_to_its_size(size: int) -> None:
    drawn = plate([(f"a_long_name_{i}", -1.5e-7 * i) for i in range(100)], size)
    assert drawn.shape == (size, size, 3)


def test_episodes_go_on_exactly_by_doing_them_again(folder: Path) -> None:
    """Also when processes with episodes of different lengths are joined and dealt out anew."""
    del folder
    whole, dealt = embodiment("tiny-reach").make_fleet(3), PooledFleet("tiny-reach", 3, 2)
    draw = np.random.default_rng(0)
    for fleet in (whole, dealt):
        fleet.reset(ROBOTS, SEEDS, TEXTS)
    for i in range(9):
        rows = ROBOTS if i % 3 else ROBOTS[:1]
        action = draw.uniform(-0.2, 0.2, (len(rows), 2)).astype(np.float32)
        for fleet in (whole, dealt):
            fleet.step_rows(rows, action)
    other: DeclaredFleet | PooledFleet
    for state in (whole.state(), dealt.state()):
        for other in (DeclaredFleet(Declaration.from_json(DECLARATION), 3), dealt):
            other.load_state(state)
            assert all(np.array_equal(state[name], other.state()[name]) for name in state)
    zero = np.zeros((3, 2), np.float32)
    now = whole.step(zero).observation
    assert all(
        np.array_equal(now[name], rows) for name, rows in dealt.step(zero).observation.items()
    )
    dealt.close()
    end_idle_workers()
