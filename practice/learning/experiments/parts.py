"""Stages from a scale: presets filled in, so that experiments say only what is special to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from practice.embodiments.language_table.goals import Family
from practice.embodiments.language_table.things import FOUR
from practice.embodiments.language_table.words import all_texts
from practice.embodiments.registry import embodiment as robot_of
from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.config_pretraining import PretrainingConfig
from practice.learning.experiments.experiment import Arm
from practice.learning.experiments.pretraining_stages import Examined, Pretrained
from practice.learning.experiments.scales import Scale
from practice.learning.experiments.stages import Shown, Stage1, Stage2
from practice.learning.presets import presets
from practice.learning.presets.language_table import UNGROUNDED_SFT

Variant = Literal["joint", "unimodal", "scratch"]

JUDGED_AT_ONCE = 256
_FURTHER = 1_000
"""Between the seed of the demonstrations a judge learns from and of those it is asked about."""

_PRESETS_LAST = 1_600
"""Episodes that the fast presets of robots with cameras are made for."""


def learned(
    scale: Scale,
    seed: int,
    embodiment: str,
    count: int,
    *,
    style: str | None = None,
    instructions: tuple[str, ...] = (),
) -> Stage1:
    """Stage 1 by the scale's preset; the number of its steps is the same for any `count`."""
    config = presets("sft", embodiment)[scale.sft_preset].config
    assert isinstance(config, SFTConfig)
    if scale.sft_steps is not None:
        config = config.replace(steps=scale.sft_steps)
    shown = Shown(embodiment, count, seed, style, instructions)
    return Stage1(shown, config.replace(seed=seed))


def from_people(scale: Scale, seed: int, share: float, embodiment: str = "") -> Stage1:
    """Stage 1 on a language table from a share of its human-like demonstrations."""
    count = round(share * scale.table_demonstrations)
    return learned(scale, seed, embodiment or scale.table, count, style="human")


def practised(
    scale: Scale,
    start: Stage1,
    embodiment: str = "",
    *,
    most_episodes: int | None = None,
    judge: Literal["stage-1", "random"] = "stage-1",
    judged_by: Stage1 | None = None,
    **changes: Any,
) -> Stage2:
    """Stage 2 by the scale's preset, on the start's own robot unless said otherwise.

    A budget of episodes gives it as many iterations as they last for, so that the learning rate
    falls all the way and the last policy is evaluated.
    """
    where = embodiment or start.shown.embodiment
    config = presets("practice", where)[scale.practice_preset].config
    assert isinstance(config, PracticeConfig)
    config = config.replace(seed=start.config.seed, **changes)
    if most_episodes is not None:
        lasting = int(config.iterations * most_episodes / _PRESETS_LAST)
        config = config.replace(iterations=max(lasting, 1))
    return Stage2(start, where, config, judge, most_episodes, judged_by)


def pretraining_of(embodiment: str, *, preset: str = "", **settings: Any) -> Pretrained:
    """A pretraining for the models of this robot's Stage 1, by its first preset unless another is said."""
    known = presets("sft", embodiment)
    config = known[preset or next(iter(known))].config
    assert isinstance(config, SFTConfig)
    asked = PretrainingConfig(
        queries=config.queries, previous_frame=config.previous_frame, **settings
    )
    return Pretrained(embodiment, asked)


def judging(scale: Scale, seed: int, share: float, variant: Variant) -> Stage1:
    """A Stage 1 for its judge: nothing is grounded, and all weights are trained, as in the paper."""
    few = from_people(scale, seed, share)
    sizes = {"steps": scale.judge_steps, "validate_every": scale.judge_steps // 10}
    config = UNGROUNDED_SFT.replace(seed=seed, **sizes)
    begun = None
    if variant != "scratch":
        begun = pretraining_of(
            few.shown.embodiment, preset=scale.sft_preset, variant=variant, seed=seed,
            scenes=scale.pretraining_scenes, steps=scale.pretraining_steps,
        )  # fmt: skip
    return Stage1(few.shown, config, begun)


def examined(scale: Scale, judge: Stage1) -> Examined:
    """The judge, asked about as many further demonstrations of the same people."""
    shown = replace(judge.shown, count=scale.exam_demonstrations, seed=judge.shown.seed + _FURTHER)
    practice = presets("practice", shown.embodiment)[scale.practice_preset].config
    assert isinstance(practice, PracticeConfig)
    known = robot_of(shown.embodiment).spec.default_threshold
    return Examined(judge, shown, known if practice.threshold is None else practice.threshold)


def arm(scale: Scale, name: str, start: Stage1, end: Stage1 | Stage2, **facts: Any) -> Arm:
    """Start and end, evaluated where the end has practised or learned."""
    where = end.shown.embodiment if isinstance(end, Stage1) else end.embodiment
    episodes = scale.evaluation_episodes
    evaluation = EvaluationConfig(episodes=episodes, num_robots=min(JUDGED_AT_ONCE, episodes))
    return Arm(name, start, end, where, evaluation, **facts)


def fraction(share: float) -> str:
    """As people say it."""
    return f"{share:.0%} of the demonstrations"


def blocks_to_places() -> tuple[str, ...]:
    """Goals for the four blocks that are like a banana's: to places of the table."""
    return all_texts(FOUR, (Family.BLOCK_TO_ABSOLUTE,))
