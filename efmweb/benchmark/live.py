"""The live benchmark: real practice, a real web process, real viewers, and what they cost.

One process practises without pause on one thread, with 16 robots and the live sink of every run.
Another, on demand, opens ten sockets with a signed-in session and answers as the page does. The
web process, the database (one of its own, dropped at the end) and Redis are those of the site.
Windows without and with viewers alternate; practice speed is compared pair by pair, and the median
is reported, for other work on the machine comes and goes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import redis
from django.conf import settings
from django.test import Client

from efmweb.benchmark.processes import Talker, free_port, wait_until_open
from efmweb.benchmark.scratch import scratch_database
from efmweb.site import services
from practice.embodiments.registry import embodiment
from practice.frames.store import LiveKeys
from practice.models import Run, Task
from practice.roles import Role
from practice.services.people import add_person

ROBOTS, VIEWERS, FPS = 16, 10, 10
ROUNDS, SECONDS = 12, 3.0
LIMITS: dict[str, tuple[float, bool]] = {
    "frames_per_tile": (9.0, True),
    "p95_ms": (200.0, False),
    "practice_slowdown": (0.10, False),
}
"""Figure -> (limit, whether it must be reached rather than not be passed)."""

Progress = Callable[[str, float], None]


@dataclass(slots=True)
class Measured:
    """What the rounds brought."""

    speeds: list[tuple[float, float]] = field(default_factory=list)
    """Robot steps per second without and with viewers, one pair per round."""

    frames: list[float] = field(default_factory=list)
    """Frames per second and tile of the viewer with the fewest, per round."""

    latencies_ms: list[float] = field(default_factory=list)
    bytes_per_s: list[float] = field(default_factory=list)


def live(*, progress: Progress | None = None) -> dict[str, Any]:
    """Run the benchmark.

    Returns:
        {"figures": {name: number}, "bars": [{"name", "value", "limit", "holds"}]}
    """
    tell = progress or (lambda _text, _share: None)
    tell("Starting services", 0.0)
    with ExitStack() as stack:
        stack.enter_context(services())
        environment = os.environ | stack.enter_context(scratch_database())
        run, cookie = _rows()
        port = free_port()
        url = f"ws://127.0.0.1:{port}/ws/live/?run={run}"
        stack.enter_context(_web(environment, port))
        practice = stack.enter_context(Talker("efmweb.benchmark.practice", str(run), environment))
        viewers = stack.enter_context(Talker("efmweb.benchmark.viewers", url, environment))
        viewers.say({"cookie": cookie, "origin": f"http://127.0.0.1:{port}", "viewers": VIEWERS})
        tell("Making a policy and a reward model", 0.05)
        practice.hear()
        measured = Measured()
        keys = LiveKeys(environment["EFM_REDIS_PREFIX"], run)
        for number in range(ROUNDS):
            tell(f"Round {number + 1} of {ROUNDS}", 0.1 + 0.9 * number / ROUNDS)
            _round(measured, practice, viewers, keys, alone_first=number % 2 == 0)
    return _findings(measured)


def _round(
    measured: Measured, practice: Talker, viewers: Talker, keys: LiveKeys, *, alone_first: bool
) -> None:
    """One window without viewers and one with them, in either order, so that a drift cancels."""
    alone = _alone(practice, keys) if alone_first else 0.0
    viewers.say({"watch": SECONDS})
    viewers.hear()  # all have seen their first frame, and begin to count
    watched = practice.ask({"measure": SECONDS})["steps_per_s"]
    seen = viewers.hear()
    alone = alone or _alone(practice, keys)
    measured.speeds.append((alone, watched))
    measured.frames.append(seen["frames_per_tile"])
    measured.latencies_ms += seen["latencies_ms"]
    measured.bytes_per_s.append(seen["bytes_per_s"])


def _alone(practice: Talker, keys: LiveKeys) -> float:
    """Robot steps per second while nobody watches."""
    with redis.Redis.from_url(settings.EFM_REDIS_URL) as client:
        client.delete(keys.watch)  # the last viewer has left; do not wait until it expires
    time.sleep(0.5)
    speed: float = practice.ask({"measure": SECONDS})["steps_per_s"]
    return speed


def _findings(measured: Measured) -> dict[str, Any]:
    """Figures and bars."""
    latencies = sorted(measured.latencies_ms)
    figures = {
        "frames_per_tile": median(measured.frames),
        "p50_ms": _quantile(latencies, 0.50),
        "p95_ms": _quantile(latencies, 0.95),
        "practice_slowdown": median(1.0 - watched / alone for alone, watched in measured.speeds),
        "practice_steps_per_s": median(alone for alone, _ in measured.speeds),
        "bytes_per_s": median(measured.bytes_per_s),
        "robots": float(ROBOTS),
        "viewers": float(VIEWERS),
    }
    bars = [
        {
            "name": name,
            "value": figures[name],
            "limit": limit,
            "holds": figures[name] >= limit if at_least else figures[name] <= limit,
        }
        for name, (limit, at_least) in LIMITS.items()
    ]
    return {"figures": figures, "bars": bars}


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("inf")


def _rows() -> tuple[int, str]:
    """A running practice run, and the session of somebody who may watch it."""
    person = add_person("bench", by=None, role=Role.VIEWER)
    spec = embodiment("point-mass").spec
    task = Task.objects.create(
        name="Benchmark",
        slug="benchmark",
        embodiment=spec.id,
        instructions=list(spec.instructions),
        control_hz=spec.control_hz,
        horizon=spec.horizon,
        threshold=spec.default_threshold,
        created_by=person,
    )
    run = Run.objects.create(
        task=task,
        kind=Run.Kind.PRACTICE,
        name="Benchmark",
        state=Run.State.RUNNING,
        created_by=person,
    )
    client = Client()
    client.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    return run.pk, f"{name}={client.cookies[name].value}"


@contextmanager
def _web(environment: dict[str, str], port: int) -> Iterator[None]:
    """The site's web process on a port of its own."""
    command = [sys.executable, "-m", "efmweb.web", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, env=environment)
    try:
        wait_until_open(port, process)
        yield
    finally:
        process.terminate()
        process.wait(timeout=15)
