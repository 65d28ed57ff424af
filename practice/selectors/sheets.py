"""What a camera saw in an episode, as one picture that the replay's page cuts into frames."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models_store.errors import LearningError
from practice.embodiments.registry import embodiment
from practice.episodes.pictures import encode_png
from practice.errors import MissingError
from practice.models import Episode
from practice.selectors.replay import episode_arrays

MAX_SIDE = 128
"""Pixels of a frame's longer side; larger pictures are thinned, for they are shown small."""
MAX_PIXELS = 4_000_000
"""Of a sheet; of a longer episode every second, third, ... frame is on it."""
MAX_COLUMNS = 32
_LEVEL = 6


@dataclass(frozen=True)
class CameraSheet:
    """Frames of one camera, in rows from left to right. All but the pixels follows from the row and the embodiment."""

    episode: Episode
    number: int
    """Which of the embodiment's cameras."""
    name: str
    recorded: tuple[int, int]
    """Height and width of a picture as the model saw it."""

    @property
    def short_name(self) -> str:
        """The camera's own name, e.g. "top"."""
        return self.name.rpartition(".")[2]

    @property
    def thinned(self) -> int:
        """Every so many pixels of a line, and lines, are shown."""
        return -(-max(self.recorded) // MAX_SIDE)

    @property
    def height(self) -> int:
        """Of one frame, pixels."""
        return -(-self.recorded[0] // self.thinned)

    @property
    def width(self) -> int:
        """Of one frame, pixels."""
        return -(-self.recorded[1] // self.thinned)

    @property
    def every(self) -> int:
        """Frame k of the sheet is frame k * `every` of the episode."""
        return max(1, -(-self.episode.rows * self.height * self.width // MAX_PIXELS))

    @property
    def frames(self) -> int:
        """On the sheet."""
        return -(-self.episode.rows // self.every)

    @property
    def columns(self) -> int:
        """Frames side by side."""
        return min(self.frames, MAX_COLUMNS)

    @cached_property
    def tag(self) -> str:
        """Names exactly these pixels."""
        e = self.episode
        facts = (e.blob_key, e.first_row, e.rows, self.name, self.recorded, MAX_SIDE, MAX_PIXELS)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:20]

    def content(self) -> bytes:
        """The sheet as PNG.

        Raises:
            MissingError: the recording cannot be read or has no such pictures.
        """
        seen = episode_arrays(self.episode, [self.name]).recorded.observation.get(self.name)
        if seen is None or seen.shape[1:] != (*self.recorded, 3):
            raise MissingError(f"Episode {self.episode.pk} has no pictures of {self.name}.")
        frames = seen[:: self.every, :: self.thinned, :: self.thinned]
        lines = -(-self.frames // self.columns)
        whole = np.zeros((lines * self.columns, *frames.shape[1:]), np.uint8)
        whole[: len(frames)] = frames
        table = whole.reshape(lines, self.columns, self.height, self.width, 3)
        sheet = table.swapaxes(1, 2).reshape(lines * self.height, self.columns * self.width, 3)
        return encode_png(sheet, level=_LEVEL)


def camera_sheets(episode: Episode) -> list[CameraSheet]:
    """A sheet per camera of the episode's robot; none for a robot nobody knows any more."""
    try:
        spec = embodiment(episode.task.embodiment).spec
    except LearningError:
        return []
    return [
        CameraSheet(episode, number, name, (shape[0], shape[1]))
        for number, name in enumerate(spec.cameras)
        if len(shape := spec.observation[name].shape) == 3
    ]
