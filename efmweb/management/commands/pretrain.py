"""`manage.py pretrain EMBODIMENT`: a small model looks at captioned pictures before any demonstration.

What it has learned to see and read is stored under a name that Stage 1 can begin with, or written as a
checkpoint folder. Ctrl-C stops it; the same command goes on from a minute before.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.progress import Progress, TimeRemainingColumn

from efmweb.locks import hold
from efmweb.management.terminal import check_device, progress_line
from models_store.errors import CheckpointError, LearningError
from practice.embodiments.registry import embodiments
from practice.errors import PracticeError
from practice.learning.config_pretraining import PretrainingConfig
from practice.learning.experiments.parts import pretraining_of
from practice.learning.experiments.stages import Stage
from practice.learning.experiments.workshop import Made, Workshop
from practice.learning.pretrained import ROLE
from practice.services.pretrainings import check_free, keep_pretraining

VARIANTS = ("joint", "unimodal")


class Command(BaseCommand):
    """Pretrain, or go on with it."""

    help = "Pretrain a small model on captioned pictures of a table, for Stage 1 to begin with."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        usual = PretrainingConfig()
        known = ", ".join(spec.id for spec in embodiments() if "table" in spec.id)
        parser.add_argument("embodiment", help=f"a robot with captioned pictures: {known}")
        parser.add_argument(
            "--variant", choices=VARIANTS, default=VARIANTS[0],
            help="pictures with their sentences, or the same ones never together (default joint)",
        )  # fmt: skip
        parser.add_argument(
            "--scenes", type=int, default=usual.scenes, help=f"pictures (default {usual.scenes})"
        )
        parser.add_argument(
            "--steps",
            type=int,
            default=usual.steps,
            help=f"optimiser steps (default {usual.steps})",
        )
        parser.add_argument("--seed", type=int, default=0, help="everything random follows from it")
        parser.add_argument("--device", default="cpu", help="for the networks (default cpu)")
        parser.add_argument("--out", type=Path, help="a new folder for the checkpoint")
        parser.add_argument(
            "--name", help="store it under this name, for runs of Stage 1 to choose"
        )

    def handle(
        self, *, embodiment: str, out: Path | None, name: str | None, **options: Any
    ) -> None:
        """Train; the checkpoint appears whole or not at all."""
        if out is None and name is None:
            raise CommandError("Say where to: --name NAME for runs of Stage 1, or --out FOLDER.")
        folder = settings.EFM_VAR / "pretrain"
        lock = hold(folder / "lock")
        if lock is None:
            raise CommandError("Another pretraining is at work in this data folder; wait for it.")
        try:
            if name is not None:
                check_free(name)
            if out is not None and out.exists():
                raise CommandError(f"{out} exists already; a checkpoint is never overwritten.")
            check_device(options["device"])
            chosen = {key: options[key] for key in ("variant", "scenes", "steps", "seed")}
            stage = pretraining_of(embodiment, **chosen)
            with progress_line(TimeRemainingColumn()) as bar:
                shop = Workshop(
                    folder, device=options["device"], tell=_teller(bar, options["steps"])
                )
                made = shop.make(stage)
            self._put_away(shop, stage, made, out, name)
        except (LearningError, CheckpointError, PracticeError, OSError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. The same command goes on from here; at most a minute is done again.",
                returncode=130,
            ) from None
        finally:
            lock.close()

    def _put_away(
        self, shop: Workshop, stage: Stage, made: Made, out: Path | None, name: str | None
    ) -> None:
        checkpoint = shop.checkpoint(stage, ROLE)
        if out is not None:
            checkpoint.save(out)
        if name is not None:
            keep_pretraining(name, checkpoint.files)
        found = ", ".join(
            f"{key.replace('_', ' ')} {value:.3f}"
            for key, value in made.result.items()
            if isinstance(value, float)
        )
        where = " and ".join(str(one) for one in (out, name) if one is not None)
        self.stdout.write(
            f"{where}: {found}; {made.seconds:.0f} s, digest {checkpoint.digest[:12]}"
        )


def _teller(bar: Progress, steps: int) -> Any:
    """Progress of the one stage, on the bar."""
    line = bar.add_task("Drawing pictures", total=steps)

    def tell(_stage: Stage, share: float, words: str) -> None:
        bar.update(line, completed=share * steps, description=words or "Drawing pictures")

    return tell
