"""`python -m tests.interop.write FOLDER`: two exports, with pictures and with video, and what must be read from them."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from practice.episodes.lerobot_format import Feature
from practice.episodes.lerobot_write import write_dataset
from practice.episodes.notes import Notes
from practice.episodes.types import Episode
from tests.episodes.episodes import make_episode

CAMERA, SHAPE, FPS = "observation.images.top", (48, 64, 3), 10
FEATURES = {
    CAMERA: Feature("uint8", SHAPE),
    "observation.state": Feature("float32", (3,)),
    "action": Feature("float32", (2,)),
}
LENGTHS = (7, 3, 25, 1, 12)
CAMERAS: tuple[Literal["image", "video"], ...] = ("image", "video")


def filmed(number: int, steps: int) -> Episode:
    """An episode of which each frame has a grey of its own."""
    instruction = ("reach the ring", "circle the ring twice")[number % 2]
    episode = make_episode(number, steps=steps, instruction=instruction)
    greys = (9 * np.arange(steps + 1) + 40 * number) % 200 + 20
    pictures = np.broadcast_to(greys[:, None, None, None], (steps + 1, *SHAPE)).astype(np.uint8)
    return replace(episode, observation={CAMERA: pictures, **episode.observation})


def main(folder: Path) -> None:
    """Write `image/`, `video/` and `expected.npz`."""
    shutil.rmtree(folder, ignore_errors=True)
    episodes = [filmed(number, steps) for number, steps in enumerate(LENGTHS)]
    for cameras in CAMERAS:
        write_dataset(
            folder / cameras,
            episodes,
            features=FEATURES,
            fps=FPS,
            robot_type="table",
            cameras=cameras,
            notes=lambda _: Notes(outcome="success", source="interop"),
        )
    np.savez(
        folder / "expected.npz",
        lengths=np.array(LENGTHS),
        state=np.concatenate([e.observation["observation.state"][:-1] for e in episodes]),
        action=np.concatenate([e.action for e in episodes]),
        grey=np.concatenate([e.observation[CAMERA][:-1].mean(axis=(1, 2, 3)) for e in episodes]),
        task=np.array([e.instruction for e in episodes for _ in range(e.length)]),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
