"""The original camera videos of an episode: which mp4 holds it, and where in it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models_store.errors import LearningError
from practice import storage
from practice.embodiments.spec import CAMERA_PREFIX
from practice.errors import MissingError
from practice.models import Episode

CONTENT_TYPE = "video/mp4"


@dataclass(frozen=True, slots=True)
class CameraVideo:
    """One camera's video of one episode; the mp4 may hold others before and after it."""

    episode: Episode
    name: str
    """As the dataset calls it, e.g. "observation.images.front": a stranger's text."""
    key: str
    """Of the blob."""
    start: float
    """Where the episode's first frame stands, seconds."""
    fps: float
    """Frame k stands at `start` + k / `fps`."""

    @property
    def short_name(self) -> str:
        """The camera's own name, e.g. "front"."""
        return self.name.removeprefix(CAMERA_PREFIX) or self.name

    @property
    def tag(self) -> str:
        """Names exactly these bytes: a video is written once under its key."""
        return hashlib.sha256(self.key.encode()).hexdigest()[:20]

    def path(self) -> Path:
        """Where the mp4 lies.

        Raises:
            MissingError: it is gone.
        """
        try:
            return storage.blobs().path(self.key)
        except LearningError as error:
            raise MissingError(
                f"The video of camera {self.name!r} of episode {self.episode.pk} is gone; import its dataset again."
            ) from error


def camera_videos(episode: Episode) -> list[CameraVideo]:
    """A video per camera that came as one, by name. A name that no address can carry is left out."""
    places: Mapping[str, Mapping[str, object]] = episode.videos
    return [
        CameraVideo(
            episode=episode,
            name=name,
            key=str(place["key"]),
            start=float(str(place["start"])),
            fps=float(str(place["fps"])),
        )
        for name, place in sorted(places.items())
        if name and "/" not in name
    ]


def camera_video(episode: Episode, name: str) -> CameraVideo:
    """The video of this camera.

    Raises:
        MissingError: there is none; the message names those there are.
    """
    videos = camera_videos(episode)
    for video in videos:
        if video.name == name:
            return video
    known = f"it has {', '.join(v.name for v in videos)}" if videos else "it has none at all"
    raise MissingError(f"Episode {episode.pk} has no video of a camera {_shown(name)}; {known}.")


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else f"{name[:77]}...")
