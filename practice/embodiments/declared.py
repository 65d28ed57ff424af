"""Robots that an administrator allows by a file: any Gymnasium environment becomes an embodiment.

The folder that `EFM_EMBODIMENTS` names holds one JSON file each, `<id>.json`. Facts come from the
file alone; what it names is imported when somebody makes a fleet, never by a page.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.declaration import Declaration
from practice.embodiments.interface import Demonstrator, FleetSim, Observation
from practice.embodiments.plate import camera_picture, plate
from practice.embodiments.spec import is_camera

FOLDER = "EFM_EMBODIMENTS"
"""The variable in which settings hand the folder on to every process, also to those that know no
Django: simulators and whoever draws.
"""

_LARGEST_FILE = 2**20


@dataclass(frozen=True, slots=True)
class Folder:
    """What the files say, by id; and of each that cannot be used, what to do about it."""

    declarations: Mapping[str, Declaration] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


def declared_embodiments(taken: Collection[str]) -> Folder:
    """What the folder holds now; ids that are `taken` cannot be had again."""
    named = os.environ.get(FOLDER, "")
    folder = Path(named)
    if not named or not folder.is_dir():
        return Folder()
    declarations: dict[str, Declaration] = {}
    problems: dict[str, str] = {}
    try:
        paths = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
        for path in paths:
            found = _found(path, taken)
            if isinstance(found, Declaration):
                declarations[path.stem] = found
            else:
                problems[path.stem] = f"{path}: {found} Correct the file or take it away."
    except OSError as error:
        problems[folder.name] = f"{folder} cannot be read: {error}."
    return Folder(declarations, problems)


def _found(path: Path, taken: Collection[str]) -> Declaration | str:
    if path.stem in taken:
        return f"{path.stem!r} is the id of a robot that is always there; choose another."
    try:
        about = path.stat()
    except OSError as error:
        return f"it cannot be read ({error.strerror})."
    return _read(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=256)
def _read(path: Path, changed: int, size: int) -> Declaration | str:
    """A file as it is at this time, or what is wrong with it; read again when it changes."""
    try:
        return read_declaration(path)
    except LearningError as error:
        return str(error)


def read_declaration(path: Path) -> Declaration:
    """The declaration in one file, whose name is `<id>.json`.

    Raises:
        LearningError: it is none; the message says what is wrong with it.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise LearningError("it is larger than a declaration can be.")
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise LearningError(f"it cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise LearningError(f"it is not JSON ({error}).") from error
    declaration = Declaration.from_json(data)
    if declaration.spec.id != path.stem:
        raise LearningError(
            f"its id is {declaration.spec.id!r}, so the file must be named "
            f"{declaration.spec.id}.json."
        )
    return declaration


class DeclaredEmbodiment:
    """The embodiment of a declaration."""

    def __init__(self, declaration: Declaration) -> None:
        """Imports nothing."""
        self.declaration, self.spec = declaration, declaration.spec

    def make_fleet(self, num_robots: int) -> FleetSim:
        """R environments in this process."""
        # Here and not above: pages read this module, and need neither Gymnasium nor the plug-in.
        from practice.embodiments.declared_fleet import DeclaredFleet  # noqa: PLC0415

        return DeclaredFleet(self.declaration, num_robots)

    def action_limits(
        self, limits: Mapping[str, float]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The declared bounds; each limit keeps the values it names between minus and plus itself."""
        action = self.spec.action
        low, high = np.array(action.low, np.float32), np.array(action.high, np.float32)
        for name, most in self.spec.check_limits(limits).items():
            bound = np.isin(action.names, self.declaration.limited[name])
            low[bound] = np.maximum(low[bound], -most)
            high[bound] = np.minimum(high[bound], most)
        return low, high

    def render(self, observation: Observation, *, size: int) -> NDArray[np.uint8]:
        """What the first camera saw, or else the numbers, (size, size, 3)."""
        for name in self.spec.cameras:
            if name in observation:
                return camera_picture(observation[name], size)
        numbers = [
            (label, value)
            for name, feature in self.spec.observation.items()
            if name in observation and not is_camera(name)
            for label, value in zip(feature.names, observation[name].tolist(), strict=True)
        ]
        return plate(numbers, size)

    def demonstrator(self, num_robots: int) -> Demonstrator:
        """There is none.

        Raises:
            LearningError: always; the message says what to do instead.
        """
        raise LearningError(
            f"{self.spec.title} has no scripted demonstrator; upload demonstrations "
            f"(a LeRobotDataset v3.0) to a task of it."
        )

    def check_instruction(self, text: str) -> None:
        """Where the environment reads instructions, they must be among the declared ones: nobody
        here can ask it. Where it does not, any text will do.

        Raises:
            LearningError: the text is not among them.
        """
        if self.declaration.instruction_option is not None and text not in self.spec.instructions:
            raise LearningError(
                f"{self.spec.title} does not list the instruction {text!r}; it lists, for example, "
                f"{self.spec.instructions[0]!r}. Add it to the instructions of its declaration."
            )

    def keep_demonstration(self, length: int, success: bool) -> bool:
        """Only arrivals, and none that was there from the start."""
        return success and length >= 2
