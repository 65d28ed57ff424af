"""Sentences about tables, read by somebody who has not written them, against the simulator's places."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from models_store.words import split_words
from practice.embodiments.interface import ShowsCaptioned
from practice.embodiments.language_table.captions import choose, sentences_of
from practice.embodiments.language_table.embodiment import LanguageTable
from practice.embodiments.language_table.play import scenes
from practice.embodiments.language_table.presets import (
    BANANA_TABLE,
    BANANA_TABLE_BLOCKS,
    CAMERA,
    LANGUAGE_TABLE,
    LANGUAGE_TABLE_4,
    Table,
)
from practice.embodiments.language_table.things import FOUR, Thing
from practice.embodiments.point_mass import PointMass

TABLES = (LANGUAGE_TABLE_4, LANGUAGE_TABLE, BANANA_TABLE, BANANA_TABLE_BLOCKS)
COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
AXIS = {"left": 0, "right": 0, "top": 1, "bottom": 1}
WAYS = {way: way for way in AXIS} | {
    "above": "top", "up": "top", "upper": "top", "below": "bottom", "down": "bottom", "lower": "bottom",
}  # fmt: skip
Place = NDArray[np.float64]


def things_in(text: str, things: tuple[Thing, ...]) -> list[int]:
    """Which things a text names, in its order."""
    found = []
    for said in re.findall(
        r"(?:(red|blue|green|yellow) )?(moon|cube|star|pentagon|banana|block)", text
    ):
        fits = [
            i
            for i, thing in enumerate(things)
            if said[0] in ("", thing.colour) and said[1] in ("block", thing.shape.name)
        ]
        assert len(fits) == 1, f"{text!r}: {said} may be {fits}"
        found.append(fits[0])
    return found


def beyond(place: Place, way: str, least: float = 0.0) -> bool:
    """Whether a place is farther than this from the middle line, that way."""
    sign = -1.0 if way in ("left", "bottom") else 1.0
    return bool(sign * place[AXIS[way]] > least)


def plainly(text: str, places: Place, things: tuple[Thing, ...]) -> bool:
    """Whether the sentence is so, without any band in between."""
    named = [places[i] for i in things_in(text, things)]
    ways = [WAYS[word] for word in text.split() if word in WAYS]
    if not named:
        return counted(text, places, ways)
    if not ways:
        return related(text, named)
    away = named[0] - named[1] if len(named) == 2 else named[0]
    if len(named) == 2 or len(ways) == 2:
        return all(beyond(away, way) for way in ways)
    return beyond(away, ways[0], 0.07 if AXIS[ways[0]] == 0 else 0.045)


def counted(text: str, places: Place, ways: list[str]) -> bool:
    found = re.match(r"(\w+) things? (is|are) in", text)
    assert found, text
    assert len(ways) == 1
    assert (found[2] == "is") == (found[1] == "one")
    return sum(beyond(place, ways[0]) for place in places) == COUNTS[found[1]]


def related(text: str, named: list[Place]) -> bool:
    apart = [float(np.linalg.norm(a - b)) for a, b in combinations(named, 2)]
    if "together" in text:
        return max(apart) < 0.12
    if "nearer" in text:
        _, former, latter = apart
        return (former < latter) == ("former" in text)
    if len(named) == 2:
        return apart[0] > 0.14 if "far" in text else apart[0] < 0.09
    assert re.search("middle|center", text)
    return bool(abs(named[0][0]) < 0.07 and abs(named[0][1]) < 0.055)


def places_of(table: Table, count: int, seed: int) -> tuple[NDArray[np.uint8], Place]:
    """The same pictures with the simulator's word about where things are, (N, n, 2)."""
    shown = scenes(table, count, seed=seed, texts=LanguageTable(table).spec.instructions)
    return shown.observation[CAMERA], shown.landmarks[:, 4:].reshape(count, -1, 2).astype(float)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.id)
def test_captions_are_true_and_the_others_false(table: Table) -> None:
    robot = LanguageTable(table)
    assert isinstance(robot, ShowsCaptioned)
    told = robot.captioned(300, seed=5, captions=4)
    pictures, places = places_of(table, 300, 5)
    row = {picture.tobytes(): i for i, picture in enumerate(pictures)}
    assert len(told) > 290
    for n, picture in enumerate(told.observation[CAMERA]):
        here = places[row[picture.tobytes()]]
        for right, wrong in zip(told.caption[n], told.wrong[n], strict=True):
            assert plainly(told.texts[right], here, table.things), told.texts[right]
            assert not plainly(told.texts[wrong], here, table.things), told.texts[wrong]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.id)
def test_a_false_caption_is_one_word_away_and_models_read_it_whole(table: Table) -> None:
    sentences = sentences_of(table.things)
    for right, wrong in sentences.said:
        a, b = (sentences.texts[i].split() for i in (right, wrong))
        assert len(a) == len(b)
        assert sum(one != other for one, other in zip(a, b, strict=True)) == 1
    for text in sentences.texts:
        assert len(split_words(text)) <= 16


def test_words_alone_do_not_tell_true_from_false() -> None:
    """Who knows how often each sentence is the true one, and guesses by it, is hardly ever right."""
    told = LanguageTable(LANGUAGE_TABLE_4).captioned(6_000, seed=1, captions=4)
    votes = np.zeros(len(told.texts))
    np.add.at(votes, told.caption[:3_000].ravel(), 1)
    np.subtract.at(votes, told.wrong[:3_000].ravel(), 1)
    lead = votes[told.caption[3_000:]] - votes[told.wrong[3_000:]]
    assert float(np.mean((lead > 0) + 0.5 * (lead == 0))) < 0.56


def test_a_picture_is_told_about_in_many_ways() -> None:
    told = LanguageTable(LANGUAGE_TABLE_4).captioned(400, seed=2, captions=4)
    sentences = sentences_of(FOUR)
    kinds_said = np.repeat(sentences.kind, np.diff(sentences.first))
    kind_of = dict(zip(sentences.said[:, 0].tolist(), kinds_said.tolist(), strict=True))
    kinds = np.vectorize(kind_of.get)(told.caption)
    assert set(kinds.ravel()) == set(range(len(sentences.kinds)))
    assert np.mean([len(set(row)) == 4 for row in kinds]) > 0.95


def test_captions_follow_from_the_seed() -> None:
    robot = LanguageTable(LANGUAGE_TABLE_4)
    one, same, other = (robot.captioned(40, seed=seed, captions=3) for seed in (3, 3, 4))
    assert one.caption.shape == one.wrong.shape == (40, 3)
    assert np.array_equal(one.caption, same.caption)
    assert np.array_equal(one.wrong, same.wrong)
    assert np.array_equal(one.observation[CAMERA], same.observation[CAMERA])
    assert np.array_equal(one.before[CAMERA], same.before[CAMERA])
    assert not np.array_equal(one.caption, other.caption)


def test_nothing_is_said_where_nothing_is_certain() -> None:
    sentences = sentences_of(BANANA_TABLE.things)
    middle, corner = np.zeros((1, 2)), np.array([[0.15, 0.1]])
    rng = np.random.default_rng(0)
    _, _, told = choose(sentences, np.stack([middle, corner]), 2, rng)
    assert told.tolist() == [False, True]


def test_other_robots_have_no_captions() -> None:
    assert not isinstance(PointMass(), ShowsCaptioned)
