"""What an experiment is made of: demonstrations, Stage 1, Stage 2, evaluation.

A stage is a plain description. Its digest is that of the JSON of everything it follows from, so
arms that begin alike share a stage, and a changed preset or task makes a new one. The code is not
part of it: whoever changes what a stage does must run it anew by hand.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, ClassVar, Literal, Protocol

from models_store.checkpoint import EFMCheckpoint
from practice.embodiments.interface import Embodiment
from practice.embodiments.registry import embodiment
from practice.embodiments.spec import EmbodimentSpec
from practice.fleet.dataset import experts_of
from practice.fleet.demonstrations import make_demonstrations
from practice.fleet.pool import choose_processes
from practice.learning.config import Config, EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.types import TaskFacts, Work
from practice.learning.work import make_evaluation, make_practice, make_sft

Curve = Sequence[Mapping[str, float]]
"""One entry per step of a run: "iteration", "episodes", "env_steps" and the report's values."""


class Bench(Protocol):
    """Where stages are worked on."""

    device: str
    processes: int
    """That simulate, as in the configs; results do not depend on it."""

    def checkpoint(self, stage: Stage, role: str) -> EFMCheckpoint:
        """What a finished stage left behind."""
        ...


class Stage(ABC):
    """A piece of work whose outcome follows from its description."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def label(self) -> str:
        """What people read while it runs."""

    @property
    @abstractmethod
    def needs(self) -> tuple[Stage, ...]:
        """Stages that must be finished before."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Everything it follows from, as JSON values; stages before it by their digests."""

    @abstractmethod
    def make(self, bench: Bench) -> Work:
        """The run, at its beginning."""

    def spent(self, curve: Curve) -> bool:
        """Whether to stop although the run could go on."""
        return False

    @property
    def digest(self) -> str:
        """Name of its folder: sha256 of the description, shortened."""
        return _digest(_told(self.to_json()))


@dataclass(frozen=True, slots=True)
class Shown:
    """Demonstrations. A smaller set of the same seed is the beginning of a larger one."""

    embodiment: str
    count: int
    seed: int
    style: str | None = None
    """Which demonstrator, where there are several."""

    instructions: tuple[str, ...] = ()
    """Goals to choose from; none: the embodiment's own."""

    def to_json(self) -> dict[str, Any]:
        """JSON values; many instructions are told by their digest."""
        texts = _digest(list(self.instructions)) if self.instructions else None
        return {field.name: getattr(self, field.name) for field in fields(self)} | {
            "instructions": texts
        }

    def make(self, robot: Embodiment, processes: int) -> Demonstrations:
        """Show them again; it is cheaper than keeping them."""
        episodes = make_demonstrations(
            robot,
            self.count,
            seed=self.seed,
            instructions=self.instructions,
            processes=choose_processes(robot.spec, processes),
            experts=experts_of(robot, self.style),
        )
        return Demonstrations.from_episodes(episodes)


@dataclass(frozen=True, slots=True)
class Stage1(Stage):
    """Supervised fine-tuning on demonstrations."""

    kind: ClassVar[str] = "sft"
    shown: Shown
    config: SFTConfig

    @property
    def label(self) -> str:
        """How many demonstrations."""
        return f"Stage 1 from {self.shown.count} demonstrations"

    @property
    def needs(self) -> tuple[Stage, ...]:
        """Nothing."""
        return ()

    def to_json(self) -> dict[str, Any]:
        """Demonstrations, task and config."""
        return {
            "kind": self.kind,
            "shown": self.shown.to_json(),
            "task": _facts(embodiment(self.shown.embodiment).spec),
            "config": _config(self.config),
        }

    def make(self, bench: Bench) -> Work:
        """With its demonstrations in memory."""
        robot = embodiment(self.shown.embodiment)
        data = self.shown.make(robot, bench.processes)
        return make_sft(self.config, data, robot, device=bench.device)


@dataclass(frozen=True, slots=True)
class Stage2(Stage):
    """Practice from a Stage 1, on its own robot or another that senses and acts alike."""

    kind: ClassVar[str] = "practice"
    start: Stage1
    embodiment: str
    config: PracticeConfig
    judge: Literal["stage-1", "random"] = "stage-1"
    """Whose steps-to-go: the trained one, or the same network with weights nobody trained."""

    most_episodes: int | None = None
    """Stop before the iteration that would go past so many practice episodes."""

    @property
    def label(self) -> str:
        """On which robot."""
        return f"practice on {self.embodiment}"

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The start."""
        return (self.start,)

    def to_json(self) -> dict[str, Any]:
        """Start, task, config, judge and budget."""
        return {
            "kind": self.kind,
            "start": self.start.digest,
            "embodiment": self.embodiment,
            "task": _facts(embodiment(self.embodiment).spec),
            "config": _config(self.config),
            "judge": self.judge,
            "most_episodes": self.most_episodes,
        }

    def make(self, bench: Bench) -> Work:
        """Fleet and networks, nothing learned yet."""
        robot = embodiment(self.embodiment)
        policy, reward = (bench.checkpoint(self.start, role) for role in ("policy", "reward"))
        if self.judge == "random":
            reward = EFMCheckpoint.new(reward.spec, reward.normalisation, seed=self.config.seed)
        return make_practice(
            self.config.replace(processes=bench.processes), policy, reward, robot,
            task=TaskFacts.of(robot.spec), device=bench.device, collect=False,
        )  # fmt: skip

    def spent(self, curve: Curve) -> bool:
        """Whether one more iteration like the longest so far would be too much."""
        if self.most_episodes is None or not curve:
            return False
        done = [0.0, *(entry["episodes"] for entry in curve)]
        longest = max(after - before for before, after in pairwise(done))
        return done[-1] + longest > self.most_episodes


@dataclass(frozen=True, slots=True)
class Trial(Stage):
    """Fresh episodes that neither training nor the choice of checkpoints has seen."""

    kind: ClassVar[str] = "evaluation"
    policy: Stage1 | Stage2
    embodiment: str
    config: EvaluationConfig

    @property
    def label(self) -> str:
        """How many episodes."""
        return f"evaluation over {self.config.episodes} episodes"

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The policy, and the Stage 1 whose judge is looked at."""
        return (self._stage1, self.policy)

    def to_json(self) -> dict[str, Any]:
        """Policy, task and config."""
        return {
            "kind": self.kind,
            "policy": self.policy.digest,
            "embodiment": self.embodiment,
            "task": _facts(embodiment(self.embodiment).spec),
            "config": _config(self.config),
        }

    def make(self, bench: Bench) -> Work:
        """Fleet and networks."""
        robot = embodiment(self.embodiment)
        policy = bench.checkpoint(self.policy, "policy")
        reward = bench.checkpoint(self._stage1, "reward")
        return make_evaluation(
            self.config.replace(processes=bench.processes), policy, reward, robot,
            task=TaskFacts.of(robot.spec), device=bench.device, collect=False,
        )  # fmt: skip

    @property
    def _stage1(self) -> Stage1:
        return self.policy if isinstance(self.policy, Stage1) else self.policy.start


def agree(kept: Any, now: Any) -> bool:
    """Whether two descriptions say the same wherever both say something."""
    if isinstance(kept, dict) and isinstance(now, dict):
        return all(agree(kept[key], now[key]) for key in kept.keys() & now.keys())
    return bool(kept == now)


def _config(config: Config) -> dict[str, Any]:
    """Every setting that has a say in the outcome."""
    return {"class": type(config).__name__} | {
        name: value for name, value in config.to_json().items() if name != "processes"
    }


def _told(description: dict[str, Any]) -> dict[str, Any]:
    """The description for its digest: settings at their defaults are left out, so that a new one
    leaves old stages what they are. `agree` finds out when a default itself has changed.
    """
    classes = {cls.__name__: cls for cls in (SFTConfig, PracticeConfig, EvaluationConfig)}
    if "config" not in description:
        return description
    config = dict(description["config"])
    usual = _config(classes[config["class"]]())
    told = {k: v for k, v in config.items() if k == "class" or v != usual[k]}
    return description | {"config": told}


def _facts(spec: EmbodimentSpec) -> dict[str, Any]:
    """What of an embodiment decides an outcome and may be tuned without a change of its name."""
    task = TaskFacts.of(spec)
    return {
        "horizon": task.horizon,
        "control_hz": task.control_hz,
        "threshold": task.threshold,
        "limits": dict(task.limits),
        "instructions": _digest(list(task.instructions)),
        "steps_to_go": [spec.steps_to_go_bins, spec.steps_to_go_max],
        "linger": spec.linger,
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]
