"""Steps-to-go as a categorical distribution over bins of equal width.

Method: arXiv 2509.15155, section 3: d(o, g) is the *mean* of the predicted distribution; the
spread tells when not to trust it. Bin 0 holds arrival alone, 0 steps to go, so that a detector can
tell being there from being almost there. Bin i > 0 holds the steps in ((i - 1) w, i w], the last
one everything beyond as well. (The published point-mass notebook feeds raw steps as class index,
so that everything past 49 steps gets no gradient; binning here is by width.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True)
class Bins:
    """One bin for arrival and `count - 1` bins of `width` steps each."""

    count: int
    width: float

    def centres(self, device: torch.device | str = "cpu") -> Tensor:
        """(count,) float32, steps: 0, then the middle of each bin. Shared: never write to it."""
        return _centres(self.count, self.width, str(device))

    def index(self, steps: Tensor) -> Tensor:
        """The bin of each number of steps, (B,) -> (B,) int64."""
        return (steps / self.width).ceil().clamp(0, self.count - 1).long()


@lru_cache(maxsize=32)
def _centres(count: int, width: float, device: str) -> Tensor:
    # An inference tensor in the cache would be useless in training.
    with torch.inference_mode(False):
        middle = (torch.arange(count, dtype=torch.float32, device=device) - 0.5) * width
        return middle.clamp(min=0.0)


@dataclass(frozen=True)
class StepsToGo:
    """A batch of predicted distributions."""

    logits: Tensor
    """(B, bins)"""

    bins: Bins

    @cached_property
    def probs(self) -> Tensor:
        """(B, bins), rows sum to 1."""
        return torch.softmax(self.logits, dim=-1)

    @cached_property
    def mean(self) -> Tensor:
        """(B,) steps: d(o, g) = E[steps-to-go | o, g]."""
        return self.probs @ self.bins.centres(self.logits.device)

    @cached_property
    def std(self) -> Tensor:
        """(B,) steps: the spread of the prediction, the bins taken as points at their centres."""
        offset = self.bins.centres(self.logits.device) - self.mean.unsqueeze(-1)
        return (self.probs * offset.square()).sum(dim=-1).sqrt()

    def quantile(self, q: float) -> Tensor:
        """(B,) steps within which a share q of the mass arrives, linear within a bin."""
        below = torch.cumsum(self.probs, dim=-1)
        chosen = (below < q).sum(dim=-1).clamp(max=self.bins.count - 1)
        mass = self.probs.gather(-1, chosen.unsqueeze(-1)).squeeze(-1)
        before = below.gather(-1, chosen.unsqueeze(-1)).squeeze(-1) - mass
        inside = ((q - before) / mass.clamp(min=1e-12)).clamp(0.0, 1.0)
        # Bin i ends at i w and bin 0 has no width.
        return ((chosen - 1 + inside) * self.bins.width).clamp(min=0.0)

    def loss(self, steps: Tensor) -> Tensor:
        """Scalar: -E log p(T - t | o, g) for the true steps-to-go, (B,)."""
        return torch.nn.functional.cross_entropy(self.logits, self.bins.index(steps))
