"""`manage.py bench NAME --json FILE`: measure, print a table, fail when a bar does not hold.

A benchmark is a function that takes `progress(text, share)` and gives {"figures": {name: number},
"bars": [{"name", "value", "limit", "holds"}]}. A new one is one line in BENCHMARKS and one section
in docs/benchmarks.md.
"""

from __future__ import annotations

import json
import platform
import subprocess
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from efmweb.errors import ServiceError
from efmweb.settings.env import ROOT
from models_store.errors import LearningError

BENCHMARKS = {
    "pointmass": ("practice.learning.benchmark", "pointmass"),
    "live": ("efmweb.benchmark.live", "live"),
    "fleet": ("efmweb.benchmark.fleet", "fleet"),
    "eyes": ("efmweb.benchmark.eyes", "eyes"),
    "data": ("efmweb.benchmark.data", "data"),
    "efm": ("efmweb.benchmark.efm", "efm"),
    "inference": ("efmweb.benchmark.inference", "inference"),
}
"""Name -> (module, function); imported only when it is run."""

OPTIONS = {"efm": ("size", "quick"), "inference": ("size", "quick")}
"""Name -> options of its own, handed on where they are given."""


class Command(BaseCommand):
    """Run one benchmark."""

    help = "Run a benchmark: " + ", ".join(BENCHMARKS) + ". See docs/benchmarks.md."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=sorted(BENCHMARKS))
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings here")
        parser.add_argument(
            "--size", help="efm, inference: of the pretrained model, as smolvlm-256m"
        )
        parser.add_argument(
            "--quick", action="store_const", const=True, help="efm, inference: one short round"
        )

    def handle(self, *, name: str, **options: Any) -> None:
        """Measure and report. Exit status 1 when a bar does not hold."""
        console = Console(stderr=True)
        module, function = BENCHMARKS[name]
        own = _own_options(name, options)
        with console.status(f"bench {name}") as status:
            try:
                found = getattr(import_module(module), function)(
                    progress=lambda text, share: status.update(f"{text} ({share:.0%})"), **own
                )
            except (LearningError, ServiceError) as error:
                raise CommandError(str(error)) from error
        report = {"bench": name, "machine": machine(), "commit": commit()} | {
            key: found[key] for key in ("figures", "bars")
        }
        if options["json"]:
            options["json"].parent.mkdir(parents=True, exist_ok=True)
            options["json"].write_text(json.dumps(report, indent=2) + "\n")
        Console().print(table(report))
        failed = [bar["name"] for bar in report["bars"] if not bar["holds"]]
        if failed:
            raise CommandError(f"Bars that do not hold: {', '.join(failed)}.", returncode=1)


def _own_options(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """What was asked of this benchmark alone."""
    given = {key: options[key] for key in ("size", "quick") if options[key] is not None}
    for key in given:
        if key not in OPTIONS.get(name, ()):
            raise CommandError(f"bench {name} has no --{key}; leave it out.")
    return given


def table(report: dict[str, Any]) -> Table:
    """Every figure, with its bar where it has one."""
    found = Table(title=f"bench {report['bench']} · {report['machine']} · {report['commit']}")
    found.add_column("figure")
    for heading in ("value", "bar"):
        found.add_column(heading, justify="right")
    found.add_column("holds")
    bars = {bar["name"]: bar for bar in report["bars"]}
    for name, value in report["figures"].items():
        bar = bars.get(name)
        holds = "" if bar is None else "[green]yes[/]" if bar["holds"] else "[red]no[/]"
        found.add_row(name, f"{value:.4g}", "" if bar is None else f"{bar['limit']:.4g}", holds)
    return found


def machine() -> str:
    """What the figures were measured on, as "Linux x86_64, 2 CPUs, 8 GB, Python 3.11.7"."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} CPUs, {memory:.0f} GB, "
        f"Python {platform.python_version()}"
    )


def commit() -> str:
    """The revision of the code, with "+" when files differ from it; "unknown" without git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--abbrev=10"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() or "unknown"
