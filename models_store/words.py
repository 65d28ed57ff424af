"""Instructions as numbers, with an open vocabulary and no table of words to keep.

A word is the set of hash buckets of itself and of its character n-grams (the idea of P. Bojanowski
et al., arXiv 1607.04606): a word never seen in training still shares buckets with those it
resembles ("pushes", "push"), and nothing has to be stored beside the weights. The hash is CRC-32,
the same on every machine and in every version.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError

_WORD = re.compile(r"[^\W_]+")
_GRAMS = (3, 4)
_PER_WORD = 16
"""Buckets a word may have at most: itself and fifteen n-grams; longer words lose their ends."""


def split_words(text: str) -> tuple[str, ...]:
    """Lower-case words of a text, without punctuation."""
    return tuple(_WORD.findall(text.casefold()))


def mirrored(text: str, swaps: tuple[tuple[str, str], ...]) -> str:
    """The text with whole words replaced, case and punctuation of the others kept."""
    table = dict(swaps)
    return _WORD.sub(lambda found: table.get(found[0].casefold(), found[0]), text)


@lru_cache(maxsize=65_536)
def word_buckets(word: str, buckets: int) -> tuple[int, ...]:
    """1 to `buckets`: that of the word itself first, then those of its n-grams."""
    framed = f"<{word}>"
    grams = [framed[i : i + size] for size in _GRAMS for i in range(len(framed) - size + 1)]
    named = [f"={word}", *(gram for gram in grams if gram != framed)]
    hashed = [zlib.crc32(piece.encode()) % buckets + 1 for piece in named]
    return tuple(dict.fromkeys(hashed))[:_PER_WORD]


@lru_cache(maxsize=65_536)
def encode(text: str, buckets: int, max_words: int) -> NDArray[np.int64]:
    """(max_words, 16) buckets, rows of 0 past the last word; words past `max_words` are left out.

    Raises:
        LearningError: the text has no word.
    """
    words = split_words(text)[:max_words]
    if not words:
        raise LearningError(f"The instruction {text!r} holds no word; write what is to be done.")
    ids = np.zeros((max_words, _PER_WORD), dtype=np.int64)
    for row, word in zip(ids, words, strict=False):
        found = word_buckets(word, buckets)
        row[: len(found)] = found
    ids.setflags(write=False)  # shared by everybody who asks for this text
    return ids
