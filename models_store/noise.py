"""Where the chance in sampled actions comes from: one generator for a batch, or one for each of its rows.

With one of its own, what a row draws does not depend on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Noise = torch.Generator | Sequence[torch.Generator]


def uniform(shape: Sequence[int], noise: Noise) -> Tensor:
    """Of this shape, rows first, between 0 and 1, drawn where the generator lives, so that runs repeat on any device."""
    if isinstance(noise, torch.Generator):
        return torch.rand(*shape, generator=noise, device=noise.device)
    assert len(noise) == shape[0], "each row draws from a generator of its own"
    rows = [torch.rand(*shape[1:], generator=own, device=own.device) for own in noise]
    return torch.stack(rows)


def normal(shape: Sequence[int], noise: Noise) -> Tensor:
    """Of this shape, rows first, mean 0 and variance 1, drawn where the generator lives."""
    if isinstance(noise, torch.Generator):
        return torch.randn(*shape, generator=noise, device=noise.device)
    assert len(noise) == shape[0], "each row draws from a generator of its own"
    rows = [torch.randn(*shape[1:], generator=own, device=own.device) for own in noise]
    return torch.stack(rows)
