"""The benchmark of eyes: which way of looking serves the compact model best, once it is grounded.

Every look is grounded on the same pictures at three rates, of which the one that finds things best is
kept; then Stage 1 trains the two heads on what it sees, by the fast preset, from the same
demonstrations; then the policy is judged by true success on the same fresh episodes. One thread, one
seed, no database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import torch
from torch import Tensor

from efmweb.benchmark.looks import LOOKS, LookCheckpoint
from models_store.compact import CompactEFM
from models_store.compact_spec import CompactSpec
from models_store.instructions import Instructions
from practice.embodiments.interface import Embodiment, Scenes, ShowsScenes
from practice.embodiments.registry import embodiment
from practice.fleet.dataset import experts_of
from practice.fleet.demonstrations import make_demonstrations
from practice.fleet.drivers import tensors
from practice.fleet.senses import PREVIOUS
from practice.learning.building import measure, model_spec
from practice.learning.config import EvaluationConfig, SFTConfig
from practice.learning.data import Demonstrations, split
from practice.learning.errors import LearningError
from practice.learning.evaluation import Evaluation
from practice.learning.grounding import Grounding
from practice.learning.presets import presets
from practice.learning.sft import SFT
from practice.learning.types import TaskFacts, Work

ROBOT, DEMONSTRATIONS = "language-table-4", 1_000
SHARES = (3.0, 1.0, 1 / 3)
"""Of the preset's rate of grounding: another look may want another one."""

BATCH, ROUNDS, SECONDS = 64, 9, 0.2
"""Of timing: pictures at once, turns, CPU-seconds per turn and look."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Lessons:
    """What every look goes through."""

    robot: Embodiment
    demonstrations: Demonstrations
    sft: SFTConfig
    evaluation: EvaluationConfig


def lessons(seed: int) -> Lessons:
    """Human-like demonstrations and the presets named fast, on one core."""
    robot = embodiment(ROBOT)
    sft = presets("sft", ROBOT)["fast"].config
    evaluation = presets("evaluation", ROBOT)["fast"].config
    assert isinstance(sft, SFTConfig)  # noqa: S101
    assert isinstance(evaluation, EvaluationConfig)  # noqa: S101
    episodes = make_demonstrations(
        robot, DEMONSTRATIONS, seed=seed, experts=experts_of(robot, "human"), processes=1
    )
    data = Demonstrations.from_episodes(episodes)
    return Lessons(robot, data, sft.replace(seed=seed), evaluation.replace(processes=1))


def eyes(
    *,
    seed: int = 0,
    taught: Lessons | None = None,
    looks: Mapping[str, type[CompactEFM]] = LOOKS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        seed: of demonstrations, pictures, first weights and training.
        taught: what every look goes through; None: as documented.
        looks: name -> model; the shipped one first.
        progress: told how far it is.

    Returns:
        {"figures": {name: number}, "bars": [{"name", "value", "limit", "holds"}]}

    Raises:
        LearningError: the robot has no camera, or cannot draw scenes.
    """
    tell = progress or (lambda _text, _share: None)
    threads, began = torch.get_num_threads(), time.process_time()
    torch.set_num_threads(1)
    try:
        tell("Demonstrations", 0.0)
        school = _School(taught or lessons(seed))
        found: dict[str, dict[str, float]] = {}
        for number, (name, look) in enumerate(looks.items()):
            tell(name, number / len(looks))
            found[name] = school.teach(look)
        for name, row in school.time(looks).items():
            found[name] |= row
    finally:
        torch.set_num_threads(threads)
    figures = {f"{name}_{key}": value for name, row in found.items() for key, value in row.items()}
    figures["cpu_seconds"] = time.process_time() - began
    return {"figures": figures, "bars": [bar(*found.values())]}


class _School:
    """Teaches one look after another the same."""

    def __init__(self, taught: Lessons) -> None:
        self._taught, robot = taught, taught.robot
        spec = model_spec(taught.sft, robot.spec)
        if not (isinstance(robot, ShowsScenes) and isinstance(spec, CompactSpec)):
            raise LearningError(
                f"{robot.spec.title} cannot draw scenes for a camera; choose another."
            )
        self._spec, self._album = spec, _Album(robot)
        self._norm = measure(split(taught.demonstrations, taught.sft)[0], spec)

    def teach(self, look: type[CompactEFM]) -> dict[str, float]:
        """Grounding, Stage 1, evaluation."""
        taught, texts = self._taught, self._taught.demonstrations.instructions
        grounded = []
        for share in SHARES:
            config = taught.sft.replace(grounding_rate=share * taught.sft.grounding_rate)
            model = self._new(look)
            grounding = Grounding(config, model, self._album, texts)
            error = grounding.step(grounding.total)["grounding_error_mm"]
            grounded.append((error, config.grounding_rate, model))
        error, rate, model = min(grounded, key=lambda one: one[0])
        sees = LookCheckpoint(self._spec, self._norm, dict(model.state_dict()), look=look)
        stage1 = SFT(taught.sft, taught.demonstrations, taught.robot.spec, initial=sees)
        _finish(stage1)
        learned = stage1.checkpoints()["policy"]
        evaluation = Evaluation(
            taught.evaluation, replace(sees, spec=learned.spec, weights=learned.weights), None,
            taught.robot, task=TaskFacts.of(taught.robot.spec), collect=False,
        )  # fmt: skip
        _finish(evaluation)
        judged, losses = evaluation.result(), stage1.result()
        return {
            "success": judged["success"],
            "success_low": judged["ci"][0],
            "success_high": judged["ci"][1],
            "error_mm": error,
            "grounding_rate": rate,
            "val_loss_bc": losses["val_loss_bc"],
            "val_loss_steps_to_go": losses["val_loss_steps_to_go"],
            "weights": float(sum(one.numel() for one in model.parameters())),
        }

    def time(self, looks: Mapping[str, type[CompactEFM]]) -> dict[str, dict[str, float]]:
        """Milliseconds per picture, and as a ratio to the first look: medians over turns."""
        scenes = self._album.scenes(BATCH, seed=self._taught.sft.seed)
        before = {name + PREVIOUS: scenes.before[name] for name in self._spec.previous}
        seen = tensors(scenes.observation | before, "cpu")
        asked = Instructions(scenes.instructions, scenes.instruction)
        models = {name: self._new(look) for name, look in looks.items()}
        with torch.inference_mode():
            turns = [
                {name: _cpu(one, seen, asked) for name, one in models.items()}
                for _ in range(ROUNDS)
            ]
        first = next(iter(looks))
        return {
            name: {
                "look_ms": 1_000.0 * median(turn[name] for turn in turns) / BATCH,
                "look_ratio": median(turn[name] / turn[first] for turn in turns),
            }
            for name in looks
        }

    def _new(self, look: type[CompactEFM]) -> CompactEFM:
        """Untrained; its weights follow from the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._taught.sft.seed)
            model = look(self._spec, self._norm)
        model.set_precision(self._taught.sft.precision)
        return model


class _Album:
    """Scenes, drawn once for all looks."""

    def __init__(self, robot: ShowsScenes) -> None:
        self._robot = robot
        self._drawn: dict[tuple[int, int, tuple[str, ...]], Scenes] = {}

    def scenes(self, count: int, *, seed: int, instructions: Sequence[str] = ()) -> Scenes:
        """As the robot's own."""
        key = (count, seed, tuple(instructions))
        if key not in self._drawn:
            self._drawn[key] = self._robot.scenes(count, seed=seed, instructions=instructions)
        return self._drawn[key]


def bar(ours: dict[str, float], *others: dict[str, float]) -> dict[str, Any]:
    """By how much the lower end of another look's interval lies above the upper end of ours."""
    value = max((one["success_low"] - ours["success_high"] for one in others), default=0.0)
    return {"name": "another_look_ahead", "value": value, "limit": 0.0, "holds": value <= 0.0}


def _cpu(model: CompactEFM, seen: Mapping[str, Tensor], asked: Instructions) -> float:
    """CPU-seconds of one look."""
    model.look(seen, asked)
    began, calls = time.process_time(), 0
    while not calls or time.process_time() - began < SECONDS:
        model.look(seen, asked)
        calls += 1
    return (time.process_time() - began) / calls


def _finish(work: Work) -> None:
    while not work.finished:
        work.step()
