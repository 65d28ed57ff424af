"""Pictures of a table with sentences about it: true ones, and for each a false one that differs in a
single word.

The false one is a sentence that is true of other tables: its word is exchanged for one of its kind,
left for right or one thing for another, so that words alone do not give it away and one must look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Captioned
from practice.embodiments.language_table.facts import Fact, Places, all_facts
from practice.embodiments.language_table.play import scenes
from practice.embodiments.language_table.presets import CAMERA, Table, spec_of
from practice.embodiments.language_table.things import Thing
from practice.embodiments.language_table.words import PLACE_WORDS, SIDE_WORDS

_TEMPLATES = {
    "side": ("the {0} is {w} the {1}",),
    "diagonal": ("the {0} is {w} the {1}",),
    "near": ("the {0} is near the {1}", "the {0} lies close to the {1}"),
    "far": ("the {0} is far from the {1}", "the {0} lies far away from the {1}"),
    "nearer": ("of the {0} and the {1} the former is nearer the {2}",),
    "nearer not": ("of the {1} and the {0} the latter is nearer the {2}",),
    "edge": ("the {0} is at the {w} of the table", "the {0} is near the {w}"),
    "corner": ("the {0} is at the {w} of the table", "the {0} is near the {w}"),
    "middle": ("the {0} is at the {w} of the table", "the {0} is near the {w}"),
    "half": ("{c} in the {w} half of the table", "{c} in the {w} half"),
    "together": ("the {0} the {1} and the {2} are close together",),
}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_AT_ONCE = 256
"""Tables whose captions are chosen together; more would only take more memory."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """Everything that is said of a set of things, and which sentences make a pair."""

    texts: tuple[str, ...]
    facts: tuple[Fact, ...]
    right: NDArray[np.int64]
    """(E,) facts, E pairs of facts that some two sentences tell apart by one word."""

    wrong: NDArray[np.int64]
    """(E,) the other fact."""

    kind: NDArray[np.int64]
    """(E,) position in `kinds`"""

    first: NDArray[np.int64]
    """(E + 1,) where each pair's sentences begin in `said`."""

    said: NDArray[np.int64]
    """(S, 2) right and wrong sentence by their positions in `texts`."""

    kinds: tuple[str, ...]


@lru_cache(maxsize=8)
def sentences_of(things: tuple[Thing, ...]) -> Sentences:
    """The sentences about these things, the same ones every time."""
    facts = all_facts(len(things))
    texts: dict[str, int] = {}
    """Sentence -> the fact it states."""
    for number, fact in enumerate(facts):
        for text in _phrasings(fact, things):
            assert texts.setdefault(text, number) == number, f"{text!r} states two facts"
    pairs = defaultdict(list)
    for a, b in _pairs(tuple(texts)):
        facts_of = texts[a], texts[b]
        if _alike(*(facts[one] for one in facts_of)):
            pairs[facts_of].append((a, b))
    place = {text: i for i, text in enumerate(texts)}
    kinds = tuple(dict.fromkeys(fact.kind for fact in facts))
    lengths = [len(said) for said in pairs.values()]
    return Sentences(
        texts=tuple(texts),
        facts=facts,
        right=np.array([a for a, _ in pairs], dtype=np.int64),
        wrong=np.array([b for _, b in pairs], dtype=np.int64),
        kind=np.array([kinds.index(facts[a].kind) for a, _ in pairs], dtype=np.int64),
        first=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        said=np.array([(place[a], place[b]) for said in pairs.values() for a, b in said]),
        kinds=kinds,
    )


def choose(
    sentences: Sentences, places: Places, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """For each of N tables `count` true sentences and as many false ones, (N, count) each, by their
    positions in `texts`, of as many kinds as can be; and (N,) False where nothing can be said.
    """
    chosen = [
        _choose(sentences, places[i : i + _AT_ONCE], count, rng)
        for i in range(0, len(places), _AT_ONCE)
    ]
    told, edges = (np.concatenate(parts) for parts in zip(*chosen, strict=True))
    lengths = sentences.first[1:] - sentences.first[:-1]
    at = sentences.first[edges] + (rng.random(edges.shape) * lengths[edges]).astype(np.int64)
    said = sentences.said[at]
    return said[..., 0], said[..., 1], told


def captioned(table: Table, count: int, *, seed: int, captions: int) -> Captioned:
    """At most `count` pictures of random play; a table of which nothing certain can be said is left
    out, which happens where a single thing lies near a middle line.
    """
    # Goals decide how a table begins; they are not told.
    shown = scenes(table, count, seed=seed, texts=spec_of(table).instructions)
    places = shown.landmarks[:, 4:].reshape(len(shown), -1, 2).astype(np.float64)
    sentences = sentences_of(table.things)
    rng = np.random.default_rng((seed, count, captions))
    right, wrong, told = choose(sentences, places, captions, rng)
    return Captioned(
        observation={CAMERA: shown.observation[CAMERA][told]},
        before={CAMERA: shown.before[CAMERA][told]},
        texts=sentences.texts,
        caption=right[told],
        wrong=wrong[told],
    )


def _choose(
    sentences: Sentences, places: Places, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether anything can be said, (N,), and the pairs of facts to say it by, (N, count)."""
    verdicts = np.stack([fact.verdict(places) for fact in sentences.facts], axis=1)
    fits = (verdicts[:, sentences.right] == 1) & (verdicts[:, sentences.wrong] == -1)
    luck = np.where(fits, rng.random(fits.shape, dtype=np.float32), -1.0)
    kinds = [np.flatnonzero(sentences.kind == k) for k in range(len(sentences.kinds))]
    kinds = [members for members in kinds if len(members)]
    # Of each kind the luckiest pair, then the kinds in random order, those that fit first.
    best = np.stack([members[luck[:, members].argmax(axis=1)] for members in kinds], axis=1)
    there = np.take_along_axis(fits, best, axis=1)
    order = np.where(there, rng.random(best.shape), 2.0).argsort(axis=1)
    number = there.sum(axis=1)
    # Where there are fewer kinds than captions, some are told twice.
    turn = np.arange(count)[None] % np.maximum(number, 1)[:, None]
    return number > 0, np.take_along_axis(best, np.take_along_axis(order, turn, axis=1), axis=1)


def _alike(one: Fact, other: Fact) -> bool:
    """Whether one is as likely as the other before anybody looks: else the rarer kind of word would
    be the false one more often than not.
    """
    return one != other and (one.kind, one.count) == (other.kind, other.count)


def _phrasings(fact: Fact, things: tuple[Thing, ...]) -> tuple[str, ...]:
    """Every sentence that states this fact."""
    templates = _TEMPLATES[fact.kind] + _TEMPLATES.get(f"{fact.kind} not", ())
    verb = "thing is" if fact.count == 1 else "things are"
    words = SIDE_WORDS.get(fact.where, ()) if fact.kind in ("side", "diagonal") else ()
    words = words or (PLACE_WORDS[fact.where] if fact.kind in ("edge", "corner", "middle") else ())
    texts = (
        template.format(*names, w=word, c=f"{_NUMBERS[fact.count]} {verb}")
        for names in _names(fact, things)
        for template in templates
        for word in words or (fact.where,)
    )
    return tuple(dict.fromkeys(texts))


def _names(fact: Fact, things: tuple[Thing, ...]) -> Iterator[tuple[str, ...]]:
    """What its things can be called: all by their whole names, by colour, or by shape."""
    yield tuple(things[i].name for i in fact.things)
    for style in ("colour", "shape"):
        yield tuple(_short(things[i], things, style) for i in fact.things)


def _short(thing: Thing, things: tuple[Thing, ...], style: str) -> str:
    """The red block, or the moon, where there is one such thing; else its whole name."""
    if style == "colour":
        unique = sum(other.colour == thing.colour for other in things) == 1
        return f"{thing.colour} block" if unique and thing.colour else thing.name
    unique = sum(other.shape.name == thing.shape.name for other in things) == 1
    return thing.shape.name if unique else thing.name


def _pairs(texts: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """All ordered pairs that differ in exactly one word."""
    blanked = defaultdict(list)
    for text in texts:
        words = text.split()
        for i in range(len(words)):
            blanked[(*words[:i], "", *words[i + 1 :])].append(text)
    for group in blanked.values():
        yield from permutations(group, 2)
