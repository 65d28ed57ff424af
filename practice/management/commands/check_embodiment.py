"""`manage.py check_embodiment ID`: whether a robot's simulator does what practice needs of it."""

import json
import os
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from models_store.errors import LearningError
from practice.embodiments.checks import Check, check_embodiment
from practice.embodiments.registry import declaration_problems, embodiment


class Command(BaseCommand):
    """Say of each check OK or what to do; the exit status is 1 when something is to be done."""

    help = "Check an embodiment: spaces, seeding, determinism, state, success, speed, pictures, demonstrator."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("embodiment", help="its id, e.g. language-table-4")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the answer there too")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Look at everything, whatever fails."""
        # What must be drawn must be drawn without a screen, so none is to be found.
        for screen in ("DISPLAY", "WAYLAND_DISPLAY"):
            os.environ.pop(screen, None)
        try:
            robot = embodiment(options["embodiment"])
        except LearningError as error:
            problems = [text for text in declaration_problems() if text != str(error)]
            raise CommandError("\n".join([str(error), *problems])) from error
        found: list[Check] = []
        for check in check_embodiment(robot):
            self._show(check)
            found.append(check)
        ok = all(check.ok for check in found)
        if options["json"]:
            whole = {
                "embodiment": robot.spec.id,
                "ok": ok,
                "checks": [asdict(check) for check in found],
            }
            options["json"].write_text(json.dumps(whole, indent=2) + "\n")
        if not ok:
            sys.exit(1)

    def _show(self, check: Check) -> None:
        word = self.style.SUCCESS("OK   ") if check.ok else self.style.ERROR("TO DO")
        self.stdout.write(f"{word} {check.name}: {check.text}")
