"""Demonstrations on the training device: batches, mirrored where asked, and the losses over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from models_store.efm import EFM, SEEN, LookingEFM
from models_store.instructions import Instructions
from models_store.words import mirrored
from practice.embodiments.spec import Mirror, is_camera
from practice.fleet.drivers import tensors
from practice.fleet.senses import PREVIOUS
from practice.learning.data import Demonstrations
from practice.learning.gathering import Pictures

_AT_ONCE = 512
"""Rows per look; the activations of many more would not fit a small machine."""

_BYTES_AT_ONCE = 32 << 20
"""Of pictures in one look: of large ones fewer rows are taken."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """B rows, ready for a model."""

    observation: dict[str, Tensor]
    action: Tensor
    acted: Tensor
    steps_to_go: Tensor
    instructions: Instructions
    moments: tuple[dict[str, Tensor], ...] = ()
    """What is to tell the instruction, observations of B rows each: the first and the last of the row's episode;
    empty where nothing is asked about it.
    """

    @property
    def counts(self) -> Tensor:
        """(2,): rows that teach an action, and all rows."""
        rows = self.acted.new_tensor(len(self.action), dtype=torch.float32)
        return torch.stack([self.acted.sum().to(torch.float32), rows])

    def losses(self, model: EFM, whole: Tensor | None = None) -> Tensor:
        """(2,): L_BC and L_stg, nats, means over the rows; or, of a part, its share of the means over the
        whole that has these `counts`. (3,) with L_ins, nats per token, where there are moments to tell it from.
        """
        acted, rows = self.counts if whole is None else whole
        likelihood, progress = model.score(self.observation, self.instructions, self.action)
        cloning = -(likelihood * self.acted).sum() / acted.clamp(min=1)
        share = len(self.action) / rows
        losses = [cloning, progress.loss(self.steps_to_go) * share]
        if self.moments:
            told = model.instruction_loss(self.moments, self.instructions)
            losses.append(told.mean() * share)
        return torch.stack(losses)

    def parts(self, count: int) -> list[Lesson]:
        """The same rows in so many equal parts."""
        if count == 1:
            return [self]
        return [_picked(self, rows) for rows in torch.arange(len(self.action)).chunk(count)]


class Rows:
    """All rows of some demonstrations; pictures stay bytes until a batch needs them."""

    def __init__(
        self,
        data: Demonstrations,
        device: str,
        *,
        inputs: tuple[str, ...],
        previous: tuple[str, ...] = (),
        arrival: str = "success",
        mirror: Mirror | None = None,
        moments: bool = False,
    ) -> None:
        """Only `inputs` are kept. With a mirror, the first half of every batch is seen in it. `moments`: whether
        lessons hold those of their episodes.
        """
        cameras = [name for name in inputs if is_camera(name)]
        self._pictures = Pictures(data, cameras, previous, device)
        numbers = {name: data.observation[name] for name in inputs if name not in cameras}
        self._numbers, self._mirror = tensors(numbers, device), mirror
        self._action = torch.from_numpy(data.action).to(device)
        self._acted = torch.from_numpy(data.acted).to(device)
        steps = data.steps_to_end if arrival == "end" else data.steps_to_go
        self._steps_to_go = torch.from_numpy(steps).to(device)
        texts, self._other = data.instructions, len(data.instructions)
        if mirror is not None:
            swaps = tuple(sorted(mirror.words.items()))
            texts += tuple(mirrored(text, swaps) for text in texts)
            self._signs = {
                name: torch.tensor(signs, dtype=torch.float32, device=device)
                for name, signs in mirror.signs.items()
            }
        self._instructions = Instructions(texts, data.instruction)
        self.moments = tuple(map(torch.from_numpy, data.ends)) if moments else ()
        """(N,) each, on the CPU: the rows of the moments that belong to each row."""

    def __len__(self) -> int:
        """N"""
        return len(self._action)

    @property
    def sides(self) -> int:
        """2 where there is a mirror, else 1."""
        return 1 if self._mirror is None else 2

    def at_once(self, most: int) -> int:
        """How many rows to look at together: at most `most`, and fewer where pictures are large."""
        return max(1, min(most, _BYTES_AT_ONCE // max(1, self._pictures.row_bytes)))

    def lessons(self, picked: Tensor) -> Iterator[Lesson]:
        """One lesson for each row of `picked`, (count, B) on the CPU. What has to come from disk is read while a
        model learns from the lesson before.
        """
        for number, rows in enumerate(picked):
            for following in picked[number + 1 : number + 2]:
                ends = (rows_of[following] for rows_of in self.moments)
                self._pictures.expect(torch.cat([following, *ends]))
            yield self.lesson(rows)

    def lesson(self, rows: Tensor, mirrored: int | None = None, *, moments: bool = True) -> Lesson:
        """These rows, (B,) on the CPU; the first half in the mirror, or the first `mirrored`. Without their
        moments where nobody asks for them.
        """
        here = rows.to(self._action.device)
        numbers = {name: values[here] for name, values in self._numbers.items()}
        lesson = Lesson(
            numbers | self._pictures.at(rows),
            self._action[here],
            self._acted[here],
            self._steps_to_go[here],
            self._instructions.rows(rows.numpy()),
            tuple(self._pictures.at(end[rows], newest=True) for end in self.moments if moments),
        )
        if self._mirror is None:
            return lesson
        # Which rows stand in the first half is chance already.
        half = len(rows) // 2 if mirrored is None else mirrored
        return self._in_mirror(lesson, self._mirror, half)

    def _in_mirror(self, lesson: Lesson, mirror: Mirror, half: int) -> Lesson:
        """The same with its first `half` rows mirrored."""

        def seen(observation: dict[str, Tensor]) -> dict[str, Tensor]:
            return {
                name: self._flipped(name, values, mirror, half)
                for name, values in observation.items()
            }

        action = lesson.action
        if "action" in self._signs:
            action = torch.cat([action[:half] * self._signs["action"], action[half:]])
        index = lesson.instructions.index + self._other * (np.arange(len(action)) < half)
        instructions = Instructions(lesson.instructions.texts, index)
        return Lesson(
            seen(lesson.observation), action, lesson.acted, lesson.steps_to_go, instructions,
            tuple(seen(moment) for moment in lesson.moments),
        )  # fmt: skip

    def _flipped(self, name: str, values: Tensor, mirror: Mirror, half: int) -> Tensor:
        """What is observed under this name, its first `half` rows in the mirror."""
        if name.removesuffix(PREVIOUS) in mirror.cameras:
            return torch.cat([values[:half].flip(2), values[half:]])
        if name in self._signs:
            return torch.cat([values[:half] * self._signs[name], values[half:]])
        return values


class Looked:
    """Rows that a model which does not learn to see has looked at, each once, on each side of the
    mirror. Batches are those of `Rows`, and cost a fraction.
    """

    def __init__(self, rows: Rows) -> None:
        """Nothing is looked at yet."""
        self._rows = rows
        self._parts: list[list[Lesson]] = [[] for _ in range(rows.sides)]
        self._sides: list[Lesson] = []
        self.done = 0
        """Rows looked at."""

    @property
    def finished(self) -> bool:
        """Whether batches can be made."""
        return bool(self._sides)

    @property
    def seen(self) -> Tensor:
        """(sides N, F): everything, once all is looked at."""
        return torch.cat([side.observation[SEEN] for side in self._sides])

    @torch.no_grad()
    def look(self, model: LookingEFM, count: int) -> None:
        """Look at the next `count` rows."""
        end = min(self.done + count, len(self._rows))
        size = self._rows.at_once(_AT_ONCE)
        for first in range(self.done, end, size):
            rows = torch.arange(first, min(first + size, end))
            for side, parts in enumerate(self._parts):
                lesson = self._rows.lesson(rows, mirrored=side * len(rows), moments=False)
                seen = model.look(lesson.observation, lesson.instructions)
                parts.append(replace(lesson, observation={SEEN: seen}))
        self.done = end
        if end == len(self._rows):
            self._sides = [_joined(parts) for parts in self._parts]
            self._parts = []

    def lessons(self, picked: Tensor) -> Iterator[Lesson]:
        """As `Rows.lessons`."""
        return map(self.lesson, picked)

    def lesson(self, rows: Tensor) -> Lesson:
        """As `Rows.lesson`, with what was seen in place of what there is to see."""
        if len(self._sides) == 1:
            return self._of(self._sides[0], rows)
        half = len(rows) // 2
        plain, mirrored = self._sides
        return _joined([self._of(mirrored, rows[:half]), self._of(plain, rows[half:])])

    def _of(self, side: Lesson, rows: Tensor) -> Lesson:
        """These rows, (B,) on the CPU, with their moments, which are rows themselves."""
        seen = side.observation[SEEN]
        moments = tuple({SEEN: seen[end[rows].to(seen.device)]} for end in self._rows.moments)
        return replace(_picked(side, rows.to(seen.device)), moments=moments)


def _picked(lesson: Lesson, rows: Tensor) -> Lesson:
    def of(observation: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: values[rows] for name, values in observation.items()}

    return Lesson(
        of(lesson.observation),
        lesson.action[rows],
        lesson.acted[rows],
        lesson.steps_to_go[rows],
        lesson.instructions.rows(rows.cpu().numpy()),
        tuple(of(moment) for moment in lesson.moments),
    )


def _joined(lessons: list[Lesson]) -> Lesson:
    def of(observations: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
        return {SEEN: torch.cat([one[SEEN] for one in observations])}

    return Lesson(
        of(lesson.observation for lesson in lessons),
        torch.cat([lesson.action for lesson in lessons]),
        torch.cat([lesson.acted for lesson in lessons]),
        torch.cat([lesson.steps_to_go for lesson in lessons]),
        Instructions(
            lessons[0].instructions.texts,
            np.concatenate([lesson.instructions.index for lesson in lessons]),
        ),
        tuple(of(same) for same in zip(*(lesson.moments for lesson in lessons), strict=True)),
    )
