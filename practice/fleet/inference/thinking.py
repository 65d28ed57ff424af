"""From questions to answers: one forward of the policy, and of the judge where there is one.

What is seen is used as often as it may be. Where policy and judge see alike, they share one look; where they are
one model, one forward. Where a model sees each picture by itself (`GlancingEFM`), the newest picture of a robot is
looked at once, and what was seen of it is kept as that of a step before for the robot's next question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models_store.actions import ActionDistribution
from models_store.efm import EFM, SEEN, GlancingEFM, LookingEFM
from models_store.errors import LearningError
from models_store.instructions import Instructions
from models_store.steps_to_go import StepsToGo
from practice.fleet.drivers import tensors
from practice.fleet.inference.answers import Answer
from practice.fleet.inference.features import Feature, features_of
from practice.fleet.senses import PREVIOUS

_MOST_TEXTS = 256
"""Different instructions kept at hand."""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(eq=False, slots=True)
class Frame:
    """What a robot saw at one step, and what a model saw in that."""

    observation: Arrays
    """Name -> (...), of this robot alone."""

    glance: Tensor | None = None
    """(G,), as soon as somebody has looked."""

    eyes: object = None
    """Whose look it was."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What to do now?"""

    robot: str
    frame: Frame
    before: Frame
    """Of one step before; at an episode's first step the same one."""

    instruction: str
    seed: int
    """Of all chance in the answer."""


def seed_of(seed: int, robot: str, episode: int, number: int) -> int:
    """The chance in the answer to a robot's question of this number in an episode. It follows from these four alone: not
    from who shares the batch, nor from which earlier questions were answered in time.
    """
    told = f"{seed}\n{episode}\n{number}\n{robot}".encode()
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest())


def blank_question(features: Mapping[str, Feature]) -> Question:
    """Of a robot that sees nothing, to try out how long an answer takes."""
    frame = Frame({name: np.zeros(one.shape, one.dtype) for name, one in features.items()})
    return Question("", frame, frame, "wait", 0)


class Thinker:
    """A policy, and perhaps a judge, on one device."""

    def __init__(
        self,
        policy: EFM,
        judge: EFM | None = None,
        *,
        name: str = "policy",
        threshold: float | None = None,
        device: str = "cpu",
    ) -> None:
        """Models that are never trained while they are here; threshold: s, steps.

        Raises:
            LearningError: they read one feature in different shapes.
        """
        self.policy, self.judge = policy.eval(), None if judge is None else judge.eval()
        self.name, self.threshold, self.device = name, threshold, device
        specs = [policy.spec] if judge is None else [policy.spec, judge.spec]
        self.features: dict[str, Feature] = features_of(*specs)
        self._alike = (
            judge is not None and isinstance(policy, LookingEFM) and policy.looks_like(judge)
        )
        self._glances = isinstance(policy, GlancingEFM) and bool(policy.spec.previous)
        self._eyes = object()
        self._texts: dict[str, int] = {}

    def follow(self, older: Thinker) -> None:
        """Take over from another: what it has seen need not be looked at again, if this one sees alike.

        Raises:
            LearningError: its robots send something else, or move otherwise.
        """
        size, before = self.policy.spec.action_size, older.policy.spec.action_size
        if self.features != older.features or size != before:
            raise LearningError(
                f"The policy {self.name} reads other features or acts in another number of dimensions than {older.name}; "
                "serve it on its own."
            )
        if self._glances and older._glances and older.policy.looks_like(self.policy):
            self._eyes = older._eyes

    @torch.inference_mode()
    def act(self, questions: Sequence[Question]) -> list[Answer]:
        """Answers in the same order.

        Raises:
            LearningError: an instruction says nothing to the model.
        """
        answer, progress = self._think(questions)
        noise = [torch.Generator().manual_seed(one.seed) for one in questions]
        action, log_prob = (one.cpu().numpy() for one in answer.sample_and_log_prob(noise))
        told = [None] * len(questions) if progress is None else progress.mean.cpu().tolist()
        known = self.threshold is not None
        return [
            Answer(
                np.asarray(action[row], dtype=np.float32), float(log_prob[row]), distance,
                distance <= self.threshold if known and distance is not None else None, self.name,
            )
            for row, distance in enumerate(told)
        ]  # fmt: skip

    @torch.inference_mode()
    def distances(
        self, observation: Arrays, instruction: str, first: int, last: int
    ) -> NDArray[np.float32]:
        """d(o, g) of frames first to last of an episode whose frames are (T, ...); (last - first,) steps.

        Raises:
            LearningError: the instruction says nothing to the model.
        """
        judge = self.judge
        assert judge is not None, "labels are a judge's"
        rows = np.arange(first, last)
        earlier = np.maximum(rows - 1, 0)
        asked = Instructions.same(instruction, len(rows))
        if isinstance(judge, GlancingEFM) and judge.spec.previous:
            begin = int(earlier[0])
            part = {name: observation[name][begin:last] for name in judge.spec.inputs}
            seen = judge.glance(tensors(part, self.device))
            shown = {SEEN: judge.joined(seen[rows - begin], seen[earlier - begin])}
        else:
            part = {name: observation[name][first:last] for name in judge.spec.inputs}
            past = {name + PREVIOUS: observation[name][earlier] for name in judge.spec.previous}
            shown = tensors(part | past, self.device)
        return np.asarray(judge.steps_to_go(shown, asked).mean.cpu().numpy(), dtype=np.float32)

    def _think(self, questions: Sequence[Question]) -> tuple[ActionDistribution, StepsToGo | None]:
        policy, judge, asked = self.policy, self.judge, self._instructions(questions)
        shown = self._shown(questions, asked)
        if judge is None:
            return policy.policy(shown, asked), None
        if judge is policy:
            return policy.both(shown, asked)
        other = shown if self._alike else self._stacked(judge, questions)
        return policy.policy(shown, asked), judge.steps_to_go(other, asked)

    def _shown(self, questions: Sequence[Question], asked: Instructions) -> dict[str, Tensor]:
        """What the policy is given: what was seen already, as far as anybody else may use it."""
        policy = self.policy
        if self._glances:
            return {SEEN: self._joined(questions)}
        shown = self._stacked(policy, questions)
        if self._alike and self.judge is not policy:
            assert isinstance(policy, LookingEFM)
            return {SEEN: policy.look(shown, asked)}
        return shown

    def _joined(self, questions: Sequence[Question]) -> Tensor:
        """What is seen of each, (B, F), its newest picture looked at and that of a step before as a rule not again."""
        policy = self.policy
        assert isinstance(policy, GlancingEFM)
        frames = dict.fromkeys(one for asked in questions for one in (asked.frame, asked.before))
        new = [one for one in frames if one.glance is None or one.eyes is not self._eyes]
        if new:
            names = policy.spec.inputs
            together = {name: np.stack([one.observation[name] for one in new]) for name in names}
            for one, seen in zip(new, policy.glance(tensors(together, self.device)), strict=True):
                # A row of its own, or a robot long silent would keep a whole batch in memory.
                one.glance, one.eyes = seen.clone(), self._eyes
        now = torch.stack([_seen(asked.frame) for asked in questions])
        return policy.joined(now, torch.stack([_seen(asked.before) for asked in questions]))

    def _stacked(self, model: EFM, questions: Sequence[Question]) -> dict[str, Tensor]:
        """What a model reads of all of them."""
        spec = model.spec
        together = {
            name: np.stack([one.frame.observation[name] for one in questions])
            for name in spec.inputs
        } | {
            name + PREVIOUS: np.stack([one.before.observation[name] for one in questions])
            for name in spec.previous
        }
        return tensors(together, self.device)

    def _instructions(self, questions: Sequence[Question]) -> Instructions:
        """In one list of texts that seldom changes: models keep what they made of it."""
        wanted = dict.fromkeys(one.instruction for one in questions)
        if len(self._texts.keys() | wanted.keys()) > _MOST_TEXTS:
            self._texts = {}
        for text in wanted:
            self._texts.setdefault(text, len(self._texts))
        which = [self._texts[one.instruction] for one in questions]
        return Instructions(tuple(self._texts), np.array(which, dtype=np.int64))


def _seen(frame: Frame) -> Tensor:
    assert frame.glance is not None, "it was just looked at"
    return frame.glance
