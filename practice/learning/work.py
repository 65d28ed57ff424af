"""Runs made from their config: the one door to the learning core for whoever executes runs."""

from __future__ import annotations

from collections.abc import Sequence

from models_store.checkpoint import EFMCheckpoint
from practice.embodiments.interface import Embodiment
from practice.fleet.tick import Sink, Tick
from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.config_pretraining import PretrainingConfig
from practice.learning.data import Demonstrations
from practice.learning.evaluation import Evaluation
from practice.learning.parallel import ALONE, Team
from practice.learning.pretraining import Pretraining
from practice.learning.self_improvement import SelfImprovement
from practice.learning.sft import SFT
from practice.learning.types import Report, TaskFacts, Tree, Work

__all__ = [
    "Report",
    "Sink",
    "TaskFacts",
    "Tick",
    "Tree",
    "Work",
    "make_evaluation",
    "make_practice",
    "make_pretraining",
    "make_sft",
]


def make_sft(
    config: SFTConfig,
    demonstrations: Demonstrations,
    embodiment: Embodiment,
    *,
    device: str = "cpu",
    initial: EFMCheckpoint | None = None,
    pretrained: EFMCheckpoint | None = None,
    team: Team = ALONE,
) -> Work:
    """Stage 1 from demonstrations: new, new with what pretraining has learned to see and read, or from a
    checkpoint; alone, or in a team of processes.

    Raises:
        LearningError: the demonstrations do not fit the embodiment.
    """
    return SFT(
        config, demonstrations, embodiment.spec, device=device, initial=initial,
        pretrained=pretrained, show=embodiment, team=team,
    )  # fmt: skip


def make_pretraining(
    config: PretrainingConfig, embodiment: Embodiment, *, device: str = "cpu"
) -> Work:
    """What a model may learn from captioned pictures before Stage 1.

    Raises:
        LearningError: nobody can tell about this robot's pictures.
    """
    return Pretraining(config, embodiment, device=device)


def make_practice(
    config: PracticeConfig,
    policy: EFMCheckpoint,
    reward: EFMCheckpoint,
    embodiment: Embodiment,
    *,
    task: TaskFacts,
    device: str = "cpu",
    sinks: Sequence[Sink] = (),
    collect: bool = True,
) -> Work:
    """Stage 2 from a policy and a frozen reward model.

    Raises:
        LearningError: limits, termination and embodiment do not go together.
    """
    return SelfImprovement(
        config, policy, reward, embodiment, task=task, device=device, sinks=sinks, collect=collect
    )


def make_evaluation(
    config: EvaluationConfig,
    policy: EFMCheckpoint,
    reward: EFMCheckpoint | None,
    embodiment: Embodiment,
    *,
    task: TaskFacts,
    device: str = "cpu",
    sinks: Sequence[Sink] = (),
    collect: bool = True,
) -> Work:
    """Episodes on fixed seeds, counted."""
    return Evaluation(
        config, policy, reward, embodiment, task=task, device=device, sinks=sinks, collect=collect
    )
