"""Ending a process that helps with pictures."""

from __future__ import annotations

import subprocess
from typing import IO, cast


def end_helper(process: subprocess.Popen[bytes]) -> None:
    """Kill it, collect it and close its pipes; what it had not read is of no use to anybody."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        try:
            cast(IO[bytes], pipe).close()
        except BrokenPipeError:
            continue
