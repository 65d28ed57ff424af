"""The frames of cameras stored as video, episode by episode: each mp4 is opened once when episodes come in order."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_table import Dataset
from practice.episodes.video_read import EndOfVideoError, VideoReader, tolerance


class FilmError(DatasetError):
    """A camera's frames of one episode that cannot be read; `file` is the mp4."""

    def __init__(self, file: str, reason: str, frame: int) -> None:
        super().__init__(file, reason)
        self.frame = frame
        """The first frame of the episode that is lacking."""


class Films:
    """The videos of some cameras; holds one open file and one frame a camera."""

    def __init__(
        self,
        dataset: Dataset,
        sizes: Mapping[str, tuple[int, int]],
        told: Callable[[int], None] = lambda _frames: None,
    ) -> None:
        """`sizes` are the (H, W) in which each camera is wanted; `told` gets the frames decoded since it was last called."""
        self._dataset, self._sizes, self._told = dataset, sizes, told
        self._readers: dict[str, VideoReader] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for camera in list(self._readers):
            self._close(camera)

    def fill(self, camera: str, episode: int, out: NDArray[Any]) -> None:
        """Write the episode's frames into `out` (T, H, W, 3); where the last is lacking, the one before stands in for it.

        Raises:
            FilmError: a frame cannot be had. Other episodes can be read all the same.
        """
        table, fps = self._dataset.episodes.videos[camera], self._dataset.info.fps
        file, start, end = table.file[episode], table.start[episode], table.end[episode]
        times = start + np.arange(len(out)) / fps
        times = times[times < end - 0.5 / fps]  # the next episode begins there
        done = 0
        try:
            reader = self._reader(camera, file)
            for picture in reader.frames(times, tolerance(fps), self._sizes[camera]):
                out[done] = picture
                done += 1
                self._told(1)  # a long episode takes minutes
        except DatasetError as error:
            if not (isinstance(error, EndOfVideoError) and 0 < done == len(out) - 1):
                self._close(camera)
                raise FilmError(file, f"camera {camera!r} {error.reason}", done) from error
        if done < len(out) - 1 or not done:
            reason = f"camera {camera!r} has {done} frames from {start:.3f} s to {end:.3f} s"
            raise FilmError(file, f"{reason}; the episode has {len(out)}", done)
        out[done:] = out[done - 1]
        self._told(len(out) - done)

    def _reader(self, camera: str, file: str) -> VideoReader:
        held = self._readers.get(camera)
        if held is not None and held.file == file:
            return held
        self._close(camera)
        held = self._readers[camera] = VideoReader(self._dataset.root / file, file=file)
        return held

    def _close(self, camera: str) -> None:
        held = self._readers.pop(camera, None)
        if held is not None:
            held.close()
