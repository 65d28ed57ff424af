"""The whole site for real: `manage.py serve` on a port and a data folder of its own.

`stack` is shared by the tests of one session, `fresh_stack` belongs to one test that may break it.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
ROLES = ("postgres", "redis", "web", "gpu", "cpu", "beat")
READY_WITHIN = 90.0
LEFT_OUT = ("DATABASE_URL", "REDIS_URL", "EFM_REDIS_PREFIX", "EFM_DB_POOL", "PYTEST_XDIST_WORKER")


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """A running site and handles to each of its processes."""

    def __init__(self, var: Path, port: int) -> None:
        self.var = var
        self.url = f"http://localhost:{port}"
        self.log = var / "serve.log"
        self.environment = {key: value for key, value in os.environ.items() if key not in LEFT_OUT}
        self.environment |= {"EFM_VAR": str(var), "PORT": str(port)}
        var.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "serve"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def manage(self, *arguments: str, stdin: str = "") -> str:
        """Run a management command in this site; gives what it printed."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            cwd=ROOT,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def keeper(self, role: str) -> psutil.Process:
        """The keeper of the process that plays `role`."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                command = process.cmdline()
                if "efmweb.supervise" in command and role == command[command.index("--name") + 1]:
                    return process
        raise LookupError(f"No keeper of {role}; the roles are {', '.join(ROLES)}.")

    def pid(self, role: str) -> int:
        """The process that plays `role` now: the child of its keeper."""
        patience = time.monotonic() + 20
        while time.monotonic() < patience:
            with suppress(LookupError, psutil.NoSuchProcess):
                children = [c for c in self.keeper(role).children() if c.status() != "zombie"]
                if children:
                    return children[0].pid
            time.sleep(0.1)
        raise LookupError(f"The keeper of {role} has nothing running.")

    def children_of_runs(self) -> list[psutil.Process]:
        """The processes that execute runs now."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if "execute_run" in process.cmdline():
                    found.append(process)
        return found

    def kill(self, role: str) -> int:
        """kill -9 the process that plays `role`; gives the process id it had."""
        pid = self.pid(role)
        os.kill(pid, signal.SIGKILL)
        return pid

    def answers(self) -> bool:
        """Whether the site says that it is well."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def wait_until_ready(self) -> None:
        """Wait until it answers; fails with the end of its log."""
        patience = time.monotonic() + READY_WITHIN
        while not self.answers():
            assert self.process.poll() is None, self.log.read_text()[-4000:]
            assert time.monotonic() < patience, self.log.read_text()[-4000:]
            time.sleep(0.2)

    def stop(self) -> list[str]:
        """Stop as Ctrl-C does; gives the command lines of processes left behind (want: none)."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=60)
        return self.processes()

    def processes(self) -> list[str]:
        """Command lines of all living processes of this site: each inherited its EFM_VAR."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                mine = process.environ().get("EFM_VAR") == str(self.var)
                if mine and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
        return found


@contextmanager
def running_stack(var: Path) -> Iterator[Stack]:
    """A stack for the length of the block, stopped and proven gone at its end."""
    stack = Stack(var, free_port())
    try:
        stack.wait_until_ready()
        yield stack
    finally:
        left = stack.stop()
        if stack.process.poll() is None:
            stack.process.kill()
    assert left == []


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The site that the browser tests of this session share."""
    with running_stack(tmp_path_factory.mktemp("stack")) as found:
        yield found


@pytest.fixture
def fresh_stack(tmp_path: Path) -> Iterator[Stack]:
    """A site for one test, which may kill any part of it."""
    with running_stack(tmp_path / "var") as found:
        yield found
