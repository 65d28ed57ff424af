"""Telling the C library to keep memory is safe anywhere."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from practice.fleet.memory import keep_freed_memory


def test_it_can_be_said_again_and_again() -> None:
    keep_freed_memory()
    keep_freed_memory()
    assert len(bytearray(64 * 2**20)) == 64 * 2**20


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_name: Any) -> object:
        return object()

    monkeypatch.setattr(ctypes, "CDLL", nothing)
    keep_freed_memory()
