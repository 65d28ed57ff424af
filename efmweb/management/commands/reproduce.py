"""`manage.py reproduce NAME`: one of the headline experiments, resumable, with figure and table.

Finished stages are found again, a stage that was cut off goes on. After every training seed the
findings so far are written: DIR/NAME/result.json, figure.json, figure.html, and the experiment's
section of docs/results.md.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.progress import TaskProgressColumn

from efmweb.locks import hold
from efmweb.management.commands.bench import commit, machine
from efmweb.management.terminal import check_device, progress_line
from efmweb.settings.env import ROOT
from models_store.errors import LearningError
from practice.learning.experiments import report
from practice.learning.experiments.catalogue import EXPERIMENTS, experiment_of
from practice.learning.experiments.running import Finding, run
from practice.learning.experiments.scales import SCALES, scale_of
from practice.learning.experiments.workshop import Workshop

PACKAGES = ("torch", "mujoco", "numpy")


class Command(BaseCommand):
    """Run one experiment, or go on with it."""

    help = "Reproduce an experiment: " + ", ".join(EXPERIMENTS) + ". See docs/results.md."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(EXPERIMENTS)}")
        parser.add_argument("--seeds", type=int, help="how many training seeds (default: its own)")
        parser.add_argument("--scale", default="small", help=f"one of: {', '.join(SCALES)}")
        parser.add_argument("--out", type=Path, help="default: reproduce in the data folder")
        parser.add_argument("--results", type=Path, help="default: docs/results.md")
        parser.add_argument("--device", default="cpu", help="for the networks (default cpu)")
        parser.add_argument(
            "--processes", type=int, default=0,
            help="that simulate: 0 one per core where pictures are drawn, 1 this one alone; "
            "results do not depend on it",
        )  # fmt: skip

    def handle(self, *, name: str, **options: Any) -> None:
        """Seed after seed; what is there after each is written at once."""
        out = options["out"] or settings.EFM_VAR / "reproduce"
        lock = hold(out / "lock")
        if lock is None:
            raise CommandError(f"Another reproduce works in {out}; wait for it, or give --out.")
        try:
            self._reproduce(name, out, options)
        except LearningError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. The same command goes on from here; at most a minute is done again.",
                returncode=130,
            ) from None
        finally:
            lock.close()

    def _reproduce(self, name: str, out: Path, options: dict[str, Any]) -> None:
        experiment, scale = experiment_of(name), scale_of(options["scale"])
        count = experiment.seeds if options["seeds"] is None else options["seeds"]
        if count < 1:
            raise CommandError(f"--seeds {count}: at least one is needed.")
        check_device(options["device"])
        if options["processes"] < 0:
            raise CommandError(f"--processes {options['processes']}: 0 or more are needed.")
        shop = Workshop(out / "stages", device=options["device"], processes=options["processes"])
        results = options["results"] or ROOT / "docs" / "results.md"
        with progress_line(TaskProgressColumn()) as bar:
            line = bar.add_task(name, total=1.0)

            def progress(text: str, share: float) -> None:
                bar.update(line, description=text, completed=share)

            def say(text: str) -> None:
                bar.console.print(text, soft_wrap=True, markup=False, highlight=False)

            for n in range(1, count + 1):
                finding = run(experiment, scale, range(n), shop, progress=progress, say=say)
                text = _write(finding, out / name)
                there = report.update_results(results, name, text)
        self.stdout.write(f"{experiment.title}\n\n{text}\n\n{out / name / 'figure.html'}")
        if not there:
            self.stdout.write(
                f"There is no {results} to write the table into; --results names one."
            )


def _write(finding: Finding, folder: Path) -> str:
    """Result and figure into the folder; the section for docs/results.md."""
    # Plotly takes a second to import; `manage.py help` need not wait for it.
    from practice.learning.experiments import figures  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    versions = {package: version(package) for package in PACKAGES}
    origin = {"machine": machine(), "commit": commit(), "versions": versions}
    (folder / "result.json").write_text(json.dumps(finding.to_json() | origin, indent=1) + "\n")
    figures.write(finding, folder)
    packages = ", ".join(f"{package} {number}" for package, number in versions.items())
    where = f"{', '.join(finding.devices)} of {origin['machine']}"
    return report.markdown(finding, f"{where}, {packages}, commit {origin['commit']}")
