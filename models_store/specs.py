"""Which kinds of model there are, as descriptions. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models_store.compact_spec import CompactSpec
from models_store.errors import LearningError
from models_store.spec import ModelSpec
from models_store.vlm_spec import VlmSpec

Spec = ModelSpec | CompactSpec | VlmSpec

TokenSpec = CompactSpec | VlmSpec
"""Models that look at pictures and choose among action tokens, at a temperature."""

_KINDS: dict[str, type[ModelSpec] | type[CompactSpec] | type[VlmSpec]] = {
    "mlp": ModelSpec,
    "compact": CompactSpec,
    "vlm": VlmSpec,
}


def spec_from_json(data: Mapping[str, Any]) -> Spec:
    """Read what a spec's `to_json` wrote; its "architecture" says which kind it is.

    Raises:
        LearningError: the kind, a key or a value is not known.
    """
    kind = data.get("architecture", "mlp") if isinstance(data, Mapping) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise LearningError(
            f"Unknown model architecture {kind!r}; this version knows: {', '.join(_KINDS)}."
        )
    return _KINDS[kind].from_json(data)
