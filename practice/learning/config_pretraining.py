"""What pretraining on captioned pictures can be told. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from practice.learning.settings import Config, precision_setting, setting


@dataclass(frozen=True, slots=True)
class PretrainingConfig(Config):
    """Before any demonstration: what a small model can learn from pictures and sentences."""

    variant: Literal["joint", "unimodal"] = setting(
        "joint",
        help="Joint: whether a sentence is true of a picture, and telling about pictures. Unimodal: "
        "the same pictures and the same sentences, never together.",
    )
    scenes: int = setting(
        8_192, help="Pictures of random play.", minimum=128, maximum=1_000_000, unit="pictures"
    )
    captions: int = setting(
        4, help="True sentences about each, with as many false ones.", minimum=1, maximum=16
    )
    steps: int = setting(3_000, help="Optimiser steps.", minimum=1, maximum=10_000_000)
    batch_size: int = setting(64, help="Pictures per step.", minimum=2, maximum=100_000)
    learning_rate: float = setting(
        2e-3, help="Peak of the one-cycle schedule.", minimum=1e-7, maximum=1.0
    )
    adam_eps: float = setting(1e-7, help="Epsilon of Adam.", minimum=1e-12, maximum=1e-2)
    weight_decay: float = setting(
        1e-2, help="Decoupled weight decay (AdamW).", minimum=0.0, maximum=1.0
    )
    clip_gradient: float = setting(
        1.0, help="Longest gradient a step may follow; 0: as it comes.", minimum=0.0, maximum=1e6
    )
    validate_every: int = setting(
        250, help="Steps between validations.", minimum=1, maximum=1_000_000, unit="steps"
    )
    queries: int = setting(
        16,
        help="How many things a sentence may look for; as in the Stage 1 that begins with it.",
        minimum=1,
        maximum=256,
    )
    previous_frame: bool = setting(
        False, help="Show the frame of one step before as well; as in that Stage 1."
    )
    precision: Literal["auto", "float32", "bfloat16"] = precision_setting()
