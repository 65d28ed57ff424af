"""Stages of the question what pretraining does for the judge: the pretraining, and an exam of the judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from practice.embodiments.registry import embodiment
from practice.learning.config_pretraining import PretrainingConfig
from practice.learning.exam import Exam
from practice.learning.experiments.descriptions import config_facts, task_facts
from practice.learning.experiments.stages import (
    Bench,
    Shown,
    Stage,
    Stage1,
)
from practice.learning.types import Work
from practice.learning.work import make_pretraining


@dataclass(frozen=True, slots=True)
class Pretrained(Stage):
    """Pictures and sentences, before any demonstration."""

    kind: ClassVar[str] = "pretraining"
    embodiment: str
    config: PretrainingConfig

    @property
    def label(self) -> str:
        """Which way."""
        return f"{self.config.variant} pretraining on {self.config.scenes} pictures"

    @property
    def needs(self) -> tuple[Stage, ...]:
        """Nothing."""
        return ()

    def to_json(self) -> dict[str, Any]:
        """Robot and config."""
        return {
            "kind": self.kind,
            "embodiment": self.embodiment,
            "task": task_facts(embodiment(self.embodiment).spec),
            "config": config_facts(self.config),
        }

    def make(self, bench: Bench) -> Work:
        """Nothing drawn yet."""
        return make_pretraining(self.config, embodiment(self.embodiment), device=bench.device)


@dataclass(frozen=True, slots=True)
class Examined(Stage):
    """What a judge says of demonstrations that it has never seen."""

    kind: ClassVar[str] = "exam"
    judge: Stage1
    shown: Shown
    threshold: float
    """s, steps"""

    @property
    def label(self) -> str:
        """How many demonstrations."""
        return f"exam on {self.shown.count} demonstrations"

    @property
    def needs(self) -> tuple[Stage, ...]:
        """The judge."""
        return (self.judge,)

    def to_json(self) -> dict[str, Any]:
        """Judge, demonstrations, task and threshold."""
        return {
            "kind": self.kind,
            "judge": self.judge.digest,
            "shown": self.shown.to_json(),
            "task": task_facts(embodiment(self.shown.embodiment).spec),
            "threshold": self.threshold,
        }

    def make(self, bench: Bench) -> Work:
        """With its demonstrations in memory."""
        data = self.shown.make(embodiment(self.shown.embodiment), bench.processes)
        reward = bench.checkpoint(self.judge, "reward")
        return Exam(
            reward,
            data,
            threshold=self.threshold,
            arrival=self.judge.config.arrival,
            device=bench.device,
        )
