"""Scripted demonstrations as a LeRobotDataset v3.0, ready for anybody's upload door."""

from __future__ import annotations

from pathlib import Path

from practice.embodiments.interface import Embodiment
from practice.episodes.lerobot_layout import Notes
from practice.episodes.lerobot_write import Written, write_dataset
from practice.episodes.types import Episode
from practice.fleet.demonstrations import make_demonstrations


def write_demonstrations(robot: Embodiment, out: Path, count: int, *, seed: int = 0) -> Written:
    """Write `count` demonstrations of the embodiment's own expert to the .zip `out`, whole or not at all."""
    spec = robot.spec

    def notes(_episode: Episode) -> Notes:
        return Notes(source=f"scripted demonstrator of {spec.id}")

    return write_dataset(
        out,
        make_demonstrations(robot, count, seed=seed, instructions=spec.instructions),
        features={**spec.observation, "action": spec.action},
        fps=round(spec.control_hz),
        robot_type=spec.id,
        as_zip=True,
        notes=notes,
    )
