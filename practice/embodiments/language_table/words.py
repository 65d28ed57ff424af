"""Goals in words: many phrasings of each goal, and the way back from a text to its goal.

The phrasings follow the families of the public LanguageTable. The reader is freer than the writer: it
knows synonyms, takes "the star" where there is one star, and says which word it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import permutations

from models_store.errors import LearningError
from practice.embodiments.language_table.goals import DIRECTIONS, PLACES, Family, Goal
from practice.embodiments.language_table.things import Thing

BLOCK_TO_BLOCK = (
    "push the {x} to the {y}",
    "move the {x} to the {y}",
    "slide the {x} towards the {y}",
    "put the {x} next to the {y}",
    "bring the {x} close to the {y}",
    "push the {x} up against the {y}",
    "the {x} should touch the {y}",
    "nudge the {x} over to the {y}",
)
BLOCK_TO_ABSOLUTE = (
    "push the {x} to the {place} of the table",
    "move the {x} to the {place} of the table",
    "slide the {x} into the {place} of the board",
    "put the {x} at the {place} of the table",
    "bring the {x} to the {place}",
)
BLOCK_TO_RELATIVE = (
    "push the {x} {side} the {y}",
    "move the {x} {side} the {y}",
    "slide the {x} so that it is {side} the {y}",
    "put the {x} {side} the {y}",
)
SEPARATE = (
    "separate the {x} from the {y}",
    "pull the {x} apart from the {y}",
    "move the {x} away from the {y}",
    "push the {x} and the {y} apart",
)
PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "middle": ("middle", "center"),
    "top": ("top", "top edge"),
    "bottom": ("bottom", "bottom edge"),
    "left": ("left side", "left edge"),
    "right": ("right side", "right edge"),
    "top left": ("top left", "upper left corner"),
    "top right": ("top right", "upper right corner"),
    "bottom left": ("bottom left", "lower left corner"),
    "bottom right": ("bottom right", "lower right corner"),
}
SIDE_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("to the left of", "left of"),
    "right": ("to the right of", "right of"),
    "above": ("above", "to the top side of"),
    "below": ("below", "to the bottom side of"),
    "above left": ("to the top left of", "diagonally up and to the left of"),
    "above right": ("to the top right of", "diagonally up and to the right of"),
    "below left": ("to the bottom left of", "diagonally down and to the left of"),
    "below right": ("to the bottom right of", "diagonally down and to the right of"),
}
FAMILIES = tuple(Family)


def _words(text: str) -> list[str]:
    return text.split()


_SHAPES = {
    "moon": "moon", "crescent": "moon", "sickle": "moon",
    "cube": "cube", "square": "cube", "box": "cube",
    "star": "star",
    "pentagon": "pentagon",
    "banana": "banana",
}  # fmt: skip
_COLOURS = ("red", "blue", "green", "yellow")
_ANY_SHAPE = frozenset(_words("block one piece thing object shape"))
_ROW = {
    "top": "top", "upper": "top", "up": "top", "upwards": "top", "above": "top", "over": "top", "far": "top",
    "bottom": "bottom", "lower": "bottom", "down": "bottom", "downwards": "bottom", "below": "bottom",
    "under": "bottom", "beneath": "bottom", "near": "bottom",
}  # fmt: skip
_COLUMN = {"left": "left", "leftmost": "left", "right": "right", "rightmost": "right"}
_MIDDLE = frozenset(_words("middle center centre"))
_APART = frozenset(_words("separate apart away part split off detach"))
_FILLER = frozenset(
    _words(
        "push move slide put bring nudge pull place drag shove get take make let go please now the a an it is "
        "to towards toward next close near nearer closer by beside against into onto in on at of from with and so that "
        "should be touch touches touching until up over just side edge corner hand table board tabletop "
        "diagonally then robot arm can could you together join meet beside reach"
    )
)
_NEXT_TO = frozenset(_words("near over up"))
"""Words that name a direction in one phrase and none in another: "near the star", "over to"."""


def phrasings(goal: Goal) -> tuple[str, ...]:
    """Every text that is written for this goal."""
    if goal.family == Family.BLOCK_TO_BLOCK:
        texts = [t.format(x=goal.subject, y=goal.reference) for t in BLOCK_TO_BLOCK]
    elif goal.family == Family.SEPARATE:
        texts = [t.format(x=goal.subject, y=goal.reference) for t in SEPARATE]
    elif goal.family == Family.BLOCK_TO_ABSOLUTE:
        places = PLACE_WORDS[str(goal.where)]
        texts = [t.format(x=goal.subject, place=p) for p in places for t in BLOCK_TO_ABSOLUTE]
    else:
        sides = SIDE_WORDS[str(goal.where)]
        texts = [
            t.format(x=goal.subject, side=s, y=goal.reference)
            for s in sides
            for t in BLOCK_TO_RELATIVE
        ]
    return tuple(texts)


def all_goals(
    things: Sequence[Thing],
    families: Iterable[Family] = FAMILIES,
    subjects: Sequence[Thing] = (),
) -> tuple[Goal, ...]:
    """Every goal that these things allow; with `subjects`, only those that move one of them."""
    names, goals = [thing.name for thing in things], []
    for family in families:
        if family == Family.BLOCK_TO_ABSOLUTE:
            goals += [Goal(family, x, where=place) for x in names for place in PLACES]
        elif family == Family.BLOCK_TO_RELATIVE:
            goals += [Goal(family, x, y, d) for x, y in permutations(names, 2) for d in DIRECTIONS]
        else:
            goals += [Goal(family, x, y) for x, y in permutations(names, 2)]
    moved = {thing.name for thing in subjects or things}
    return tuple(goal for goal in goals if goal.subject in moved)


def all_texts(
    things: Sequence[Thing],
    families: Iterable[Family] = FAMILIES,
    subjects: Sequence[Thing] = (),
) -> tuple[str, ...]:
    """Every phrasing of every such goal."""
    goals = all_goals(things, families, subjects)
    return tuple(text for goal in goals for text in phrasings(goal))


@lru_cache(maxsize=4096)
def read_goal(text: str, things: tuple[Thing, ...]) -> Goal:
    """The goal that a text asks for.

    Raises:
        LearningError: it cannot be understood; says what is missing and gives an example.
    """
    return _Reader(text, things).goal()


class _Reader:
    """One text, word by word."""

    def __init__(self, text: str, things: tuple[Thing, ...]) -> None:
        self._text, self._things = text, things
        self._words = re.findall(r"[a-z]+", text.lower())
        self._mentions: list[str] = []
        self._between: list[list[str]] = [[]]
        """Words before the first thing, between the first and the second, ..."""

    def goal(self) -> Goal:
        """Read, or say what is wrong."""
        self._find_things()
        rest = [word for words in self._between for word in words]
        known = {*_FILLER, *_ROW, *_COLUMN, *_MIDDLE, *_APART}
        for word in rest:
            if word not in known:
                raise self._error(f"I do not know {word!r}")
        if not self._mentions:
            raise self._error("it names nothing that lies on this table")
        if len(self._mentions) > 2:
            raise self._error("it names more than two things")
        subject, *others = self._mentions
        if not others:
            return self._absolute(subject, rest)
        if others[0] == subject:
            raise self._error(f"it names the {subject} twice")
        if _APART.intersection(rest):
            return Goal(Family.SEPARATE, subject, others[0])
        return self._beside(subject, others[0])

    def _find_things(self) -> None:
        """Take the names of things out of the words."""
        colour: str | None = None
        for word in self._words:
            single = word[:-1] if word.endswith("s") and word[:-1] in _SHAPES else word
            if word in _COLOURS:
                if colour is not None:
                    self._name(colour, None)
                colour = word
            elif single in _SHAPES or (word in _ANY_SHAPE and colour is not None):
                shape = _SHAPES.get(single)
                # "the red moon block" is one thing, and so is "the moon block".
                self._name(colour, shape)
                colour = None
            elif word in _ANY_SHAPE and self._mentions and not self._between[-1]:
                continue
            else:
                if colour is not None:
                    self._name(colour, None)
                    colour = None
                self._between[-1].append(word)
        if colour is not None:
            self._name(colour, None)

    def _name(self, colour: str | None, shape: str | None) -> None:
        fitting = [
            thing.name
            for thing in self._things
            if (colour is None or thing.colour == colour or not thing.colour)
            and (shape is None or thing.shape.name == shape)
            and (shape is not None or thing.colour)
        ]
        said = " ".join(word for word in (colour, shape or "block") if word)
        if not fitting:
            raise self._error(f"there is no {said} on this table")
        if len(fitting) > 1:
            raise self._error(f"{said!r} may mean the {' or the '.join(fitting)}")
        self._mentions.append(fitting[0])
        self._between.append([])

    def _absolute(self, subject: str, words: list[str]) -> Goal:
        rows = [_ROW[w] for w in words if w in _ROW and w not in _NEXT_TO]
        if not rows and "up" in words:  # a direction only where nothing clearer is said
            rows = ["top"]
        columns = [_COLUMN[word] for word in words if word in _COLUMN]
        place = " ".join([*dict.fromkeys(rows), *dict.fromkeys(columns)])
        if not place and _MIDDLE.intersection(words):
            place = "middle"
        if place not in PLACES:
            raise self._error("it names one thing and no place of the table")
        return Goal(Family.BLOCK_TO_ABSOLUTE, subject, where=place)

    def _beside(self, subject: str, reference: str) -> Goal:
        words = self._between[1]
        sides = [_COLUMN[word] for word in words if word in _COLUMN]
        rows = [
            "above" if _ROW[word] == "top" else "below"
            for word in words
            if word in _ROW and (word not in _NEXT_TO or (word == "up" and sides))
        ]
        where = " ".join([*dict.fromkeys(rows), *dict.fromkeys(sides)])
        if not where:
            return Goal(Family.BLOCK_TO_BLOCK, subject, reference)
        if where not in DIRECTIONS:
            raise self._error("its directions contradict each other")
        return Goal(Family.BLOCK_TO_RELATIVE, subject, reference, where)

    def _error(self, why: str) -> LearningError:
        family = Family.BLOCK_TO_BLOCK if len(self._things) > 1 else Family.BLOCK_TO_ABSOLUTE
        example = phrasings(all_goals(self._things, (family,))[0])[0]
        names = ", ".join(f"the {thing.name}" for thing in self._things)
        return LearningError(
            f"Cannot understand the instruction {self._text!r}: {why}. "
            f'On the table: {names}. Try "{example}".'
        )
