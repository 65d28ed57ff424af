"""The scripted experts of the language table: the oracle arrives, the human arrives like a human."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.language_table import human
from practice.embodiments.language_table.demonstrators import STYLES
from practice.embodiments.language_table.embodiment import LanguageTable
from practice.embodiments.language_table.fleet import LanguageTableFleet
from practice.embodiments.language_table.goals import Family
from practice.embodiments.language_table.human import MANNERS
from practice.embodiments.language_table.oracle import Oracle
from practice.embodiments.language_table.presets import (
    LANGUAGE_TABLE_4,
    STATE,
    TABLES,
    TRUTH,
    Table,
)
from practice.embodiments.language_table.routes import bends, cuts, way_round
from practice.embodiments.language_table.words import all_texts
from practice.embodiments.seeds import derive


class _Blind:
    """No picture is needed here."""

    def draw(self, _qpos: NDArray[np.float64], out: NDArray[np.uint8]) -> None:
        out[...] = 0


@pytest.fixture(scope="module", autouse=True)
def _no_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LanguageTableFleet, "_camera", _Blind())
        yield


@dataclass
class _Told:
    """What R robots did in whole horizons."""

    action: NDArray[Any]
    """(T, R, 2)"""

    success: NDArray[np.bool_]
    """(T, R)"""

    truth: NDArray[Any]
    """(T+1, R, ...)"""

    expert: Oracle

    @property
    def arrived(self) -> NDArray[np.bool_]:
        return np.asarray(self.success.any(axis=0))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps to the goal of those that arrived."""
        return np.asarray(self.success.argmax(axis=0)[self.arrived] + 1)


def _demonstrate(
    table: Table, style: str, seeds: NDArray[np.uint64], texts: tuple[str, ...], ticks: int = 0
) -> _Told:
    robot, robots = LanguageTable(table), np.arange(len(seeds))
    instructions = [texts[int(seed) % len(texts)] for seed in seeds]
    fleet, expert = robot.make_fleet(len(seeds)), robot.demonstrator(len(seeds), style)
    assert isinstance(expert, Oracle)
    observation = fleet.reset(robots, seeds, instructions)
    expert.begin(robots, seeds, instructions)
    actions, successes, truth = [], [], [observation[TRUTH]]
    for _ in range(ticks or table.horizon):
        action = expert.act(observation, robots)
        happened = fleet.step(action)
        observation = happened.observation
        assert happened.success is not None
        actions.append(action)
        successes.append(happened.success)
        truth.append(observation[TRUTH])
    return _Told(np.stack(actions), np.stack(successes), np.stack(truth), expert)


@pytest.fixture(scope="module")
def seeds() -> NDArray[np.uint64]:
    return derive(11, np.arange(100))


@pytest.fixture(scope="module")
def told(seeds: NDArray[np.uint64]) -> dict[str, _Told]:
    """The same starts and goals by both experts."""
    texts = LanguageTable().spec.instructions
    return {style: _demonstrate(LANGUAGE_TABLE_4, style, seeds, texts) for style in STYLES}


@pytest.mark.parametrize("table", TABLES[1:], ids=lambda table: table.id)
def test_oracle_arrives_on_every_table(table: Table, seeds: NDArray[np.uint64]) -> None:
    done = _demonstrate(table, "oracle", seeds[:24], LanguageTable(table).spec.instructions)
    assert done.arrived.mean() >= 0.9
    assert 15.0 < done.lengths.mean() < 33.0


def test_oracle_reaches_goals_of_every_family(seeds: NDArray[np.uint64]) -> None:
    families = [all_texts(LANGUAGE_TABLE_4.things, (family,)) for family in Family]
    texts = tuple(text for texts in families for text in texts[:: len(texts) // 40])
    done = _demonstrate(LANGUAGE_TABLE_4, "oracle", seeds[:60], texts)
    assert done.arrived.mean() >= 0.95


def test_human_arrives_later_and_less_often(told: dict[str, _Told]) -> None:
    oracle, person = told["oracle"], told["human"]
    assert oracle.arrived.mean() >= 0.97
    assert 0.65 < person.arrived.mean() < 0.92
    assert person.lengths.mean() > oracle.lengths.mean() + 10.0


def test_notes_tell_style_and_quality(told: dict[str, _Told]) -> None:
    person, oracle = told["human"], told["oracle"]
    notes = [person.expert.notes(robot) for robot in range(len(person.arrived))]
    assert {note["style"] for note in notes} == set(MANNERS)
    quality = np.array([note["quality"] for note in notes], dtype=float)
    assert ((quality >= 0.0) & (quality <= 1.0)).all()
    assert (quality[~person.arrived] == 0.0).all()
    best = [float(oracle.expert.notes(robot)["quality"]) for robot in range(len(oracle.arrived))]
    assert np.mean(best) > quality[person.arrived].mean() + 0.2


def test_a_misreader_goes_for_a_wrong_thing_and_corrects_it(
    monkeypatch: pytest.MonkeyPatch, seeds: NDArray[np.uint64]
) -> None:
    texts, shares, arrived = LanguageTable().spec.instructions, [], []
    for chance in (0.0, 1.0):
        everybody = {name: replace(manner, misread=chance) for name, manner in MANNERS.items()}
        table = np.array([astuple(manner) for manner in everybody.values()])
        monkeypatch.setattr(human, "_TABLE", table)
        done = _demonstrate(LANGUAGE_TABLE_4, "human", seeds[:40], texts)
        shares.append(_meddled(done))
        arrived.append(done.arrived.mean())
    assert shares[1] > shares[0] + 0.2
    assert arrived[0] > arrived[1] > 0.4


def _meddled(told: _Told) -> float:
    """Share of episodes in which a thing moved that the goal does not name."""
    count = len(LANGUAGE_TABLE_4.things)
    places = told.truth[..., : 3 * count].reshape(*told.truth.shape[:2], count, 3)[..., :2]
    moved = np.linalg.norm(places[-1] - places[0], axis=2) > 0.003
    named = told.truth[0, :, 3 * count + 2 : 3 * count + 4].astype(int)
    others = np.ones_like(moved)
    np.put_along_axis(others, named, False, axis=1)
    return float((moved & others).any(axis=1).mean())


@pytest.mark.parametrize("style", STYLES)
def test_the_same_seed_acts_the_same_in_any_fleet(style: str, seeds: NDArray[np.uint64]) -> None:
    texts = LanguageTable().spec.instructions
    many = _demonstrate(LANGUAGE_TABLE_4, style, seeds[:8], texts, ticks=25)
    alone = _demonstrate(LANGUAGE_TABLE_4, style, seeds[5:6], texts, ticks=25)
    np.testing.assert_array_equal(many.action[:, 5], alone.action[:, 0])
    assert many.expert.notes(5) == alone.expert.notes(0)


def test_a_robot_begins_anew_without_memory(seeds: NDArray[np.uint64]) -> None:
    robot, first = LanguageTable(), np.arange(1)
    fleet, expert = robot.make_fleet(1), robot.demonstrator(1, "human")
    episodes = []
    for _ in range(2):
        observation = fleet.reset(first, seeds[:1], ["push the red moon to the blue cube"])
        expert.begin(first, seeds[:1], ["push the red moon to the blue cube"])
        moves = []
        for _ in range(20):
            moves.append(expert.act(observation, first))
            observation = fleet.step(moves[-1]).observation
        episodes.append(np.stack(moves))
    np.testing.assert_array_equal(episodes[0], episodes[1])


@pytest.mark.parametrize("style", STYLES)
def test_lingering_keeps_the_goal_and_keeps_still(style: str, told: dict[str, _Told]) -> None:
    done, linger = told[style], LanguageTable().spec.linger
    first = done.success.argmax(axis=0)
    rows = np.flatnonzero(done.arrived & (first + linger < len(done.success)))
    assert done.success[first[rows] + linger, rows].mean() > 0.95
    speed = np.linalg.norm(done.action, axis=2)
    assert speed[first[rows] + linger, rows].mean() < 0.25 * speed[first[rows], rows].mean()


def test_actions_stay_within_limits(told: dict[str, _Told]) -> None:
    low, high = LanguageTable().action_limits({})
    action = told["human"].action
    assert action.dtype == np.float32
    assert ((action >= low) & (action <= high)).all()


def test_the_pusher_follows_sudden_reversals(seeds: NDArray[np.uint64]) -> None:
    """Experts turn on the spot; motors that saturate used to swing instead."""
    fleet = LanguageTable().make_fleet(1)
    fleet.reset(np.arange(1), seeds[:1], LanguageTable().spec.instructions[:1])
    centre = fleet.step(np.full((1, 2), 0.0)).observation[STATE][0]
    way = -0.02 * np.sign(centre)
    for _ in range(6):
        before = centre
        centre = fleet.step(way[None]).observation[STATE][0]
        np.testing.assert_allclose(centre - before, way, atol=2e-3)
        way = -way


def test_an_unknown_style_names_the_known_ones() -> None:
    with pytest.raises(LearningError, match=r"'lazy'.*human, oracle"):
        LanguageTable().demonstrator(1, "lazy")


def test_a_line_through_a_circle_cuts_as_deep_as_it_goes() -> None:
    start, end = np.array([[[-1.0, 0.2]]]), np.array([[[1.0, 0.2]]])
    centres, clear = np.zeros((1, 1, 2)), np.array([[0.5]])
    assert cuts(start, end, centres, clear)[0, 0] == pytest.approx(0.3)
    assert cuts(start, -start, centres, clear)[0, 0] == pytest.approx(0.5)
    leaving = cuts(np.array([[[0.0, 0.1]]]), end, centres, clear)
    assert leaving[0, 0] == pytest.approx(0.0, abs=1e-6)


def test_a_way_is_straight_where_it_can_be_and_bends_where_it_must() -> None:
    start = np.array([[-0.1, 0.0], [-0.1, 0.1]])
    end = np.array([[0.1, 0.0], [0.1, 0.1]])
    centres, clear = np.zeros((2, 1, 2)), np.full((2, 1), 0.03)
    reach = np.array([0.2, 0.15])
    towards = way_round(start, end, centres, clear, reach)
    np.testing.assert_array_equal(towards[1], end[1])
    assert cuts(start[:1, None], towards[:1, None], centres[:1], clear[:1])[0, 0] < 1e-3
    assert np.abs(towards[0] - end[0]).max() > 0.01
    assert (np.abs(bends(centres, clear, reach)) <= reach).all()
