"""`python record.py FOLDER` in LeRobot's own environment: two datasets that LeRobot itself records, for `check.py` to import.

It needs nothing of efmweb, and pytest does not collect it. `make interop` runs it.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

CAMERA, SHAPE, FPS = "observation.images.top", (48, 64, 3), 10
LENGTHS = (7, 3, 25, 2, 12)
TASKS = ("reach the ring", "circle the ring twice")


def frame(number: int) -> dict[str, Any]:
    """Frame `number` of the whole, with a grey and numbers of its own."""
    grey = (9 * number) % 200 + 20
    return {
        CAMERA: np.full(SHAPE, grey, np.uint8),
        "observation.state": np.array([number, number / 2, -number], np.float32),
        "action": np.array([number / 4, -number / 8], np.float32),
    }


def record(root: Path, *, video: bool) -> None:
    """Record all episodes."""
    kind = "video" if video else "image"
    names = ["height", "width", "channels"]
    features = {
        CAMERA: {"dtype": kind, "shape": SHAPE, "names": names},
        "observation.state": {"dtype": "float32", "shape": (3,), "names": ["x", "y", "z"]},
        "action": {"dtype": "float32", "shape": (2,), "names": ["a", "b"]},
    }
    dataset = LeRobotDataset.create(
        f"efmweb/{kind}", FPS, features, root=root, robot_type="table", use_videos=video
    )
    number = 0
    for episode, length in enumerate(LENGTHS):
        for _ in range(length):
            dataset.add_frame({**frame(number), "task": TASKS[episode % 2]})
            number += 1
        dataset.save_episode()
    dataset.finalize()
    print(f"{kind}: LeRobot recorded {number} frames of {len(LENGTHS)} episodes")  # noqa: T201


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    for video in (False, True):
        record(folder / ("video" if video else "image"), video=video)
