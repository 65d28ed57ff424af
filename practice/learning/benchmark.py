"""The point-mass benchmark: both stages from nothing, judged on fresh episodes by true success.

For each seed: make demonstrations, Stage 1, then Stage 2 twice from the same checkpoints, once
ended by true success and once by the detector alone. One thread, no database. `seconds` holds
demonstrations and both stages with their own evaluations, not the final judgement; `cpu_seconds`
is the same on the processor's clock, which other programs on the machine disturb less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from models_store.checkpoint import EFMCheckpoint
from practice.embodiments.interface import Embodiment
from practice.embodiments.registry import embodiment
from practice.fleet.demonstrations import make_demonstrations
from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.evaluation import Evaluation
from practice.learning.presets import presets
from practice.learning.self_improvement import SelfImprovement
from practice.learning.sft import SFT
from practice.learning.types import TaskFacts, Work

DEMONSTRATIONS = 10_000
JUDGED_EPISODES = 2_048

Progress = Callable[[str, float], None]
"""Called with a sentence and the share done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure and what it must not pass."""

    name: str
    limit: float
    at_least: bool

    def check(self, figures: dict[str, float]) -> dict[str, Any]:
        """The bar as it is printed."""
        value = figures[self.name]
        holds = value >= self.limit if self.at_least else value <= self.limit
        return {"name": self.name, "value": value, "limit": self.limit, "holds": holds}


BARS = (
    Bar("success", 0.995, at_least=True),
    Bar("mean_steps", 12.5, at_least=False),
    Bar("seconds", 8.0, at_least=False),
    Bar("min_success", 0.99, at_least=True),
    Bar("detector_success", 0.995, at_least=True),
    Bar("detector_mean_steps", 14.0, at_least=False),
    Bar("detector_seconds", 12.0, at_least=False),
    Bar("detector_min_success", 0.99, at_least=True),
)


def pointmass(
    seeds: int = 5, *, first_seed: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        seeds: how many training seeds; figures are medians over them, min_... the worst.
        first_seed: the first of them.
        progress: told how far it is.

    Returns:
        {"figures": {name: number}, "bars": [{"name", "value", "limit", "holds"}],
        "seeds": [{name: number}, ...]}
    """
    rows: list[dict[str, float]] = []
    with _one_thread():
        for i in range(seeds):
            rows.append(run_seed(first_seed + i))
            if progress is not None:
                progress(_sentence(first_seed + i, rows[-1]), (i + 1) / seeds)
    figures = {name: float(median(row[name] for row in rows)) for name in rows[0]}
    for prefix in ("stage1_", "", "detector_"):
        figures[f"{prefix}min_success"] = min(row[f"{prefix}success"] for row in rows)
    return {"figures": figures, "bars": [bar.check(figures) for bar in BARS], "seeds": rows}


def run_seed(seed: int) -> dict[str, float]:
    """All figures of one training seed."""
    robot = embodiment("point-mass")
    sft_config, practice_config = fast_configs(seed)
    started, cpu = time.perf_counter(), time.process_time()
    episodes = make_demonstrations(robot, DEMONSTRATIONS, seed=seed)
    demonstrations = Demonstrations.from_episodes(episodes)
    del episodes
    prepared = time.perf_counter()
    sft = SFT(sft_config, demonstrations, robot.spec)
    _finish(sft)
    stage1 = sft.checkpoints()
    demos_seconds, stage1_seconds = prepared - started, time.perf_counter() - prepared
    shared_cpu = time.process_time() - cpu
    figures = {"demos_seconds": demos_seconds, "stage1_seconds": stage1_seconds}
    figures |= _judged("stage1_", stage1["policy"], stage1["reward"], robot)
    for prefix, terminate_on in (("", "success"), ("detector_", "detector")):
        config = practice_config.replace(terminate_on=terminate_on)
        figures |= _stage2(prefix, config, stage1, robot)
        figures[f"{prefix}seconds"] = (
            demos_seconds + stage1_seconds + figures[f"{prefix}stage2_seconds"]
        )
        figures[f"{prefix}cpu_seconds"] += shared_cpu
    return figures


def fast_configs(seed: int) -> tuple[SFTConfig, PracticeConfig]:
    """What is measured: the presets named fast."""
    sft = presets("sft", "point-mass")["fast"].config
    practice = presets("practice", "point-mass")["fast"].config
    assert isinstance(sft, SFTConfig)
    assert isinstance(practice, PracticeConfig)
    return sft.replace(seed=seed), practice.replace(seed=seed)


def _stage2(
    prefix: str, config: PracticeConfig, stage1: dict[str, EFMCheckpoint], robot: Embodiment
) -> dict[str, float]:
    started, cpu = time.perf_counter(), time.process_time()
    run = SelfImprovement(
        config,
        stage1["policy"],
        stage1["reward"],
        robot,
        task=TaskFacts.of(robot.spec),
        collect=False,
    )
    _finish(run)
    best = run.checkpoints()["policy"]
    seconds = time.perf_counter() - started
    result = run.result()
    return {
        f"{prefix}stage2_seconds": seconds,
        f"{prefix}cpu_seconds": time.process_time() - cpu,
        f"{prefix}env_steps": float(result["env_steps"]),
        f"{prefix}episodes": float(result["episodes"]),
        **_judged(prefix, best, stage1["reward"], robot),
    }


def _judged(
    prefix: str, policy: EFMCheckpoint, reward: EFMCheckpoint, robot: Embodiment
) -> dict[str, float]:
    """Sampled actions, true success, seeds that neither training nor selection has seen."""
    config = EvaluationConfig(episodes=JUDGED_EPISODES, num_robots=JUDGED_EPISODES)
    run = Evaluation(config, policy, reward, robot, task=TaskFacts.of(robot.spec), collect=False)
    _finish(run)
    result = run.result()
    return {f"{prefix}{name}": float(result[name]) for name in ("success", "mean_steps")}


def _finish(work: Work) -> None:
    while not work.finished:
        work.step()


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _sentence(seed: int, row: dict[str, float]) -> str:
    return (
        f"Seed {seed}: {100 * row['success']:.1f} %, {row['mean_steps']:.1f} steps in "
        f"{row['seconds']:.1f} s; by the detector {100 * row['detector_success']:.1f} %, "
        f"{row['detector_mean_steps']:.1f} steps in {row['detector_seconds']:.1f} s"
    )
