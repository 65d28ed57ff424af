"""`python -m tests.interop.check FOLDER`: what LeRobot recorded passes every check here, and holds what was recorded."""

import sys
from pathlib import Path

import numpy as np

from practice.episodes.lerobot_meta import open_dataset
from practice.episodes.lerobot_read import read_episodes
from practice.episodes.lerobot_validate import validate_dataset

CAMERA, LENGTHS = "observation.images.top", (7, 3, 25, 2, 12)
TASKS = ("reach the ring", "circle the ring twice")
TOLERANCE = {"image": 0.5, "video": 6.0}
"""Levels of grey of 255 that a frame may differ by: LeRobot's AV1 is not exact."""


def check(root: Path) -> None:
    """Every frame of every episode."""
    report = validate_dataset(root)
    assert report.ok, report.error
    assert [e.length for e in report.kept()] == list(LENGTHS), report.episodes
    number = 0
    for episode, length in zip(read_episodes(root, report), LENGTHS, strict=True):
        at = np.arange(number, number + length)
        expected = np.stack([at, at / 2, -at], axis=1).astype(np.float32)
        np.testing.assert_array_equal(episode.observation["observation.state"][:-1], expected)
        np.testing.assert_array_equal(episode.action, np.stack([at / 4, -at / 8], axis=1))
        greys = episode.observation[CAMERA][:-1].mean(axis=(1, 2, 3))
        assert np.abs(greys - ((9 * at) % 200 + 20)).max() < TOLERANCE[root.name], greys
        assert episode.instruction == TASKS[LENGTHS.index(length) % 2], episode.instruction
        number += length
    version = open_dataset(root).version
    print(f"{root.name}: {number} frames of LeRobot's {version} dataset are as recorded")  # noqa: T201


if __name__ == "__main__":
    for name in TOLERANCE:
        check(Path(sys.argv[1]) / name)
