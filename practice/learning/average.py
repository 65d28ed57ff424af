"""An exponential moving average of weights (B. Polyak, A. Juditsky, 1992), kept beside those that are trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """w' <- d w' + (1 - d) w after each step t = 0, 1, ...; d = min(decay, (1 + t) / (10 + t)), so that first
    weights are soon forgotten. A decay of 0 keeps nothing.
    """

    def __init__(self, named: list[tuple[str, nn.Parameter]], decay: float) -> None:
        """Begins with the first step: until then, weights may still be put in place."""
        self._named, self._decay = named, decay
        self._kept: list[Tensor] = []

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Take the weights after step `step` into account."""
        if not self._decay:
            return
        now = [parameter.detach() for _, parameter in self._named]
        if not self._kept:
            self._kept = [values.clone() for values in now]
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._kept, now, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the averaged weights until the `with` block ends."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def state(self) -> dict[str, Tensor]:
        """Name -> copy; empty before the first step."""
        names = [name for name, _ in self._named][: len(self._kept)]
        kept = [values.detach().cpu().clone() for values in self._kept]
        return dict(zip(names, kept, strict=True))

    def load_state(self, stored: Mapping[str, Tensor]) -> None:
        """Go on from `state()`."""
        self._kept = [
            torch.empty_like(parameter, requires_grad=False).copy_(stored[name])
            for name, parameter in self._named
            if name in stored
        ]

    def _swap(self) -> None:
        for place, values in enumerate(self._kept):
            parameter = self._named[place][1]
            parameter.data, self._kept[place] = values, parameter.data
