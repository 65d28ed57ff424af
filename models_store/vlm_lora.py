"""Low-rank adapters (E. Hu et al., arXiv 2106.09685) on the language model, by peft."""

from __future__ import annotations

import re
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from models_store.errors import LearningError
from models_store.vlm_spec import VlmSpec


def add_adapters(model: Any, language: nn.Module, spec: VlmSpec) -> None:
    """Put an adapter beside each target layer of the language model; nothing else is to be trained.

    There is no dropout in them: an action's probability must be what it was when it was drawn.

    Raises:
        LearningError: the language model has no such layer.
    """
    names = [name for name, module in language.named_modules() if isinstance(module, nn.Linear)]
    leaves = sorted({name.rsplit(".", 1)[-1] for name in names})
    missing = sorted(set(spec.lora_targets) - set(leaves))
    if missing:
        raise LearningError(
            f"The language model has no linear layer {missing[0]!r} for an adapter; it has: {', '.join(leaves)}."
        )
    (prefix,) = (name for name, module in model.named_modules() if module is language)
    targets = "|".join(map(re.escape, spec.lora_targets))
    config = LoraConfig(
        r=spec.lora_rank,
        lora_alpha=spec.lora_alpha,
        lora_dropout=0.0,
        target_modules=rf"{re.escape(prefix)}\..*\b({targets})",
    )
    inject_adapter_in_model(config, model)
    for parameter in language.parameters():
        if parameter.requires_grad:  # whatever the base's weights are held in
            parameter.data = parameter.data.to(torch.float32)
