"""Helper processes of a benchmark: one JSON object per line, in and out."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from types import TracebackType
from typing import IO, Any, cast

from efmweb.errors import ServiceError


class Talker:
    """`python -m MODULE ARGUMENT` as a partner in a talk."""

    def __init__(self, module: str, argument: str, environment: dict[str, str]) -> None:
        """Start it."""
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, argument],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # Pipes were asked for, so both are there.
        self._to = cast(IO[str], self._process.stdin)
        self._from = cast(IO[str], self._process.stdout)

    def __enter__(self) -> Talker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(timeout=15)

    def say(self, words: dict[str, Any]) -> None:
        """Tell it something."""
        self._to.write(json.dumps(words) + "\n")
        self._to.flush()

    def hear(self) -> dict[str, Any]:
        """Wait for what it says.

        Raises:
            ServiceError: it has ended.
        """
        line = self._from.readline()
        if not line:
            raise ServiceError(f"{self._module} ended; its own message stands above.")
        words: dict[str, Any] = json.loads(line)
        return words

    def ask(self, words: dict[str, Any]) -> dict[str, Any]:
        """Say and hear."""
        self.say(words)
        return self.hear()


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_open(port: int, process: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    """Wait until `process` listens.

    Raises:
        ServiceError: it ended, or takes too long.
    """
    patience = time.monotonic() + seconds
    while time.monotonic() < patience:
        if process.poll() is not None:
            raise ServiceError("The web process ended; its own message stands above.")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise ServiceError(f"The web process does not listen on port {port} after {seconds:g} s.")
