"""`manage.py doctor`: whether this machine can do what efmweb asks, line by line."""

import json
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error, connection
from django.utils import timezone

from practice.devices import CPU_KIND, visible_devices
from practice.embodiments.registry import declaration_problems, embodiments
from practice.models import Worker

ENOUGH_DISK = 5 * 2**30
"""Bytes free in the data folder below which a run may end in a full disk."""
LARGEST_SKEW = 2.0
"""Seconds between this clock and the database's; leases are 15 s long."""
NO_DATABASE = (
    "does not answer; start the site with `make serve`, or check DATABASE_URL "
    "(`manage.py services -- manage.py doctor` tries the embedded one)"
)
RENDER = """
import mujoco
model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><light pos='0 0 3'/><geom size='1'/></worldbody></mujoco>")
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with mujoco.Renderer(model, 16, 16) as renderer:
    renderer.update_scene(data)
    assert renderer.render().any()
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it will do, and the fact or what to do."""

    name: str
    ok: bool
    text: str


def python() -> Finding:
    """The interpreter's version."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info >= (3, 11)
    return Finding("Python", good, version if good else f"{version}; install 3.11 or newer")


def gl_backend() -> Finding:
    """Whether MuJoCo can draw without a display, tried in a process of its own."""
    wanted = os.environ.get("MUJOCO_GL")
    for backend in [wanted] if wanted else ["egl", "osmesa"]:
        done = subprocess.run(
            [sys.executable, "-c", RENDER],
            env={**os.environ, "MUJOCO_GL": backend, "LP_NUM_THREADS": "0"},
            capture_output=True,
            check=False,
            timeout=120,
        )
        if done.returncode == 0:
            return Finding("GL backend", True, f"{backend} draws")
    packages = "libegl1 libegl-mesa0 libgl1-mesa-dri libgles2 libosmesa6"
    return Finding(
        "GL backend", False, f"MuJoCo cannot draw; on Debian: apt-get install {packages}"
    )


def gpu() -> Finding:
    """The devices a gpu worker would take; a CPU alone will do."""
    devices = visible_devices()
    if devices[0].kind == CPU_KIND:
        return Finding("GPU", True, f"none, so runs use the CPU: {devices[0].name}")
    return Finding("GPU", True, ", ".join(f"{device.index}: {device.name}" for device in devices))


def database() -> Finding:
    """The database's version."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            return Finding("database", True, f"PostgreSQL {cursor.fetchone()[0]}")
    except Error:
        return Finding("database", False, NO_DATABASE)


def redis_server() -> Finding:
    """Redis's version."""
    try:
        with redis.Redis.from_url(settings.EFM_REDIS_URL, socket_timeout=3.0) as client:
            facts: Any = client.info("server")
            return Finding("Redis", True, f"Redis {facts['redis_version']}")
    except redis.RedisError:
        return Finding(
            "Redis", False, "does not answer; start the site with `make serve`, or check REDIS_URL"
        )


def workers() -> Finding:
    """Whether somebody listens for runs and for imports."""
    try:
        alive = list(Worker.objects.alive())
    except Error:
        return Finding("workers", False, "unknown: the database does not answer or is not migrated")
    heard = {queue for worker in alive for queue in worker.queues}
    silent = [queue for queue in ("gpu", "cpu") if queue not in heard]
    if silent:
        starts = " and ".join(f"`manage.py worker {queue}`" for queue in silent)
        return Finding("workers", False, f"nobody listens to {', '.join(silent)}; start {starts}")
    return Finding("workers", True, ", ".join(f"{w.name} on {w.device_name}" for w in alive))


def robots() -> Finding:
    """Whether the files that declare further robots can be used."""
    problems = declaration_problems()
    if problems:
        return Finding("embodiments", False, " ".join(problems))
    return Finding(
        "embodiments", True, f"{len(embodiments())} known; further ones: {settings.EFM_EMBODIMENTS}"
    )


def disk() -> Finding:
    """Room in the data folder."""
    free = shutil.disk_usage(settings.EFM_VAR).free
    text = f"{free / 2**30:.0f} GiB free in {settings.EFM_VAR}"
    good = free >= ENOUGH_DISK
    return Finding("disk", good, text if good else f"{text}; make room, or move EFM_VAR")


def clock() -> Finding:
    """This clock against the database's, for leases compare the two."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            skew = abs((timezone.now() - cursor.fetchone()[0]).total_seconds())
    except Error:
        return Finding("clock", False, "unknown: the database does not answer")
    good = skew <= LARGEST_SKEW
    text = f"{skew:.2f} s from the database's"
    return Finding("clock", good, text if good else f"{text}; set both by NTP")


CHECKS: tuple[Callable[[], Finding], ...] = (
    python,
    gl_backend,
    gpu,
    database,
    redis_server,
    workers,
    robots,
    disk,
    clock,
)


class Command(BaseCommand):
    """Say of each part OK or what to do; the exit status is 1 when something is to be done."""

    help = "Check Python, GL backend, GPU, database, Redis, workers, embodiments, disk, clock."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The form of the answer."""
        parser.add_argument("--json", action="store_true", help="print a JSON list instead")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Look at everything, whatever fails."""
        findings = []
        for check in CHECKS:
            findings.append(check())
            if not options["json"]:
                self._show(findings[-1])
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2))
        if not all(finding.ok for finding in findings):
            sys.exit(1)

    def _show(self, finding: Finding) -> None:
        word = self.style.SUCCESS("OK   ") if finding.ok else self.style.ERROR("TO DO")
        self.stdout.write(f"{word} {finding.name}: {finding.text}")
