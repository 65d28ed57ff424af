"""A pretrained model, loaded once for all that build upon it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
import transformers
from safetensors import safe_open
from torch import Tensor, nn

from models_store.errors import CheckpointError, LearningError
from models_store.vlm_files import base_digest, folder_of
from models_store.vlm_spec import VlmSpec


@dataclass(frozen=True, eq=False)
class Base:
    """A pretrained model, ready to be built upon."""

    folder: Path
    model: nn.Module
    """What transformers' auto class made of it, without its last layer; never trained itself."""

    head: Tensor
    """(V, D) float32: what gives each token of the vocabulary its logit; the last rows only are kept."""

    vocabulary: int
    """V"""

    tied: bool
    """Whether its table of embeddings gives the logits as well."""

    config: Any


def load_base(spec: VlmSpec) -> Base:
    """The base of a description. Models with adapters share its weights, which none of them changes.

    Raises:
        LearningError: it is missing, of no supported make, or not the one the description means.
    """
    found = base_digest(spec.base)
    if found != spec.base_digest:
        raise CheckpointError(
            f"The base {spec.base} is not the one this model was made from (sha256 {found[:12]}, wanted "
            f"{spec.base_digest[:12]}): put the right files there, or name the right revision."
        )
    rows = spec.action_bins + spec.steps_to_go_bins
    key = (found, spec.dtype, rows)
    base = _loaded.get(key)
    if base is None:
        # Whoever seeded wants the same weights whether the base was there already or not.
        with torch.random.fork_rng(devices=[]):
            base = _load(folder_of(spec.base), getattr(torch, spec.dtype), rows)
        _loaded[key] = base
    return base


def copied(base: Base, *, weights: bool) -> nn.Module:
    """The model as modules of its own, with weights of its own or those of the base."""
    shared = () if weights else (*base.model.parameters(), *base.model.buffers())
    return copy.deepcopy(base.model, {id(one): one for one in shared})


_loaded: WeakValueDictionary[tuple[str, str, int], Base] = WeakValueDictionary()
"""Bases in use: policy, anchor and judge of Stage 2 hold one between them."""


def _load(folder: Path, dtype: torch.dtype, rows: int) -> Base:
    transformers.utils.logging.disable_progress_bar()
    try:
        whole = transformers.AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    except (ValueError, OSError, KeyError, ImportError, AttributeError) as error:
        raise _unknown(folder, error) from error
    return base_of(whole, folder, rows)


def unloaded(folder: Path, dtype: torch.dtype) -> Any:
    """The model that a folder describes, its weights not read; under `torch.device("meta")` it takes no memory.

    Raises:
        LearningError: it is of no supported make.
    """
    here: dict[str, Any] = {"trust_remote_code": False}
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, **here)
        return transformers.AutoModelForImageTextToText.from_config(config, dtype=dtype, **here)
    except (ValueError, OSError, KeyError, ImportError, AttributeError) as error:
        raise _unknown(folder, error) from error


def base_of(whole: Any, folder: Path, rows: int) -> Base:
    """What is built upon of a model as transformers makes it, `rows` of its last layer kept.

    Raises:
        LearningError: it has no such layers, or too few tokens.
    """
    embedding, head = whole.get_input_embeddings(), whole.get_output_embeddings()
    if embedding is None or head is None:
        raise LearningError(
            f"The model in {folder} ({type(whole).__name__}) has no table of token embeddings, or gives "
            f"no logit per token; it cannot be read out."
        )
    if rows > embedding.weight.shape[0]:
        raise LearningError(
            f"{rows} action and steps-to-go bins do not fit a vocabulary of {embedding.weight.shape[0]} "
            f"tokens; lower action_bins or steps_to_go_bins."
        )
    last = head.weight[-rows:].detach().to(torch.float32).clone()
    model = getattr(whole, whole.base_model_prefix, whole)
    model.requires_grad_(False)
    _without_dropout(model)
    tied = head.weight is embedding.weight
    return Base(folder, model, last, int(head.weight.shape[0]), tied, whole.config)


def whole_head(base: Base, dtype: torch.dtype) -> Tensor | None:
    """(V, D), what gives every token its logit, read from the base's files; None where its table of embeddings
    does. Of an outline, a tensor without numbers.

    Raises:
        LearningError: the files hold no such tensor.
    """
    if base.tied:
        return None
    shape = (base.vocabulary, base.head.shape[1])
    if base.head.is_meta:
        return torch.empty(shape, dtype=dtype, device="meta")
    for file in sorted(base.folder.glob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - no mapping
                if name.endswith("lm_head.weight"):
                    head: Tensor = opened.get_tensor(name)
                    return head.to(dtype)
    raise LearningError(
        f"The base in {base.folder} has no lm_head.weight in its files, so it cannot name an instruction in "
        f"words; set instruction_weight to 0."
    )


def _unknown(folder: Path, error: Exception) -> LearningError:
    first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
    return LearningError(
        f"transformers {transformers.__version__} makes no image-text-to-text model of {folder}: {first}"
    )


def _without_dropout(model: nn.Module) -> None:
    """Chance inside the model would make the probability of an action another one each time it is asked."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for name in ("dropout", "attention_dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
