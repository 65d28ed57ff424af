"""Instructions as token ids: each different text is written once, whatever the number of robots."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_store.errors import LearningError
from models_store.instructions import Instructions
from models_store.vlm_layout import Processing
from models_store.vlm_sequence import Seen

_KEPT = 4_096
"""Written prompts kept; more different texts than this are written anew."""

_Key = tuple[str, tuple[int, ...], tuple[tuple[int, ...], ...]]


@dataclass(frozen=True)
class Written:
    """Prompts of B rows, on the CPU, padded on the left."""

    ids: Tensor
    """(B, L)"""

    mask: Tensor
    """(B, L)"""

    positions: Tensor
    """(B, L) or (3, B, L)"""

    kinds: dict[str, Tensor]
    """Name -> (B, L)"""


class Prompts:
    """Writes prompts around pictures, and instructions as answers to them."""

    def __init__(self, made: Processing, image_token: int, folder: Path) -> None:
        """`folder` is the base's, to be named where something does not fit."""
        self._made, self._image, self._folder = made, image_token, folder
        self._padding = made.tokenizer.pad_token_id or 0
        marks = [str(t) for t in made.tokenizer.added_tokens_decoder.values() if t.special]
        self._marks = re.compile("|".join(map(re.escape, sorted(marks, key=len)[::-1])) or "(?!)")
        self._written: dict[_Key, tuple[list[int], dict[str, list[int]]]] = {}

    def __call__(
        self, instructions: Instructions, seen: Seen, rope: Callable[..., Any] | None, first: int
    ) -> Written:
        """Prompts of B rows around what was seen; positions count from `first`, or are the model's own where
        it has a rule (`rope`).
        """
        used, which = np.unique(instructions.index, return_inverse=True)
        texts = [self._of(instructions.texts[i], seen) for i in used.tolist()]
        longest = max(len(ids) for ids, _ in texts)

        def padded(rows: list[list[int]], filler: int) -> Tensor:
            return torch.tensor([[filler] * (longest - len(row)) + row for row in rows])

        ids = padded([ids for ids, _ in texts], self._padding)
        mask = padded([[1] * len(ids) for ids, _ in texts], 0)
        kinds = {name: padded([kinds[name] for _, kinds in texts], 0) for name in texts[0][1]}
        if rope is not None and seen.grid is not None:
            positions, _ = rope(
                ids,
                mm_token_type_ids=(ids == self._image).int(),
                image_grid_thw=seen.grid.cpu().repeat(len(ids), 1),
                attention_mask=mask,
            )
        else:
            positions = (mask.cumsum(dim=1) - 1).clamp(min=0) + first
        rows = torch.from_numpy(which)
        return Written(
            ids[rows],
            mask[rows],
            positions[..., rows, :],
            {name: values[rows] for name, values in kinds.items()},
        )

    def answers(self, instructions: Instructions) -> tuple[Tensor, Tensor]:
        """Instructions as answers to a prompt: ids (B, T), padded on the right, and (B, T) True for those that
        are there.
        """
        used, which = np.unique(instructions.index, return_inverse=True)
        texts = [self._made.answer(self._plain(instructions.texts[i])) for i in used.tolist()]
        longest = max(map(len, texts))
        ids = torch.tensor([ids + [self._padding] * (longest - len(ids)) for ids in texts])
        there = torch.arange(longest) < torch.tensor([len(ids) for ids in texts])[:, None]
        rows = torch.from_numpy(which)
        return ids[rows], there[rows]

    def _plain(self, text: str) -> str:
        """Whoever writes instructions must not be able to write what stands for a picture."""
        plain = self._marks.sub(" ", text).strip()
        if not plain:
            raise LearningError(
                f"The instruction {text!r} holds no word; write what is to be done."
            )
        return plain

    def _of(self, text: str, seen: Seen) -> tuple[list[int], dict[str, list[int]]]:
        key = (text, seen.counts, seen.shapes)
        if key not in self._written:
            if len(self._written) >= _KEPT:
                self._written.clear()
            ids, kinds = self._made.prompt(self._plain(text), seen.counts, seen.shapes)
            there = ids.count(self._image)
            if there != sum(seen.counts):
                raise LearningError(
                    f"The prompt of the base in {self._folder} has room for {there} picture tokens, its vision "
                    f"tower makes {sum(seen.counts)}: tokenizer, processor and model do not belong together."
                )
            self._written[key] = (ids, kinds)
        return self._written[key]
