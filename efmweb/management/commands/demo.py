"""`manage.py demo`: the site with fleets that learn before your eyes; `--headless` does the same job and reports."""

import json
import sys
import threading
import time
import webbrowser
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from efmweb import demo, group, site
from efmweb.errors import ServiceError
from models_store.errors import LearningError
from practice.errors import PracticeError
from practice.models import Evaluation
from practice.services.people import make_sign_in_link

INTERRUPTED = 130
"""Exit status of a program ended by Ctrl-C."""


class Command(BaseCommand):
    """Embedded services, web, workers, and the main job through the services a user uses."""

    help = (
        "Show the whole thing: a LanguageTable fleet learns to push blocks from pictures and words, "
        "then a PointMass fleet to reach its goal, both live. --headless reports instead."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        environment = settings.ENVIRONMENT
        parser.add_argument("--host", default=environment.host, help="address to listen on")
        parser.add_argument("--port", type=int, default=environment.port, help="port to listen on")
        parser.add_argument(
            "--headless", action="store_true", help="no browser: progress, a table, report.json"
        )

    def handle(self, *, host: str, port: int, headless: bool, **_options: Any) -> None:
        """Run until stopped, or, headless, until the job is done."""
        started = time.monotonic()
        try:
            site.check_address(host, port)
            with site.services():
                site.prepare()
                show = self._report if headless else self._show
                code = show(host, port, started)
        except (ServiceError, PracticeError, LearningError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            # Ctrl-C is how the site is left; a report that was cut off is none.
            code = INTERRUPTED if headless else 0
        sys.exit(code)

    def _show(self, host: str, port: int, started: float) -> int:
        stopped = threading.Event()

        def guide() -> None:
            try:
                self._guide(host, port, started)
            except Error:
                # Whoever leaves early takes the database away; a second start goes on from there.
                if not stopped.is_set():
                    raise
            finally:
                connections.close_all()

        try:
            return group.foreground(site.processes(host, port), alongside=guide)
        finally:
            stopped.set()

    def _guide(self, host: str, port: int, started: float) -> None:
        """Beside the site, in a thread: print where to look, then do the job a person would do."""
        try:
            site.wait_until_it_answers(host, port)
            link = (
                site.url(host, port) + f"sign-in/{make_sign_in_link(demo.demo_person(), by=None)}/"
            )
            self._say(f"efmweb is ready: {site.url(host, port)}")
            self._say(f"Sign in once with this link: {link}")
            if sys.stdout.isatty():
                webbrowser.open(link)
            for outcome in demo.run_demo(paced=True, tell=self._tell_lines(), since=started):
                self._say(
                    f"{outcome.show.title}: Stage 1 reached {_percent(outcome.before)}, "
                    f"Stage 2 {_percent(outcome.after)} true success."
                )
            self._say("That is all there is to show. Look around; Ctrl-C stops everything.")
        except (ServiceError, PracticeError, LearningError) as error:
            self._say(f"The demonstration stopped: {error} The site goes on; Ctrl-C stops it.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _tell_lines(self) -> demo.Tell:
        """One line per step as it begins, and one as it ends."""
        said: dict[str, bool] = {}

        def tell(step: str, share: float, words: str) -> None:
            done = share >= 1.0
            if said.get(step) is not done:
                said[step] = done
                self._say(f"{step}: {words if done else 'begins'}")

        return tell

    def _report(self, host: str, port: int, started: float) -> int:
        folder = Path(settings.EFM_VAR) / "demo"
        path, logs = folder / "report.json", folder / "logs"
        outcomes: list[demo.Outcome] = []
        with group.background(site.processes(host, port), logs), _Bars() as bars:
            try:
                for outcome in demo.run_demo(paced=False, tell=bars.tell, since=started):
                    outcomes.append(outcome)
                    # What is known is written at once: the next show may fail.
                    path.write_text(json.dumps(demo.report_of(outcomes), indent=2) + "\n")
            except ServiceError as error:
                raise CommandError(f"{error} The processes' logs lie in {logs}.") from error
            finally:
                connections.close_all()
        for outcome in outcomes:
            Console().print(_table(outcome))
            self._say(_times(outcome))
        self._say(f"{path}, {time.monotonic() - started:.0f} s in all")
        worse = [outcome.show.title for outcome in outcomes if not outcome.better]
        for title in worse:
            self.stderr.write(f"{title}: Stage 2 is not better than Stage 1.")
        return 1 if worse else 0


class _Bars:
    """Progress bars on the terminal, one per step."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<40}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}"),
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> "_Bars":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, step: str, share: float, words: str) -> None:
        if step not in self._bars:
            self._bars[step] = self._progress.add_task(step, total=1.0, words="")
        self._progress.update(self._bars[step], completed=share, words=words)


def _percent(evaluation: Evaluation) -> str:
    return (
        f"{100 * (evaluation.success or 0):.1f} % "
        f"[{100 * (evaluation.ci_low or 0):.1f}, {100 * (evaluation.ci_high or 0):.1f}] in "
        f"{evaluation.mean_steps or float('nan'):.1f} steps"
    )


def _table(outcome: demo.Outcome) -> Table:
    table = Table(title=f"{outcome.task.name}, true success on fixed seeds")
    for title in ("", "success", "95 % interval", "mean steps", "episodes"):
        table.add_column(title, justify="left" if not title else "right")
    for name, row in (("Stage 1: SFT", outcome.before), ("Stage 2: practice", outcome.after)):
        table.add_row(
            name,
            f"{100 * (row.success or 0):.1f} %",
            f"{100 * (row.ci_low or 0):.1f} to {100 * (row.ci_high or 0):.1f} %",
            f"{row.mean_steps or float('nan'):.1f}",
            str(row.episodes),
        )
    return table


def _times(outcome: demo.Outcome) -> str:
    first = outcome.seconds_to_first_practice
    begun = "" if first is None else f"first practice after {first:.0f} s, "
    return f"Lift {outcome.lift_points:+.1f} points; {begun}over after {outcome.seconds:.0f} s\n"
