"""The benchmark of the inference server: sixteen robots that ask at their own time, ten times a second each.

Robots are not threads: one thread asks for all of them by their timetables, as sockets do, so that what is
measured is the server. Models have random weights; policy and judge are one, answered by one forward.
"""

from __future__ import annotations

import math
import os
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from efmweb.benchmark.bases import size_named
from efmweb.benchmark.data_sets import made_up
from efmweb.benchmark.efm import EPISODES, ROBOT, ROBOTS, two_models
from models_store.efm import EFM
from practice.embodiments.registry import embodiment
from practice.fleet.inference.answers import Answer
from practice.fleet.inference.queue import Rules
from practice.fleet.inference.server import InferenceServer
from practice.fleet.inference.thinking import Thinker
from practice.learning.data import Demonstrations

PERIOD = 0.1
"""Seconds between two questions of a robot, and the deadline of each."""

SLOW = 2.5
"""Periods between two questions of the robot that is late."""

PLAIN = Rules(period_s=PERIOD)
EAGER = Rules(period_s=PERIOD, patience_s=0.0)
GATHER = Rules(period_s=PERIOD, patience_s=math.inf)

Seen = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    answers: int = 400
    """Of robots that ask again at once."""

    seconds: float = 8.0
    """Of robots that keep to their timetables, each time."""


QUICK = Effort(answers=100, seconds=2.0)


@dataclass
class Heard:
    """How the questions of some robots went."""

    latency: list[float] = field(default_factory=list)
    """Seconds, of those answered in time."""

    lost: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def listen(self, future: Future[Answer], asked: float) -> None:
        """Hear how this one goes."""

        def done(found: Future[Answer]) -> None:
            with self.lock:
                if found.exception() is None:
                    self.latency.append(time.monotonic() - asked)
                else:
                    self.lost += 1

        future.add_done_callback(done)

    def figures(self, prefix: str) -> dict[str, float]:
        """Milliseconds, and the share that was late or lost."""
        p50, p95 = np.percentile(self.latency or [0.0], (50, 95)) * 1_000
        share = self.lost / max(self.lost + len(self.latency), 1)
        return {
            f"{prefix}p50_ms": float(p50),
            f"{prefix}p95_ms": float(p95),
            f"{prefix}late_share": share,
        }


def inference(
    *,
    size: str = "tiny",
    quick: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        size: of the pretrained model, one of `bases.SIZES`.
        quick: one short round.
        progress: told how far it is.

    Returns:
        {"figures": {name: number}, "bars": []}

    Raises:
        LearningError: there is no such size.
    """
    size_named(size)
    tell = progress or (lambda _text, _share: None)
    effort, device = QUICK if quick else Effort(), "cuda" if torch.cuda.is_available() else "cpu"
    spec = embodiment(ROBOT).spec
    data = Demonstrations.from_episodes(list(made_up(spec, EPISODES)))
    figures = {"load_average": os.getloadavg()[0], "cores": float(os.cpu_count() or 1)}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, model, _) in enumerate(two_models(size, spec, data, Path(folder))):
            tell(name, number / 2)
            model.to(device).set_precision("auto")  # by what it is on
            found = measure(model, data.instructions[0], device, effort)
            figures |= {f"{name}_{key}": value for key, value in found.items()}
    return {"figures": figures, "bars": []}


def measure(model: EFM, text: str, device: str, effort: Effort) -> dict[str, float]:
    """One robot, all of them as fast as they can, by their timetables, and with one that is late."""
    thinker = Thinker(model, model, device=device)
    chance = np.random.default_rng(0)
    views = [_view(thinker, chance) for _ in range(ROBOTS)]
    one = _flat_out(thinker, views[:1], text, effort.answers)
    many = _flat_out(thinker, views, text, effort.answers)
    figures = {"one_samples_per_s": one, "samples_per_s": many, "ratio_one": many / one}
    for prefix, rules in (("", PLAIN), ("eager_", EAGER), ("gather_", GATHER)):
        everybody, _, batch = _paced(thinker, rules, views, text, effort.seconds)
        figures |= everybody.figures(prefix) | {f"{prefix}batch": batch}
    others, _, _ = _paced(thinker, PLAIN, views, text, effort.seconds, late=True)
    return figures | others.figures("beside_a_late_one_")


def _view(thinker: Thinker, chance: np.random.Generator) -> Seen:
    """Something to see."""
    return {
        name: chance.integers(0, 256, one.shape, dtype=np.uint8)
        if one.dtype == "uint8"
        else chance.standard_normal(one.shape).astype(np.float32)
        for name, one in thinker.features.items()
    }


def _flat_out(thinker: Thinker, views: list[Seen], text: str, answers: int) -> float:
    """Answers per second of robots that ask again as soon as they are answered."""
    done, count, lock = threading.Event(), 0, threading.Lock()
    with _begun(thinker, EAGER) as server:

        def again(robot: int) -> None:
            future = server.ask(str(robot), views[robot], text, deadline_s=60.0)
            future.add_done_callback(lambda _: answered(robot))

        def answered(robot: int) -> None:
            nonlocal count
            with lock:
                count += 1
                enough = count >= answers
            if enough:
                done.set()
            elif not done.is_set():
                again(robot)

        began = time.monotonic()
        for robot in range(len(views)):
            again(robot)
        done.wait()
        taken = time.monotonic() - began
    return answers / taken


def _paced(
    thinker: Thinker,
    rules: Rules,
    views: list[Seen],
    text: str,
    seconds: float,
    *,
    late: bool = False,
) -> tuple[Heard, Heard, float]:
    """How it went for the others, for the one that may be late, and the mean batch."""
    chance = np.random.default_rng(1)
    periods = np.full(len(views), PERIOD)
    periods[0] *= SLOW if late else 1.0
    times = [
        (float(at), robot)
        for robot, period in enumerate(periods)
        for at in np.arange(chance.uniform(0, period), seconds, period)
    ]
    others, first = Heard(), Heard()
    with _begun(thinker, rules) as server:
        began = time.monotonic()
        for at, robot in sorted(times):
            time.sleep(max(began + at - time.monotonic(), 0.0))
            asked = time.monotonic()
            future = server.ask(str(robot), views[robot], text, deadline_s=PERIOD)
            (first if late and robot == 0 else others).listen(future, asked)
        time.sleep(2 * PERIOD)
        batch = server.statistics().mean_batch
    return others, first, batch


def _begun(thinker: Thinker, rules: Rules) -> InferenceServer:
    """A server that knows how long batches take."""
    server = InferenceServer(thinker, rules=rules)
    server.warm_up()
    return server
