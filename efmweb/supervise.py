"""A keeper: runs one command and starts it again when it dies, until it is told to stop.

`python -m efmweb.supervise --name web -- uvicorn efmweb.asgi:application`

Honcho ends a whole group when one member exits, so each member runs under a keeper of its own. The
keeper passes SIGTERM and SIGINT on, ends what does not end by itself, and never leaves a process
behind: it adopts orphans of its command (Linux) and kills them, its command dies with it, and it
stops when its leader, the process that started the group, is gone.
"""

import argparse
import ctypes
import os
import platform
import pwd
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from efmweb.locks import hold

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
"""Seconds between a death and the next start: doubles from the first to the longest."""
STEADY_AFTER = 10.0
"""A command that lived this long, in seconds, starts again after the first pause."""
CANNOT_START = 127
LOCK_IS_HELD = 75
"""Exit status when another keeper holds the lock (EX_TEMPFAIL of sysexits.h)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What to keep running, and how."""

    command: tuple[str, ...]
    name: str
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel to the command when the keeper itself is killed."""
    grace: float = 4.0
    """Seconds from the stop signal to SIGKILL; below honcho's own five."""
    leader: int = 0
    """Process without which the keeper stops; 0 for its parent."""
    lock: Path | None = None
    """Held while the keeper lives, so that one command never runs twice."""
    user: str = ""
    """System user that runs the command, where the keeper is root."""


def prctl(option: int, value: int) -> None:
    """Linux's prctl; nothing elsewhere."""
    if platform.system() == "Linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def die_with_parent(with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process `with_signal` when its parent ends (Linux)."""
    prctl(PR_SET_PDEATHSIG, with_signal)


class Keeper:
    """Runs `kept.command` until `run` is told to stop by a signal or by its leader's end."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self._child: subprocess.Popen[bytes] | None = None
        self._asked_to_stop = threading.Event()
        self._leader = _process(kept.leader or os.getppid())
        self._wake_read, self._wake_write = socket.socketpair()

    def run(self) -> int:
        """Keep the command running; gives the keeper's exit status."""
        self._listen_to_signals()
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        pause = FIRST_PAUSE
        while not self._asked_to_stop.is_set():
            started = time.monotonic()
            try:
                code = self._run_once()
            except OSError as error:
                self._say(f"cannot be started: {error}")
                return CANNOT_START
            self._end_descendants()
            if self._asked_to_stop.is_set():
                break
            lived = time.monotonic() - started
            pause = FIRST_PAUSE if lived > STEADY_AFTER else pause
            self._say(f"ended unexpectedly ({how_it_ended(code)}); starts again in {pause:.1f} s")
            self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        return 0

    def _run_once(self) -> int:
        """Start the command and wait for its end; a stop request ends it."""
        kept = self.kept
        child = start_with(kept.command, orphan_signal=kept.orphan_signal, user=kept.user)
        self._child = child
        code: int | None = None
        while code is None and not self._asked_to_stop.is_set():
            self._sleep(0.5)
            code = self._reap(child.pid)
        if code is None:
            code = self._stop_child(child)
        child.returncode = code
        return code

    def _stop_child(self, child: subprocess.Popen[bytes]) -> int:
        with suppress(ProcessLookupError):
            os.kill(child.pid, self.kept.stop_signal)
        patience = time.monotonic() + self.kept.grace
        while time.monotonic() < patience:
            code = self._reap(child.pid)
            if code is not None:
                return code
            time.sleep(0.05)
        self._say(f"did not stop within {self.kept.grace:.0f} s and is killed")
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        while (code := self._reap(child.pid)) is None:
            time.sleep(0.02)
        return code

    def _reap(self, pid: int) -> int | None:
        """Collect ended processes, adopted ones too; the exit code of `pid` once it has ended."""
        code = None
        while True:
            try:
                ended, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return code if code is not None else 1 if not psutil.pid_exists(pid) else None
            if ended == 0:
                return code
            if ended == pid:
                code = os.waitstatus_to_exitcode(status)

    def _end_descendants(self) -> None:
        """Kill what the command left behind: on Linux orphans are this keeper's children now."""
        patience = time.monotonic() + self.kept.grace
        while time.monotonic() < patience:
            left = psutil.Process().children(recursive=True)
            if not left:
                return
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            self._reap(0)
            time.sleep(0.02)

    def _listen_to_signals(self) -> None:
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        signal.set_wakeup_fd(self._wake_write.fileno())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self._stop())
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _stop(self) -> None:
        self._asked_to_stop.set()

    def _sleep(self, seconds: float) -> None:
        """Sleep until a signal comes, at most `seconds`; notices a leader that is gone."""
        select.select([self._wake_read], [], [], seconds)
        with suppress(BlockingIOError):
            self._wake_read.recv(1024)
        if not is_alive(self._leader):
            self._stop()

    def _say(self, text: str) -> None:
        sys.stderr.write(f"{self.kept.name} {text}\n")
        sys.stderr.flush()


def start_with(
    command: Sequence[str], *, orphan_signal: signal.Signals, user: str = ""
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own; it gets `orphan_signal` when this process dies."""
    groups: list[int] | None = None
    group: int | None = None
    if user:
        group, groups = pwd.getpwnam(user).pw_gid, []
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        user=user or None,
        group=group,
        extra_groups=groups,
        preexec_fn=_ready_child(orphan_signal),  # noqa: PLW1509 - the keeper has one thread
    )


def _ready_child(orphan_signal: signal.Signals) -> Callable[[], None]:
    keeper = os.getpid()

    def ready() -> None:
        die_with_parent(orphan_signal)
        if os.getppid() != keeper:  # it died before the kernel was told
            os._exit(1)

    return ready


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def is_alive(process: psutil.Process | None) -> bool:
    """Whether it still runs; a process that ended and was not collected does not."""
    if process is None or not process.is_running():
        return False
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def how_it_ended(code: int) -> str:
    """An exit code in words: "killed by SIGKILL", "status 3"."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"status {code}"


def keeper_command(kept: Kept) -> list[str]:
    """The command line that runs `kept` under a keeper of its own."""
    options = ["--name", kept.name, "--grace", str(kept.grace), "--leader", str(kept.leader)]
    options += ["--stop-signal", kept.stop_signal.name, "--orphan-signal", kept.orphan_signal.name]
    if kept.lock:
        options += ["--lock", str(kept.lock)]
    if kept.user:
        options += ["--user", kept.user]
    return [sys.executable, "-m", "efmweb.supervise", *options, "--", *kept.command]


def parse(arguments: Sequence[str]) -> Kept:
    """The opposite of `keeper_command`, without interpreter and module."""
    parser = argparse.ArgumentParser(prog="efmweb.supervise", description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--stop-signal", type=signal.Signals.__getitem__, default="SIGTERM")
    parser.add_argument("--orphan-signal", type=signal.Signals.__getitem__, default="SIGKILL")
    parser.add_argument("--grace", type=float, default=4.0)
    parser.add_argument("--leader", type=int, default=0)
    parser.add_argument("--lock", type=Path)
    parser.add_argument("--user", default="")
    parser.add_argument("command", nargs="+")
    values = vars(parser.parse_args(arguments))
    return Kept(**values | {"command": tuple(values["command"])})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a keeper as the command line says."""
    kept = parse(sys.argv[1:] if arguments is None else arguments)
    held = hold(kept.lock) if kept.lock else None
    if kept.lock and held is None:
        sys.stderr.write(f"{kept.name} already runs: {kept.lock} is held\n")
        return LOCK_IS_HELD
    return Keeper(kept).run()


if __name__ == "__main__":
    sys.exit(main())
