"""A batch of instructions without repeating the text for every row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Instructions:
    """Which of a few goal texts each row of a batch follows."""

    texts: tuple[str, ...]
    """The different instructions."""

    index: NDArray[np.int64]
    """(B,) position in `texts` for each row."""

    def __len__(self) -> int:
        """B, the number of rows."""
        return int(self.index.shape[0])

    def rows(self, rows: NDArray[np.int64]) -> Instructions:
        """The batch of these rows only."""
        return Instructions(self.texts, self.index[rows])

    def as_list(self) -> list[str]:
        """The text of every row."""
        return [self.texts[i] for i in self.index.tolist()]

    @classmethod
    def same(cls, text: str, rows: int) -> Instructions:
        """One instruction for a whole batch."""
        return cls((text,), np.zeros(rows, dtype=np.int64))
