"""A fleet's state dealt out like cards: share i of P has every P-th robot from i on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def deal_in(parts: Sequence[Any], robots: int) -> Any:
    """States of P shares as the state of the whole; shorter rows are filled up with zeros."""
    first = parts[0]
    if isinstance(first, Mapping):
        return {name: deal_in([part[name] for part in parts], robots) for name in first}
    inner = np.max([part.shape[1:] for part in parts], axis=0).astype(int).tolist()
    whole: NDArray[Any] = np.zeros((robots, *inner), dtype=first.dtype)
    for i, part in enumerate(parts):
        whole[(slice(i, None, len(parts)), *map(slice, part.shape[1:]))] = part
    return whole


def deal_out(whole: Any, i: int, size: int) -> Any:
    """The i-th share of a whole state."""
    if isinstance(whole, Mapping):
        return {name: deal_out(part, i, size) for name, part in whole.items()}
    return np.asarray(whole)[i::size].copy()
