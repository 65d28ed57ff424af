"""How large an experiment is: everything one would want to turn, in one place.

Training settings are not here: they are the presets of each embodiment (practice/learning/presets).
"""

from __future__ import annotations

from dataclasses import dataclass

from practice.learning.errors import LearningError


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes."""

    name: str
    table: str
    """Embodiment id of the language table."""

    table_demonstrations: int
    """100 % of the demonstrations on a table; fractions are the first so many of them."""

    aloha_demonstrations: int
    point_mass_demonstrations: int
    practice_episodes: int
    """At most, on tables."""

    transfer_episodes: int
    """The same where practice is on another table than Stage 1, whose paper runs are longer."""

    aloha_episodes: int
    """The same for Aloha."""

    evaluation_episodes: int
    aloha_evaluation_episodes: int
    """Fewer, for each of its ticks is fifty steps of physics and three pictures."""

    pretraining_scenes: int
    """Captioned pictures."""

    pretraining_steps: int
    judge_steps: int
    """Optimiser steps of a Stage 1 that is there for its judge; from demonstrations alone the best ones
    come early."""

    exam_demonstrations: int
    sft_preset: str = "fast"
    practice_preset: str = "fast"
    sft_steps: int | None = None
    """Optimiser steps instead of the preset's."""


SCALES = {
    scale.name: scale
    for scale in (
        Scale(
            "tiny",  # to see that everything runs; its figures mean nothing
            table="language-table-4",
            table_demonstrations=300,
            aloha_demonstrations=20,
            point_mass_demonstrations=500,
            practice_episodes=150,
            transfer_episodes=150,
            aloha_episodes=40,
            evaluation_episodes=64,
            aloha_evaluation_episodes=32,
            pretraining_scenes=512,
            pretraining_steps=60,
            judge_steps=60,
            exam_demonstrations=24,
            sft_steps=100,
        ),
        Scale(
            "small",
            table="language-table-4",
            table_demonstrations=5_000,
            aloha_demonstrations=600,
            point_mass_demonstrations=10_000,
            practice_episodes=1_600,
            transfer_episodes=4_700,
            aloha_episodes=1_600,
            evaluation_episodes=512,
            aloha_evaluation_episodes=256,
            pretraining_scenes=8_192,
            pretraining_steps=1_500,
            judge_steps=1_500,
            exam_demonstrations=256,
        ),
        Scale(
            "full",
            table="language-table",
            table_demonstrations=10_000,
            aloha_demonstrations=5_000,
            point_mass_demonstrations=10_000,
            practice_episodes=1_600,
            transfer_episodes=4_700,
            aloha_episodes=4_400,
            evaluation_episodes=1_024,
            aloha_evaluation_episodes=512,
            pretraining_scenes=32_768,
            pretraining_steps=12_000,
            judge_steps=6_000,
            exam_demonstrations=512,
            sft_preset="paper",
        ),
    )
}


def scale_of(name: str) -> Scale:
    """The scale of this name.

    Raises:
        LearningError: there is none.
    """
    if name not in SCALES:
        raise LearningError(f"Unknown scale {name!r}; known: {', '.join(SCALES)}.")
    return SCALES[name]
