"""Camera videos for episodes, as an import stores them: one mp4 per camera, in which other episodes lie before and after."""

from fractions import Fraction
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from practice import storage
from practice.embodiments.spec import CAMERA_PREFIX
from practice.episodes.video import encode_video
from practice.models import Episode

OTHERS = 7
"""Frames of other episodes before it, and after."""


def moving(count: int, height: int = 48, width: int = 64, hue: int = 0) -> NDArray[np.uint8]:
    """(count, H, W, 3): a bright bar that goes from left to right, on a ground of one of three colours."""
    frames = np.full((count, height, width, 3), 24, np.uint8)
    frames[..., hue % 3] = 70
    bar = max(2, width // 12)
    for k in range(count):
        at = round((width - bar) * k / max(count - 1, 1))
        frames[k, :, at : at + bar] = 235
    return frames


def give_videos(
    episode: Episode, *cameras: str, fps: float | None = None, shape: tuple[int, int] = (48, 64)
) -> Episode:
    """Store a video per camera and say so in the episode's row; a frame per step, at the task's rate unless said otherwise."""
    rate = Fraction(fps or episode.task.control_hz).limit_denominator(1000)
    videos = {}
    for hue, camera in enumerate(cameras):
        frames = moving(OTHERS + episode.length + OTHERS, *shape, hue=hue)
        key = f"films-of-tests/{episode.pk}/camera-{hue}.mp4"
        storage.blobs().put(key, BytesIO(encode_video(frames, rate)))
        place = {"key": key, "start": float(OTHERS / rate), "fps": float(rate)}
        videos[f"{CAMERA_PREFIX}{camera}"] = place
    episode.videos = videos
    episode.save(update_fields=["videos"])
    return episode
