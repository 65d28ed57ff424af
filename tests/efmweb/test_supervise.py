"""The keeper: starts again what dies, stops what it is told to stop, leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from efmweb.supervise import LOCK_IS_HELD, Kept, keeper_command, parse

FAMILY = "sleep 1000 & sleep 1001"
"""A command with a child of its own."""


def until(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    """Whether `condition` came true in time."""
    patience = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > patience:
            return False
        time.sleep(0.02)
    return True


def family(keeper: psutil.Process) -> list[psutil.Process]:
    """The keeper's shell and both of its sleepers."""
    return [child for child in keeper.children(recursive=True) if child.is_running()]


def all_gone(processes: list[psutil.Process]) -> bool:
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts keepers of a shell command; what still runs at the end is stopped."""
    started: list[subprocess.Popen[bytes]] = []

    def starter(script: str, **options: object) -> subprocess.Popen[bytes]:
        kept = Kept(("sh", "-c", script), "sleeper", **options)  # type: ignore[arg-type]
        started.append(subprocess.Popen(keeper_command(kept), stderr=subprocess.PIPE))
        return started[-1]

    yield starter
    for keeper in started:
        keeper.terminate()
        keeper.communicate(timeout=20)


def grown(keeper: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Its family once it is complete."""
    process = psutil.Process(keeper.pid)
    assert until(lambda: len(family(process)) == 3)
    return family(process)


def test_the_command_line_says_all_that_is_kept() -> None:
    kept = Kept(
        ("redis-server", "--port", "0"),
        "redis",
        stop_signal=signal.SIGINT,
        grace=1.5,
        leader=12,
        lock=Path("/srv/redis.lock"),
        user="nobody",
    )
    assert parse(keeper_command(kept)[3:]) == kept


def test_a_killed_command_starts_again_without_its_orphans(start: Start) -> None:
    keeper = start(FAMILY)
    before = grown(keeper)
    before[0].kill()
    process = psutil.Process(keeper.pid)
    assert until(lambda: all_gone(before) and len(family(process)) == 3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_keeper_leaves_nothing(start: Start, number: signal.Signals) -> None:
    keeper = start(FAMILY)
    members = grown(keeper)
    keeper.send_signal(number)
    assert keeper.wait(timeout=15) == 0
    assert all_gone(members)


def test_a_command_that_will_not_stop_is_killed(start: Start) -> None:
    keeper = start(f"trap '' TERM; {FAMILY}; {FAMILY}", grace=0.2)
    members = grown(keeper)
    keeper.terminate()
    assert keeper.wait(timeout=15) == 0
    assert all_gone(members)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_the_command_dies_with_a_killed_keeper(start: Start) -> None:
    keeper = start("exec sleep 1000")
    process = psutil.Process(keeper.pid)
    assert until(lambda: len(family(process)) == 1)
    child = family(process)
    keeper.kill()
    assert until(lambda: all_gone(child))


def test_the_keeper_stops_when_its_leader_is_gone(start: Start) -> None:
    leader = subprocess.Popen(["sleep", "1000"])
    keeper = start(FAMILY, leader=leader.pid)
    members = grown(keeper)
    leader.kill()  # not waited for: a zombie is gone too
    assert keeper.wait(timeout=15) == 0
    assert all_gone(members)
    leader.wait()


def test_one_lock_has_one_keeper(start: Start, tmp_path: Path) -> None:
    lock = tmp_path / "sleeper.lock"
    grown(start(FAMILY, lock=lock))
    second = start(FAMILY, lock=lock)
    _, said = second.communicate(timeout=15)
    assert second.returncode == LOCK_IS_HELD
    assert b"already runs" in said


def test_a_command_that_does_not_exist_is_not_tried_again() -> None:
    command = keeper_command(Kept(("/nowhere/program",), "ghost"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)
    assert done.returncode == 127
    assert "ghost cannot be started" in done.stderr


def test_the_lock_is_free_after_kill_9(start: Start, tmp_path: Path) -> None:
    lock = tmp_path / "sleeper.lock"
    first = start("exec sleep 1000", lock=lock)
    assert until(lambda: lock.exists() and lock.read_text() == str(first.pid))
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    second = start("exec sleep 1000", lock=lock)
    assert until(lambda: lock.read_text() == str(second.pid))
