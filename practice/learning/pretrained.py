"""A new model that begins with what pretraining has learned to see and read."""

from __future__ import annotations

import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.compact_spec import CompactSpec
from models_store.efm import EFM
from models_store.specs import Spec
from practice.learning.config import SFTConfig
from practice.learning.errors import LearningError

KIND, ROLE = "pretraining", "pretrained"

LOOKING = ("cameras", "previous", "channels", "queries", "buckets", "max_words", "word_size")
"""What looking is built from; heads, bins, states and temperature are Stage 1's own."""


def origins(
    config: SFTConfig, initial: EFMCheckpoint | None, pretrained: EFMCheckpoint | None
) -> dict[str, str]:
    """Digests of what Stage 1 begins with, by role.

    Raises:
        LearningError: it is to begin with two things, or with one that is not there.
    """
    if initial is not None and pretrained is not None:
        raise LearningError(
            "Stage 1 goes on from a checkpoint or begins with a pretraining, not both; leave one out."
        )
    if config.pretrained is not None and pretrained is None and initial is None:
        raise LearningError(
            f"The pretraining {config.pretrained!r} was not handed to this run; leave pretrained "
            f"empty or load it first."
        )
    named = {"initial": initial, ROLE: pretrained}
    return {role: one.digest for role, one in named.items() if one is not None}


def adopt(model: EFM, pretrained: EFMCheckpoint | None) -> None:
    """Take over every weight that sees or reads, if there was a pretraining.

    Raises:
        LearningError: this is no pretraining, or it is one of another kind of model.
    """
    if pretrained is None:
        return
    name = pretrained.digest[:12]
    kind = pretrained.config.get("kind")
    if kind != KIND:
        raise LearningError(
            f"Checkpoint {name} comes from {kind or 'no run'}, not from pretraining; make one with "
            f"manage.py pretrain."
        )
    _check_alike(name, pretrained.spec, model.spec)
    answers = {id(one) for one in (*model.policy_parameters(), *model.judge_parameters())}
    with torch.no_grad():
        for place, weights in model.named_parameters():
            if id(weights) not in answers:
                weights.copy_(pretrained.weights[place])


def _check_alike(name: str, theirs: Spec, ours: Spec) -> None:
    if not (isinstance(theirs, CompactSpec) and isinstance(ours, CompactSpec)):
        raise LearningError(
            f"Pretraining {name} is for small models with cameras; this one is of architecture "
            f"{ours.architecture!r} and learns without."
        )
    for field in LOOKING:
        had, has = getattr(theirs, field), getattr(ours, field)
        if had != has:
            raise LearningError(
                f"Pretraining {name} was made with {field} {had}, this model has {has}; pretrain "
                f"anew for this robot and these settings."
            )
