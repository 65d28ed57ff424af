"""The whole site: it heals after kill -9 of any part, and leaves nothing behind however it ends."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stack import ROLES, Stack, free_port, running_stack

pytestmark = pytest.mark.stack


def until(condition: Callable[[], bool], seconds: float = 45.0) -> bool:
    """Whether `condition` came true in time."""
    patience = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > patience:
            return False
        time.sleep(0.2)
    return True


def test_every_part_is_back_after_kill_9_and_stopping_leaves_nothing(tmp_path: Path) -> None:
    with running_stack(tmp_path / "var") as stack:
        before = {role: stack.kill(role) for role in ROLES}
        assert until(lambda: all(stack.pid(role) != before[role] for role in ROLES))
        assert until(stack.answers)


def test_nothing_is_left_when_serve_itself_is_killed(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "var", free_port())
    stack.wait_until_ready()
    os.kill(stack.process.pid, signal.SIGKILL)
    stack.process.wait()
    assert until(lambda: stack.processes() == [])
