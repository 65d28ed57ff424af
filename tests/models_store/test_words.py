"""Any text becomes numbers, the same everywhere, and words that look alike share some."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_store.errors import LearningError
from models_store.words import encode, mirrored, split_words, word_buckets

BUCKETS, WORDS = 2_048, 16


def test_words_know_no_case_and_no_punctuation() -> None:
    assert split_words("Push the RED moon, please -- to the blue_cube!") == (
        "push", "the", "red", "moon", "please", "to", "the", "blue", "cube",
    )  # fmt: skip
    same = encode("push  the red moon.", BUCKETS, WORDS)
    assert np.array_equal(same, encode("Push the Red Moon", BUCKETS, WORDS))


@given(st.text(min_size=1, max_size=80))
def test_every_text_with_a_word_has_its_numbers(text: str) -> None:
    if not split_words(text):
        with pytest.raises(LearningError, match="holds no word"):
            encode(text, BUCKETS, WORDS)
        return
    ids = encode(text, BUCKETS, WORDS)
    assert ids.shape == (WORDS, 16)
    assert ids.dtype == np.int64
    assert ids.min() >= 0
    assert ids.max() <= BUCKETS
    used = [bool(row.any()) for row in ids]
    assert sum(used) == min(len(split_words(text)), WORDS)
    assert all(used[: sum(used)]), "padding comes last"


def test_an_unknown_word_resembles_a_known_one() -> None:
    def shared(one: str, two: str) -> int:
        return len(set(word_buckets(one, 10**9)) & set(word_buckets(two, 10**9)))

    assert shared("pushes", "push") >= 3
    assert shared("push", "yellow") == 0
    assert word_buckets("push", BUCKETS)[0] != word_buckets("pushes", BUCKETS)[0]


def test_numbers_do_not_depend_on_the_process() -> None:
    code = "from models_store.words import encode; print(encode('push the moon', 97, 4).tolist())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == str(encode("push the moon", 97, 4).tolist())


def test_shared_numbers_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        encode("push", BUCKETS, WORDS)[0, 0] = 1


def test_a_mirror_swaps_whole_words_only() -> None:
    swaps = (("left", "right"), ("right", "left"))
    assert mirrored("push it Left, then right of the leftover", swaps) == (
        "push it right, then left of the leftover"
    )
    assert mirrored("push the moon", swaps) == "push the moon"
