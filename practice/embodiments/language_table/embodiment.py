"""LanguageTable: one class, several tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.interface import (
    Captioned,
    Demonstrator,
    FleetSim,
    Observation,
    Scenes,
)
from practice.embodiments.language_table.presets import LANGUAGE_TABLE_4, Table, spec_of
from practice.embodiments.language_table.words import read_goal

if TYPE_CHECKING:
    from practice.embodiments.language_table.goals import Goal


class LanguageTable:
    """A pusher on a table of things, told in words what to do with them.

    Simulator, pictures and demonstrators are imported when they are made: the facts alone cost nothing.
    """

    def __init__(self, table: Table = LANGUAGE_TABLE_4) -> None:
        """One of the presets."""
        self.table, self.spec = table, spec_of(table)

    def make_fleet(self, num_robots: int) -> FleetSim:
        """R tables in this process."""
        from practice.embodiments.language_table.fleet import LanguageTableFleet  # noqa: PLC0415

        return LanguageTableFleet(self.table, num_robots)

    def action_limits(
        self, limits: Mapping[str, float]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Plus and minus `max_move` along each axis."""
        most = np.float32(self.spec.check_limits(limits)["max_move"])
        return np.full(2, -most, dtype=np.float32), np.full(2, most, dtype=np.float32)

    def render(self, observation: Observation, *, size: int) -> NDArray[np.uint8]:
        """The table as people like to see it, (size, size, 3)."""
        from practice.embodiments.language_table.portrait import render_table  # noqa: PLC0415

        return render_table(self.table, observation, size=size)

    def demonstrator(self, num_robots: int, style: str = "human") -> Demonstrator:
        """An expert: "oracle" is near perfect, "human" is not."""
        from practice.embodiments.language_table.demonstrators import (  # noqa: PLC0415
            make_demonstrator,
        )

        return make_demonstrator(self.table, num_robots, style)

    def scenes(self, count: int, *, seed: int, instructions: Sequence[str] = ()) -> Scenes:
        """Pictures of random play, and where things are in them."""
        from practice.embodiments.language_table.play import scenes  # noqa: PLC0415

        understood = [text for text in instructions if self._understands(text)]
        texts = tuple(dict.fromkeys((*self.spec.instructions, *understood)))
        return scenes(self.table, count, seed=seed, texts=texts)

    def captioned(self, count: int, *, seed: int, captions: int) -> Captioned:
        """Pictures of random play, and sentences about them."""
        from practice.embodiments.language_table.captions import captioned  # noqa: PLC0415

        return captioned(self.table, count, seed=seed, captions=captions)

    def goal(self, instruction: str) -> Goal:
        """What a text asks for on this table.

        Raises:
            LearningError: it cannot be understood.
        """
        return read_goal(instruction, self.table.things)

    def check_instruction(self, text: str) -> None:
        """Raises LearningError where `goal` would."""
        self.goal(text)

    def _understands(self, text: str) -> bool:
        try:
            self.check_instruction(text)
        except LearningError:
            return False
        return True

    def keep_demonstration(self, length: int, success: bool) -> bool:
        """Only arrivals, and none that was there from the start."""
        return success and length >= 2
