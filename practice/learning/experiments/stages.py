"""What an experiment is made of: demonstrations, Stage 1, Stage 2, evaluation.

A stage is a plain description. Its digest is that of the JSON of everything it follows from, so
arms that begin alike share a stage, and a changed preset or task makes a new one. The code is not
part of it: whoever changes what a stage does must run it anew by hand.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, ClassVar, Literal, Protocol

from models_store.checkpoint import EFMCheckpoint
from practice.embodiments.interface import Embodiment
from practice.embodiments.registry import embodiment
from practice.fleet.dataset import experts_of
from practice.fleet.demonstrations import make_demonstrations
from practice.fleet.pool import choose_processes
from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.experiments.descriptions import config_facts, digest, task_facts, told
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
        return digest(told(self.to_json()))


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
        texts = digest(list(self.instructions)) if self.instructions else None
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
    pretrained: Stage | None = None
    """What its model begins with."""

    @property
    def label(self) -> str:
        """How many demonstrations."""
        return f"Stage 1 from {self.shown.count} demonstrations"

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The pretraining, if there is one."""
        return () if self.pretrained is None else (self.pretrained,)

    def to_json(self) -> dict[str, Any]:
        """Demonstrations, task, config and pretraining."""
        begun = {} if self.pretrained is None else {"pretrained": self.pretrained.digest}
        return {
            "kind": self.kind,
            "shown": self.shown.to_json(),
            "task": task_facts(embodiment(self.shown.embodiment).spec),
            "config": config_facts(self.config),
            **begun,
        }

    def make(self, bench: Bench) -> Work:
        """With its demonstrations in memory."""
        robot = embodiment(self.shown.embodiment)
        data = self.shown.make(robot, bench.processes)
        begun = None if self.pretrained is None else bench.checkpoint(self.pretrained, "pretrained")
        return make_sft(self.config, data, robot, device=bench.device, pretrained=begun)


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

    judged_by: Stage1 | None = None
    """Another Stage 1 whose judge it is; None: the start's own."""

    @property
    def label(self) -> str:
        """On which robot."""
        return f"practice on {self.embodiment}"

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The start, and whoever judges."""
        return (self.start,) if self.judged_by is None else (self.start, self.judged_by)

    def to_json(self) -> dict[str, Any]:
        """Start, task, config, judge and budget."""
        return {
            "kind": self.kind,
            "start": self.start.digest,
            "embodiment": self.embodiment,
            "task": task_facts(embodiment(self.embodiment).spec),
            "config": config_facts(self.config),
            "judge": self.judge,
            "most_episodes": self.most_episodes,
            **({} if self.judged_by is None else {"judged_by": self.judged_by.digest}),
        }

    def make(self, bench: Bench) -> Work:
        """Fleet and networks, nothing learned yet."""
        robot = embodiment(self.embodiment)
        policy = bench.checkpoint(self.start, "policy")
        reward = bench.checkpoint(self.judged_by or self.start, "reward")
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
        return (self._judge, self.policy)

    def to_json(self) -> dict[str, Any]:
        """Policy, task and config."""
        return {
            "kind": self.kind,
            "policy": self.policy.digest,
            "embodiment": self.embodiment,
            "task": task_facts(embodiment(self.embodiment).spec),
            "config": config_facts(self.config),
        }

    def make(self, bench: Bench) -> Work:
        """Fleet and networks."""
        robot = embodiment(self.embodiment)
        policy = bench.checkpoint(self.policy, "policy")
        reward = bench.checkpoint(self._judge, "reward")
        return make_evaluation(
            self.config.replace(processes=bench.processes), policy, reward, robot,
            task=TaskFacts.of(robot.spec), device=bench.device, collect=False,
        )  # fmt: skip

    @property
    def _judge(self) -> Stage1:
        if isinstance(self.policy, Stage1):
            return self.policy
        return self.policy.judged_by or self.policy.start
