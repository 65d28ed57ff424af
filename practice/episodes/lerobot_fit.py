"""How a dataset's features could stand for an embodiment's: for a page on which a person maps one to the other."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from practice.episodes import lerobot_format as fmt
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_format import Info

_ENDINGS = re.compile(r"[_-]?(camera|cam|image|img|rgb|view|color|colour)$")
"""What people put behind a camera's name."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One feature of the embodiment, and what the dataset has for it."""

    feature: str
    """The embodiment's name."""
    kind: Literal["camera", "numeric"]
    shape: tuple[int, ...]
    optional: bool
    """Whether it may be left out."""
    chosen: str
    """The dataset's feature, by the mapping or else by suggestion; "" when none is chosen."""
    candidates: tuple[str, ...]
    """The dataset's features of the right kind, those of the same shape first."""
    problem: str | None
    """Why the chosen one does not fit; None when it does, or when an optional one is left out."""
    note: str | None
    """What is changed about it, such as its size."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a dataset fits an embodiment, feature by feature."""

    choices: tuple[Choice, ...]
    """In the embodiment's order."""
    mapping: dict[str, str]
    """The chosen features where they have other names, and "" where an optional one is left out: fit for `Expectations.mapping`."""
    rate: str | None
    """How the rates differ; None when they do not."""
    any_rate: bool
    """Whether other rates will do."""

    @property
    def ok(self) -> bool:
        """Whether the dataset can be read with this mapping."""
        return (self.any_rate or not self.rate) and not any(c.problem for c in self.choices)


def fit(info: Info, expect: Expectations) -> Fit:
    """How the dataset of `info` fits `expect`: what `expect.mapping` names stays, the rest is suggested.

    A suggestion is the same name; else the only feature of that kind and shape; else the only one of that kind whose name
    differs in case, prefix or ending alone. Nothing is guessed among several, and nothing for what may be left out.
    """
    chosen = {**_suggested(info, expect), **expect.mapping}
    named = {name: chosen.get(name, "") for name in expect.features}
    mapped = replace(expect, mapping={n: source for n, source in named.items() if source != n})
    return Fit(
        choices=tuple(_choice(info, mapped, name) for name in expect.features),
        mapping=dict(mapped.mapping),
        rate=expect.rate_problem(info),
        any_rate=expect.any_rate,
    )


def _choice(info: Info, expect: Expectations, name: str) -> Choice:
    source, optional = expect.source(name), name in expect.optional
    candidates = _candidates(info, expect, name)
    note = None
    if source:
        problem = expect.problem(info, name)
        resized = None if problem else expect.resizing(info, name)
        note = resized[1] if resized else None
    else:
        problem = None if optional else f"nothing stands for {name!r}, which the embodiment needs"
        if problem and candidates:
            problem += f"; choose one of {', '.join(candidates)}"
    if problem and optional:
        problem, note = None, f"{problem}, so it is left out"
    shape = tuple(expect.features[name])
    return Choice(
        feature=name,
        kind="camera" if len(shape) == 3 else "numeric",
        shape=shape,
        optional=optional,
        chosen=source,
        candidates=candidates,
        problem=problem,
        note=note,
    )


def _candidates(info: Info, expect: Expectations, name: str) -> tuple[str, ...]:
    shape = tuple(expect.features[name])
    if len(shape) == 3:
        of_kind = list(info.pictures)
    elif name == fmt.ACTION:
        of_kind = [n for n in info.numeric if not n.startswith((fmt.OBSERVATION, "next."))]
    else:
        of_kind = [n for n in info.numeric if not n.startswith((fmt.ACTION, "next."))]
    return tuple(sorted(of_kind, key=lambda n: (info.features[n].array[0] != shape, n)))


def _suggested(info: Info, expect: Expectations) -> dict[str, str]:
    """The embodiment's feature -> the dataset's, where one is beyond doubt."""
    options = {name: _candidates(info, expect, name) for name in expect.features}
    found = {name: name for name, candidates in options.items() if name in candidates}
    taken = {*found.values(), *expect.mapping.values()}
    for same in (_same_shape, _same_name):
        wanted = {
            name: [c for c in candidates if c not in taken and same(info, expect, name, c)]
            for name, candidates in options.items()
            if name not in found and name not in expect.mapping and name not in expect.optional
        }
        asked = Counter(candidate for fitting in wanted.values() for candidate in fitting)
        for name, fitting in wanted.items():
            if len(fitting) == 1 and asked[fitting[0]] == 1:
                found[name] = fitting[0]
        taken |= {*found.values()}
    return found


def _same_shape(info: Info, expect: Expectations, name: str, candidate: str) -> bool:
    return info.features[candidate].array[0] == tuple(expect.features[name])


def _same_name(_: Info, __: Expectations, name: str, candidate: str) -> bool:
    return _bare(name) == _bare(candidate)


def _bare(name: str) -> str:
    """A name without its prefix, case and usual ending; itself when nothing else is left."""
    last = name.lower().rpartition(".")[2]
    return _ENDINGS.sub("", last) or last
