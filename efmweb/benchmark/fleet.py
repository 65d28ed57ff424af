"""The fleet benchmark: robot steps per second with pictures and a policy in the loop.

Our fleet, the same robots under Gymnasium's AsyncVectorEnv, one environment at a time, and what the
machine could do at best: cores / (CPU-seconds per step of physics + drawing + inference, each
measured alone, in batches). They take turns for a few seconds each, so that other work on the
machine hits all of them; ratios are taken turn by turn, and medians reported.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import cycle
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from efmweb.benchmark.racers import GymnasiumFleet, OneEnvironment, OurFleet, Racer, new_policy
from models_store.efm import EFM
from models_store.instructions import Instructions
from practice.embodiments.language_table.fleet import LanguageTableFleet
from practice.embodiments.language_table.presets import LANGUAGE_TABLE
from practice.embodiments.registry import embodiment
from practice.fleet.drivers import PolicyDriver
from practice.fleet.pool import available_cores, end_idle_workers
from practice.fleet.senses import PREVIOUS

ROBOTS = 256
GYMNASIUM_ROBOTS = (8, 16)
"""Processes of the AsyncVectorEnv: the better of the two counts."""

ALONE = 64
"""Robots while each part is measured alone."""

ROUNDS, SECONDS = 5, 2.0
LIMITS = {"ratio_async_vector_env": 2.0, "ratio_limit": 0.8, "render_fps": 4_000.0}
"""Figure -> what it must reach."""

Progress = Callable[[str, float], None]


def fleet(*, progress: Progress | None = None) -> dict[str, Any]:
    """Run the benchmark.

    Returns:
        {"figures": {name: number}, "bars": [{"name", "value", "limit", "holds"}]}
    """
    tell = progress or (lambda _text, _share: None)
    threads, load = torch.get_num_threads(), os.getloadavg()[0]
    torch.set_num_threads(1)  # of every process; fleets think in threads of their own
    robot = embodiment(LANGUAGE_TABLE.id)
    model, cores = new_policy(robot.spec), available_cores()
    rounds: list[dict[str, float]] = []
    try:
        with ExitStack() as stack:
            racers = _racers(stack, robot, model, cores, tell)
            costs = Costs(model)
            for number in range(ROUNDS):
                tell(f"Round {number + 1} of {ROUNDS}", 0.3 + 0.7 * number / ROUNDS)
                speeds = {name: racer.run(SECONDS) for name, racer in racers.items()}
                rounds.append(speeds | costs.measure())
    finally:
        end_idle_workers()
        torch.set_num_threads(threads)
    figures = _figures(rounds, cores) | {"robots": float(ROBOTS), "load_average": load}
    bars = [
        {"name": name, "value": figures[name], "limit": limit, "holds": figures[name] >= limit}
        for name, limit in LIMITS.items()
    ]
    return {"figures": figures, "bars": bars}


def _racers(
    stack: ExitStack, robot: Any, model: EFM, cores: int, tell: Progress
) -> dict[str, Racer]:
    """All of them, started; Gymnasium's processes first, before anything is drawn here."""
    racers: dict[str, Racer] = {}
    for count in GYMNASIUM_ROBOTS:
        tell(f"Starting {count} processes of AsyncVectorEnv", 0.0)
        racers[f"async_{count}"] = stack.enter_context(
            closing(GymnasiumFleet(robot.spec, model, count))
        )
    tell("Starting our fleet", 0.2)
    racers["ours"] = stack.enter_context(closing(OurFleet(robot, model, ROBOTS, cores)))
    racers["one"] = stack.enter_context(closing(OneEnvironment(robot.spec, model)))
    return racers


class Costs:
    """CPU-seconds of each part of a step, on one core with nothing else in the way."""

    def __init__(self, model: EFM) -> None:
        """A fleet in this process, with the camera taken out, and the camera."""
        spec, table = embodiment(LANGUAGE_TABLE.id).spec, LANGUAGE_TABLE
        rng = np.random.default_rng(0)
        self._blind, self._seeing = _Blind(table, ALONE), _Seeing(table, ALONE)
        square = replace(table, height=96, width=96, supersample=1)
        self._square = _Seeing(square, ALONE)
        seeds = rng.integers(2**62, size=ALONE).astype(np.uint64)
        texts = [spec.instructions[i] for i in rng.integers(len(spec.instructions), size=ALONE)]
        for sim in (self._blind, self._seeing, self._square):
            sim.reset(np.arange(ALONE), seeds, texts)
        seen = self._seeing.reset(np.arange(ALONE), seeds, texts)
        self._action = cycle(rng.uniform(spec.action.low, spec.action.high, (50, ALONE, 2)))
        self._driver = PolicyDriver(model, torch.Generator().manual_seed(0))
        self._seen = seen | {name + PREVIOUS: seen[name] for name in spec.cameras}
        self._texts = Instructions(spec.instructions, np.arange(ALONE) % len(spec.instructions))

    def measure(self) -> dict[str, float]:
        """CPU-seconds per robot and step, and the frames per second of a 96 x 96 camera."""
        return {
            "physics": _cpu(lambda: self._blind.step(next(self._action))) / ALONE,
            "drawing": _cpu(self._seeing.draw) / ALONE,
            "inference": min(self._inference(size) for size in (ALONE // 4, ALONE // 2, ALONE)),
            "frame_96": _cpu(self._square.draw) / ALONE,
        }

    def _inference(self, size: int) -> float:
        """Per row of a batch of this size."""
        rows = np.arange(size)
        seen = {name: values[:size] for name, values in self._seen.items()}
        texts = self._texts.rows(rows)
        return _cpu(lambda: self._driver.act(seen, texts, rows)) / size


class _Seeing(LanguageTableFleet):
    """The simulator, asked for pictures alone."""

    def draw(self) -> None:
        """A picture of every robot."""
        table, poses = self._table, self._physics[:, 1 : 1 + self._nq]
        pictures = np.empty((len(poses), table.height, table.width, 3), dtype=np.uint8)
        self._camera.draw(poses, pictures)


class _NoCamera:
    def draw(self, qpos: NDArray[np.float64], out: NDArray[np.uint8]) -> None:
        """Leave the pictures as they are."""


class _Blind(LanguageTableFleet):
    """The simulator without its eyes."""

    _camera = _NoCamera()  # type: ignore[assignment]


def _cpu(work: Callable[[], Any]) -> float:
    """CPU-seconds of one call, over a quarter of a second or more."""
    work()
    began, calls = time.process_time(), 0
    while (spent := time.process_time() - began) < 0.25:
        work()
        calls += 1
    return spent / calls


def _figures(rounds: list[dict[str, float]], cores: int) -> dict[str, float]:
    """Medians over the rounds, ratios taken within each."""

    def over(figure: Callable[[dict[str, float]], float]) -> float:
        return median(figure(found) for found in rounds)

    def asynchronous(found: dict[str, float]) -> float:
        return max(found[f"async_{count}"] for count in GYMNASIUM_ROBOTS)

    def limit(found: dict[str, float]) -> float:
        return cores / (found["physics"] + found["drawing"] + found["inference"])

    return {
        "env_steps_per_s": over(lambda found: found["ours"]),
        "ratio_async_vector_env": over(lambda found: found["ours"] / asynchronous(found)),
        "ratio_one_env": over(lambda found: found["ours"] / found["one"]),
        "ratio_limit": over(lambda found: found["ours"] / limit(found)),
        "render_fps": over(lambda found: 1.0 / found["frame_96"]),
        "inference_per_s": over(lambda found: 1.0 / found["inference"]),
        "physics_per_s": over(lambda found: 1.0 / found["physics"]),
        "drawing_per_s": over(lambda found: 1.0 / found["drawing"]),
        "async_env_steps_per_s": over(asynchronous),
        "one_env_steps_per_s": over(lambda found: found["one"]),
        "limit_env_steps_per_s": over(limit),
        "cores": float(cores),
    }
