"""What goes through a vision-language model: rows of pictures it has seen, and rows of embeddings to be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Seen:
    """What the vision tower made of B rows of pictures."""

    pooled: Tensor
    """(B, M, D): M tokens over all pictures of a row."""

    deeper: tuple[Tensor, ...]
    """(B, M, D) each: what some models add in their first layers (DeepStack, Qwen3-VL)."""

    counts: tuple[int, ...]
    """Tokens of each picture of a row."""

    shapes: tuple[tuple[int, ...], ...]
    """(height, width, 3) of each picture of a row, as the robot gives it."""

    grid: Tensor | None
    """(pictures, 3) frames, rows and columns of patches, where the model has them."""

    listed: bool
    """Whether the model itself hands its tokens on in a list."""

    def only(self, which: Iterable[int]) -> Seen:
        """The same rows with these of their pictures alone."""
        places = tuple(which)

        def picked(tokens: Tensor) -> Tensor:
            parts = tokens.split(self.counts, dim=1)  # type: ignore[no-untyped-call]
            return torch.cat([parts[place] for place in places], dim=1)

        return Seen(
            picked(self.pooled),
            tuple(picked(layer) for layer in self.deeper),
            tuple(self.counts[place] for place in places),
            tuple(self.shapes[place] for place in places),
            None if self.grid is None else self.grid[list(places)],
            self.listed,
        )


def beside(parts: Iterable[Seen]) -> Seen:
    """The pictures of all parts, in their order, as those of one row."""
    every = list(parts)
    grids = [one.grid for one in every if one.grid is not None]
    return Seen(
        torch.cat([one.pooled for one in every], dim=1),
        tuple(
            torch.cat(layer, dim=1) for layer in zip(*(one.deeper for one in every), strict=True)
        ),
        tuple(count for one in every for count in one.counts),
        tuple(shape for one in every for shape in one.shapes),
        torch.cat(grids) if grids else None,
        every[0].listed,
    )


@dataclass(frozen=True)
class Sequence:
    """B rows of embeddings to be read."""

    embeds: Tensor
    """(B, L, D)"""

    mask: Tensor
    """(B, L), 0 where a row is padded."""

    positions: Tensor
    """(B, L), or (3, B, L) where time, height and width have positions of their own."""

    kinds: dict[str, Tensor]
    """Name -> (B, L), kinds of tokens that some models want to know."""

    seen: Seen | None

    def then(self, embeds: Tensor, kind: int) -> Sequence:
        """With embeddings (B, k, D) after it."""
        more = embeds.shape[:2]
        return replace(
            self.after(embeds),
            embeds=torch.cat([self.embeds, embeds], dim=1),
            positions=torch.cat([self.positions, self._places(more[1])], dim=-1),
            kinds={
                name: torch.cat([values, values.new_full(more, kind)], dim=1)
                for name, values in self.kinds.items()
            },
            seen=self.seen,
        )

    def after(self, embeds: Tensor) -> Sequence:
        """What comes after it alone, for a model that remembers the rest."""
        mask = torch.cat([self.mask, self.mask.new_ones(embeds.shape[:2])], dim=1)
        return Sequence(embeds, mask, self._places(embeds.shape[1]), {}, None)

    def _places(self, count: int) -> Tensor:
        steps = torch.arange(1, count + 1, device=self.positions.device)
        return self.positions[..., -1:] + steps
