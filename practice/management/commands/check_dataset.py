"""`manage.py check_dataset PATH`: what would be kept of a LeRobot dataset, and why the rest would not."""

import json
import sys
import tempfile
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from models_store.errors import LearningError
from practice.embodiments.registry import embodiment
from practice.episodes.intake import take_in
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_format import INFO
from practice.episodes.lerobot_read import read_episodes
from practice.episodes.lerobot_validate import validate_dataset
from practice.episodes.report import DatasetReport, Finding
from practice.models import Task
from practice.selectors.mapping import expectations


class Command(BaseCommand):
    """Print the report of an upload without uploading; needs a database only for --task.

    Exit status: 0 when the dataset can be imported (with --ci: and every episode is kept), 1 when not,
    2 when the path holds no dataset.
    """

    help = (
        "Check a LeRobotDataset v3.0, v2.1 or v2.0 in a folder or an archive, episode by episode."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="a folder or an archive")
        fits = parser.add_mutually_exclusive_group()
        fits.add_argument("--task", metavar="SLUG", help="also whether it fits this task")
        fits.add_argument("--embodiment", metavar="ID", help="also whether it fits this robot")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="OURS=THEIRS",
            help="the dataset's feature that stands for one of the robot's; may be given again",
        )
        parser.add_argument(
            "--any-rate", action="store_true", help="another rate than the robot's is a warning"
        )
        parser.add_argument(
            "--decode", action="store_true", help="also unpack every frame, as an import does"
        )
        parser.add_argument(
            "--ci", action="store_true", help="status 1 when any episode is refused"
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there too")

    def handle(self, *, path: Path, **options: Any) -> None:
        """Look at everything; nothing is changed."""
        if options["map"] and not (options["task"] or options["embodiment"]):
            raise CommandError("--map needs --task or --embodiment.", returncode=2)
        expect = replace(
            _expected(options["task"], options["embodiment"]),
            mapping=dict(_mapped(pair) for pair in options["map"]),
            any_rate=options["any_rate"],
        )
        if not path.exists():
            raise CommandError(f"{path} is not there.", returncode=2)
        report = _report(path, expect, decode=options["decode"])
        self._show(path, report)
        if options["json"]:
            options["json"].write_text(json.dumps(report.to_json(), indent=2) + "\n")
        if report.version is None and (
            report.error is None or report.error.file in {INFO, path.name}
        ):
            sys.exit(2)
        faulty = any(f.severity == "error" for f in report.findings)
        if not report.ok or (options["ci"] and faulty):
            sys.exit(1)

    def _show(self, path: Path, report: DatasetReport) -> None:
        rate = f", {report.fps} frames/s" if report.fps else ""
        self.stdout.write(f"{path}: LeRobotDataset {report.version or 'unknown'}{rate}")
        for finding in report.findings:
            if finding.episode is None or finding.severity != "error":
                self.stdout.write(f"{finding.severity:<8}{finding}")
        for episode in report.episodes:
            word = self.style.SUCCESS("kept    ") if episode.kept else self.style.ERROR("refused ")
            said = f"{episode.length} frames, {episode.instruction or 'no instruction'}"
            self.stdout.write(f"{word}episode {episode.index}: {said}")
            for reason in episode.reasons:
                self.stdout.write(f"        {reason}")
        totals = report.totals
        self.stdout.write(
            f"{totals.kept_episodes} of {totals.episodes} episodes kept,"
            f" {totals.kept_frames} of {totals.frames} frames"
        )


def _report(path: Path, expect: Expectations, *, decode: bool) -> DatasetReport:
    if path.is_dir():
        report = validate_dataset(path, expect=expect)
        return _decoded(path, report, expect) if decode else report
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "dataset"
        report = take_in(path, folder, expect=expect)
        return _decoded(folder, report, expect) if decode else report


def _decoded(folder: Path, report: DatasetReport, expect: Expectations) -> DatasetReport:
    """The report after every frame of every kept episode has been unpacked."""
    if not report.ok:
        return report
    found: list[Finding] = []
    for _ in read_episodes(folder, report, expect=expect, refused=found.append):
        pass
    return report.refusing(found)


def _mapped(pair: str) -> tuple[str, str]:
    ours, between, theirs = pair.partition("=")
    if not between:
        raise CommandError(f"--map {pair!r} is not OURS=THEIRS.", returncode=2)
    return ours, theirs


def _expected(task: str | None, robot: str | None) -> Expectations:
    if task is not None:
        found = Task.objects.filter(slug=task).first()
        if found is None:
            raise CommandError(f"There is no task {task!r}.", returncode=2)
        return expectations(found)
    if robot is None:
        return Expectations()
    try:
        spec = embodiment(robot).spec
    except LearningError as error:
        raise CommandError(str(error), returncode=2) from error
    shapes = {name: feature.shape for name, feature in spec.observation.items()}
    return Expectations(
        features={**shapes, "action": spec.action.shape},
        fps=spec.control_hz,
        optional=frozenset(name for name, f in spec.observation.items() if f.privileged),
    )
