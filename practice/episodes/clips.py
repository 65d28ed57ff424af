"""Where an episode stands in the original videos of its dataset: for people who want to see what the cameras saw."""

from dataclasses import dataclass
from pathlib import Path

from practice.episodes.lerobot_table import Dataset


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of an mp4; frame k of the episode stands at `start` + k / fps."""

    file: Path
    start: float
    """Seconds of the first frame."""
    end: float
    """Seconds after the last frame."""


def clips_of(dataset: Dataset, episode: int) -> dict[str, Clip]:
    """The clip of every camera that is stored as video, also those that no embodiment knows, by the dataset's names.

    A camera of which the metadata makes no sense is left out. Whether a file is there and can be played, `video_read` says.
    """
    return {
        camera: Clip(
            dataset.root / table.file[episode],
            float(table.start[episode]),
            float(table.end[episode]),
        )
        for camera, table in dataset.episodes.videos.items()
        if episode not in table.faults
    }
