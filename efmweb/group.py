"""A group of kept processes: in the foreground with prefixed output, or behind a command's back."""

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from honcho.manager import Manager

from efmweb.settings.env import ROOT
from efmweb.supervise import Kept, keeper_command

ASKED_TO_STOP = (128 + signal.SIGINT, 128 + signal.SIGTERM)


def foreground(kept: Iterable[Kept], *, alongside: Callable[[], None] | None = None) -> int:
    """Run the group until Ctrl-C or SIGTERM, its output on ours; gives the exit status.

    `alongside` runs in a thread while the group does, as the demo's seeding; it must end by itself.
    """
    manager = Manager()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    for member in kept:
        # honcho starts a shell; exec leaves the keeper in its place.
        command = f"exec {shlex.join(keeper_command(member))}"
        manager.add_process(member.name, command, env=environment, cwd=str(ROOT))
    if alongside is not None:
        threading.Thread(target=alongside, daemon=True).start()
    manager.loop()
    status = int(manager.returncode or 0)
    return 0 if status in ASKED_TO_STOP else status


@contextmanager
def background(kept: Iterable[Kept], logs: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run the group for as long as the block lasts, each member's output in `logs`/NAME.log."""
    logs.mkdir(parents=True, exist_ok=True)
    keepers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for member in kept:
            with (logs / f"{member.name}.log").open("ab") as output:
                keepers[member.name] = subprocess.Popen(
                    keeper_command(member),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=ROOT,
                    # Ctrl-C reaches this process, and the group through it.
                    start_new_session=True,
                )
        yield keepers
    finally:
        for keeper in keepers.values():
            keeper.terminate()
        for keeper in keepers.values():
            keeper.wait()
