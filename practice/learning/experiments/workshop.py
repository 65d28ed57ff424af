"""A folder of stages: finished ones are found again, one that was cut off goes on.

FOLDER/<digest>/ is a finished stage: `stage.json`, `outcome.json` and a folder per checkpoint. It
is written as FOLDER/<digest>.part/ and renamed last; meanwhile `state.safetensors` in it holds the
run as it was a minute ago at most.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models_store.checkpoint import EFMCheckpoint
from models_store.state_file import load_tree, save_tree
from practice.learning.errors import LearningError
from practice.learning.experiments.descriptions import agree
from practice.learning.experiments.stages import Stage
from practice.learning.types import Report, Work

Tell = Callable[[Stage, float, str], None]
"""Called with the stage at work, its share done, and a few words."""

_STATE, _STAGE, _OUTCOME = "state.safetensors", "stage.json", "outcome.json"


_AWAITED = {
    "eval_success": "success",
    "val_loss_bc": "loss",
    "matching_accuracy": "matching",
    "word_accuracy": "words",
}
"""Of a report's values the one that people wait for, and what it is called."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished stage."""

    folder: Path
    result: dict[str, Any]
    curve: list[dict[str, float]]
    seconds: float
    """Of work, pauses not counted."""

    device: str


class Workshop:
    """Makes stages, each once."""

    def __init__(
        self,
        folder: Path,
        *,
        device: str = "cpu",
        processes: int = 0,
        save_every: float = 60.0,
        tell: Tell | None = None,
    ) -> None:
        """`save_every` is in seconds; `tell` hears of every step."""
        self._folder, self._save_every = folder, save_every
        self.device, self.processes = device, processes
        self.tell = tell or (lambda stage, share, words: None)

    def found(self, stage: Stage) -> Made | None:
        """The finished stage, if it is there.

        Raises:
            LearningError: its folder holds something else.
        """
        folder = self._folder / stage.digest
        if not folder.exists():
            return None
        try:
            kept = json.loads((folder / _STAGE).read_text())
            outcome = json.loads((folder / _OUTCOME).read_text())
        except (OSError, ValueError) as error:
            raise LearningError(
                f"{folder} is damaged: {error}. Delete it to run it anew."
            ) from error
        if not agree(kept, stage.to_json()):
            raise LearningError(
                f"{folder} was made when settings had other defaults; delete it to run it anew."
            )
        return Made(
            folder, outcome["result"], outcome["curve"], outcome["seconds"], outcome["device"]
        )

    def make(self, stage: Stage) -> Made:
        """The finished stage, made now if need be, after all that it needs."""
        made = self.found(stage)
        if made is not None:
            return made
        for need in stage.needs:
            self.make(need)
        part = self._folder / f"{stage.digest}.part"
        part.mkdir(parents=True, exist_ok=True)
        self.tell(stage, 0.0, "")
        work, curve, seconds = self._drive(stage, part)
        _finish(part, stage, work, {"curve": curve, "seconds": seconds, "device": self.device})
        part.rename(self._folder / stage.digest)
        made = self.found(stage)
        assert made is not None
        return made

    def checkpoint(self, stage: Stage, role: str) -> EFMCheckpoint:
        """What a stage left behind."""
        return EFMCheckpoint.load(self.make(stage).folder / role)

    def _drive(self, stage: Stage, part: Path) -> tuple[Work, list[dict[str, float]], float]:
        """Take the run to its end, from wherever it was."""
        work, state = stage.make(self), part / _STATE
        curve: list[dict[str, float]] = []
        spent = 0.0
        if state.exists():
            tree = load_tree(state)
            work.load_state(tree["work"])
            curve, spent = tree["curve"], tree["seconds"]
        began = saved = time.monotonic()
        while not (work.finished or stage.spent(curve)):
            report = work.step()
            curve.append(_entry(report))
            self.tell(stage, report.iteration / (report.total or 1), _words(report))
            if time.monotonic() - saved >= self._save_every:
                seconds = spent + time.monotonic() - began
                save_tree(state, {"work": work.state(), "curve": curve, "seconds": seconds})
                saved = time.monotonic()
        return work, curve, spent + time.monotonic() - began


def _finish(part: Path, stage: Stage, work: Work, outcome: dict[str, Any]) -> None:
    """Write everything that stays; what an earlier attempt began to write is replaced."""
    roles = work.checkpoints()
    for role, checkpoint in roles.items():
        shutil.rmtree(part / role, ignore_errors=True)
        checkpoint.save(part / role)
    outcome |= {
        "result": work.result(),
        "checkpoints": {role: checkpoint.digest for role, checkpoint in roles.items()},
    }
    for name, content in ((_STAGE, stage.to_json()), (_OUTCOME, outcome)):
        (part / name).write_text(json.dumps(content, indent=1) + "\n")
    (part / _STATE).unlink(missing_ok=True)


def _entry(report: Report) -> dict[str, float]:
    return {
        "iteration": report.iteration,
        "episodes": report.episodes_total,
        "env_steps": report.env_steps,
        **report.values,
    }


def _words(report: Report) -> str:
    """The figure people wait for."""
    for name, word in _AWAITED.items():
        if name in report.values:
            value = report.values[name]
            return f"{word} {value:.3f}" if word == "loss" else f"{word} {value:.1%}"
    return ""
