"""`python read.py FOLDER` in LeRobot's own environment: our exports load there, and hold what was written.

It needs nothing of efmweb, and pytest does not collect it: the two cannot share an environment. `make interop` runs both sides.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from lerobot.datasets.dataset_tools import split_dataset
from lerobot.datasets.lerobot_dataset import LeRobotDataset

CAMERA, FPS = "observation.images.top", 10
TOLERANCE = {"image": 0.5, "video": 4.0}
"""Levels of grey of 255 that a frame may differ by."""
SPLIT = [0, 2, 3]
"""Episodes, the shortest among them, that are split off: what is left has gaps."""


def check(root: Path, expected: dict[str, Any]) -> None:
    """Every frame by number, one episode alone, and a frame with the one before it."""
    kind = root.name
    options: dict[str, Any] = {"root": root, "video_backend": "pyav"}
    whole = LeRobotDataset(f"efmweb/{kind}", **options)
    lengths = expected["lengths"]
    assert len(whole) == lengths.sum(), len(whole)
    assert whole.num_episodes == len(lengths), whole.num_episodes
    for number in range(len(whole)):
        same(whole[number], expected, number, TOLERANCE[kind])

    alone = LeRobotDataset(f"efmweb/{kind}", episodes=[1], **options)
    assert len(alone) == lengths[1], len(alone)
    for number in range(len(alone)):
        same(alone[number], expected, lengths[0] + number, TOLERANCE[kind])

    pairs = LeRobotDataset(f"efmweb/{kind}", delta_timestamps={CAMERA: [-1 / FPS, 0.0]}, **options)
    greys = np.array([float(picture.mean()) * 255 for picture in pairs[3][CAMERA]])
    assert np.abs(greys - expected["grey"][2:4]).max() < TOLERANCE[kind], greys
    print(f"{kind}: {len(whole)} frames of {whole.num_episodes} episodes are as written")  # noqa: T201


def check_split(root: Path, expected: dict[str, Any]) -> None:
    """What LeRobot splits off has statistics of its own: it makes them of those of the episodes that it keeps."""
    whole = LeRobotDataset(f"efmweb/{root.name}", root=root, video_backend="pyav")
    with tempfile.TemporaryDirectory() as folder:
        stats = split_dataset(whole, {"part": SPLIT}, folder)["part"].meta.stats
    assert stats, "LeRobot found no statistics of the episodes"
    assert stats.keys() == whole.meta.features.keys(), stats
    kept = np.isin(np.repeat(np.arange(len(expected["lengths"])), expected["lengths"]), SPLIT)
    for name, key in (("observation.state", "state"), ("action", "action")):
        rows = expected[key][kept].astype(np.float64)
        assert stats[name]["count"].tolist() == [len(rows)], stats[name]
        for stat in ("min", "max", "mean", "std"):
            np.testing.assert_allclose(stats[name][stat], getattr(rows, stat)(axis=0), rtol=1e-6)
    assert all(np.shape(stats[CAMERA][stat]) == (3, 1, 1) for stat in ("mean", "std", "q01", "q99"))
    assert np.abs(stats[CAMERA]["mean"] * 255 - expected["grey"][kept].mean()).max() < 20, stats
    print(f"{root.name}: split off with statistics of {kept.sum()} frames")  # noqa: T201


def same(item: dict[str, Any], expected: dict[str, Any], number: int, tolerance: float) -> None:
    """One frame is as it was written."""
    assert item["task"] == expected["task"][number], (number, item["task"])
    for name, key in (("observation.state", "state"), ("action", "action")):
        np.testing.assert_array_equal(item[name].numpy(), expected[key][number])
    grey = float(item[CAMERA].mean()) * 255
    assert abs(grey - expected["grey"][number]) < tolerance, (number, grey)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with np.load(folder / "expected.npz") as written:
        for name in TOLERANCE:
            check(folder / name, dict(written))
            check_split(folder / name, dict(written))
