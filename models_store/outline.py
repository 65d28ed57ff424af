"""Models without their numbers, on torch's meta device: what they are built of, at no memory.

An outline is made by the very classes that make the model, so its counts are the model's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from models_store.checkpoint import new_model
from models_store.efm import EFM
from models_store.errors import LearningError
from models_store.normalisation import Moments, Normalisation
from models_store.specs import Spec
from models_store.vlm_files import base_digest, folder_of
from models_store.vlm_spec import VlmSpec


def plain_normalisation(spec: Spec) -> Normalisation:
    """Means of 0 and scales of 1, for a model that is never to act."""
    return Normalisation(
        {name: _plain(size) for name, size in spec.observation.items()}, _plain(spec.action_size)
    )


def outlines(specs: Sequence[Spec]) -> list[EFM]:
    """One outline for each description. Those with adapters on one base share its weights, as models do.

    Raises:
        LearningError: a base is missing or of no supported make.
    """
    bases: dict[tuple[str, str, int], Any] = {}
    with torch.device("meta"):
        return [_outline(spec, bases) for spec in specs]


def _outline(spec: Spec, bases: dict[tuple[str, str, int], Any]) -> EFM:
    if not isinstance(spec, VlmSpec):
        return new_model(spec, plain_normalisation(spec))
    # Seconds of importing transformers, for those who use it alone.
    from models_store.vlm import vlm_on  # noqa: PLC0415

    key = (spec.base_digest, spec.dtype, spec.action_bins + spec.steps_to_go_bins)
    if key not in bases:
        bases[key] = _base(spec)
    return vlm_on(bases[key], spec, plain_normalisation(spec))


def _base(spec: VlmSpec) -> Any:
    from models_store.vlm_base import base_of, unloaded  # noqa: PLC0415

    if base_digest(spec.base) != spec.base_digest:
        raise LearningError(
            f"The base {spec.base} is not the one this model was made from; name the right revision."
        )
    folder: Path = folder_of(spec.base)
    whole = unloaded(folder, getattr(torch, spec.dtype))
    return base_of(whole, folder, spec.action_bins + spec.steps_to_go_bins)


def _plain(size: int) -> Moments:
    return Moments((0.0,) * size, (1.0,) * size)
