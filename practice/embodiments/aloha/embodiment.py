"""Aloha insertion: one class, two sets of cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.aloha.presets import ALOHA_INSERTION, Preset, spec_of
from practice.embodiments.interface import Demonstrator, FleetSim, Observation, Scenes


class Aloha:
    """Two arms, a peg and a socket.

    Simulator, pictures and demonstrator are imported when they are made: the facts alone cost nothing.
    """

    def __init__(self, preset: Preset = ALOHA_INSERTION) -> None:
        """One of the presets."""
        self.preset, self.spec = preset, spec_of(preset)

    def make_fleet(self, num_robots: int) -> FleetSim:
        """R pairs of arms in this process."""
        from practice.embodiments.aloha.fleet import AlohaFleet  # noqa: PLC0415

        return AlohaFleet(self.preset, num_robots)

    def action_limits(
        self, limits: Mapping[str, float]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The robot's own bounds, drawn towards their middle by `reach`; grippers keep theirs."""
        reach = self.spec.check_limits(limits)["reach"]
        low, high = np.array(self.spec.action.low), np.array(self.spec.action.high)
        share = np.array((*(reach,) * 6, 1.0) * (2 * self.preset.spoken))
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        # Rounding to float32 must not lead past the bounds.
        return (
            np.maximum(middle - share * half, low).astype(np.float32),
            np.minimum(middle + share * half, high).astype(np.float32),
        )

    def render(self, observation: Observation, *, size: int) -> NDArray[np.uint8]:
        """The scene as people like to see it, (size, size, 3)."""
        from practice.embodiments.aloha.portrait import render_scene  # noqa: PLC0415

        return render_scene(observation, size=size)

    def demonstrator(self, num_robots: int) -> Demonstrator:
        """The scripted expert."""
        from practice.embodiments.aloha.oracle import Oracle  # noqa: PLC0415

        return Oracle(num_robots, steps=self.preset.steps)

    def scenes(self, count: int, *, seed: int, instructions: Sequence[str] = ()) -> Scenes:
        """Posed pictures of hands and things; every instruction means the same."""
        from practice.embodiments.aloha.play import scenes  # noqa: PLC0415

        texts = tuple(dict.fromkeys((*self.spec.instructions, *instructions)))
        return scenes(self.preset, count, seed=seed, texts=texts)

    def check_instruction(self, text: str) -> None:
        """The scene has one goal; any wording will do, but not none.

        Raises:
            LearningError: the text is empty.
        """
        if not text.strip():
            raise LearningError(
                f"The instruction is empty; say what to do, as {self.spec.instructions[0]!r}."
            )

    def keep_demonstration(self, length: int, success: bool) -> bool:
        """Only insertions, however many attempts they took."""
        return success and length >= 2
