"""Small models, what robots see, and a clock that tests set."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_store.checkpoint import EFMCheckpoint
from models_store.compact_spec import CompactSpec
from models_store.efm import EFM
from models_store.normalisation import Moments, Normalisation
from models_store.vlm import Vlm
from models_store.vlm_files import base_digest
from models_store.vlm_spec import VlmSpec
from practice.fleet.inference.answers import Answer
from practice.fleet.inference.queue import Rules
from practice.fleet.inference.server import InferenceServer
from practice.fleet.inference.thinking import Question, Thinker

TOP, STATE = "observation.images.top", "observation.state"
SPEC = CompactSpec(
    cameras={TOP: (16, 24, 3)},
    observation={STATE: 2},
    previous=(TOP,),
    action_low=(-0.03, -0.03),
    action_high=(0.03, 0.03),
    queries=4,
    channels=(4, 8, 8),
    policy_hidden=(16,),
    distance_hidden=(16,),
)
NORM = Normalisation({STATE: Moments((0.1, 0.2), (1.0, 2.0))}, Moments((0.0, 0.0), (0.01, 0.02)))
TEXT = "push the red moon"


def model(seed: int = 0, spec: CompactSpec = SPEC) -> EFM:
    """Untrained."""
    return EFMCheckpoint.new(spec, NORM, seed=seed).build()


def sight(seed: int, height: int = 16, width: int = 24) -> dict[str, NDArray[Any]]:
    """What one robot sees."""
    chance = np.random.default_rng(seed)
    picture = chance.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return {TOP: picture, STATE: chance.standard_normal(2).astype(np.float32)}


def episode(frames: int) -> dict[str, NDArray[Any]]:
    """What one robot sees in as many steps, name -> (T, ...)."""
    seen = [sight(frame) for frame in range(frames)]
    return {name: np.stack([one[name] for one in seen]) for name in seen[0]}


def vlm(base: Path, readout: str = "queries", *, seed: int = 0) -> Vlm:
    """A pretrained model of the same robot, its readout untrained."""
    spec = VlmSpec(
        base=str(base), base_digest=base_digest(str(base)), cameras={TOP: (16, 24, 3)}, previous=(TOP,),
        observation={STATE: 2}, action_low=(-0.03, -0.03), action_high=(0.03, 0.03), action_bins=16,
        steps_to_go_bins=11, lora_rank=2, readout=readout,
    )  # fmt: skip
    made = EFMCheckpoint.new(spec, NORM, seed=seed).build()
    assert isinstance(made, Vlm)
    return made


def asked(
    server: InferenceServer, robot: str, steps: int, *, text: str = TEXT, first: int = 0
) -> list[Answer]:
    """The answers to a robot that asks alone."""
    found = []
    for step in range(steps):
        future = server.ask(robot, sight(first + step), text, deadline_s=10.0)
        while not future.done():
            server.step()
        found.append(future.result())
    return found


@dataclass
class Clock:
    """Stands still but for tests."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


class Timed(Thinker):
    """Takes as long as it is told, and remembers who was in which batch."""

    def __init__(self, clock: Clock, seconds: Callable[[int], float], **given: Any) -> None:
        super().__init__(given.pop("policy", None) or model(), **given)
        self.clock, self.seconds = clock, seconds
        self.batches: list[list[str]] = []
        self.pieces: list[int] = []

    def act(self, questions: Sequence[Question]) -> list[Answer]:
        self.batches.append([one.robot for one in questions])
        self.clock.now += self.seconds(len(questions))
        return super().act(questions)

    def distances(
        self, observation: Any, instruction: str, first: int, last: int
    ) -> NDArray[np.float32]:
        self.pieces.append(last - first)
        self.clock.now += self.seconds(last - first)
        return super().distances(observation, instruction, first, last)


@dataclass
class World:
    """A server without a thread, its clock, and robots that ask it."""

    thinker: Timed
    server: InferenceServer
    asked: int = field(default=0)

    @property
    def clock(self) -> Clock:
        return self.thinker.clock

    def ask(self, robot: str, deadline_s: float = 0.1, **more: Any) -> Future[Answer]:
        """One question; each sees something else."""
        self.asked += 1
        return self.server.ask(robot, sight(self.asked), TEXT, deadline_s=deadline_s, **more)

    def together(self, robots: str) -> None:
        """These robots ask at once and are answered, so that they are present from now on."""
        answers = [self.ask(robot) for robot in robots]
        self.server.step()
        assert all(one.done() for one in answers), "nobody else was there"

    def run(self, until: float | None = None) -> None:
        """Do all that is due; with `until`, what becomes due until then as well."""
        while True:
            wait = self.server.step()
            if wait == 0.0:
                continue
            if until is None or wait is None or self.clock.now + wait > until:
                break
            self.clock.now = max(self.clock.now + wait, math.nextafter(self.clock.now, math.inf))
        self.clock.now = max(self.clock.now, until or 0.0)


def world(
    seconds: Callable[[int], float] = lambda _rows: 0.01,
    *,
    rules: Rules | None = None,
    seed: int = 0,
    **given: Any,
) -> World:
    """Computing takes `seconds(rows)` of the clock; who asks waits for others as long as deadlines allow."""
    clock = Clock()
    thinker = Timed(clock, seconds, **given)
    rules = rules or Rules(patience_s=math.inf)
    return World(thinker, InferenceServer(thinker, rules=rules, seed=seed, clock=clock))


def known(made: World, *sizes: int) -> World:
    """The server has seen how long batches of these sizes take; nobody is present any more."""
    for size in sizes:
        robots = [f"known-{number}" for number in range(size)]
        answers = [made.ask(robot, deadline_s=1_000.0) for robot in robots]
        made.server.step()
        assert all(one.done() for one in answers)
        for robot in robots:
            made.server.leave(robot)
    made.thinker.batches.clear()
    return made
