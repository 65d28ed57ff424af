"""Pictures of another size: each new pixel is the mean of what it covers, as a camera of fewer pixels would have seen it."""

from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

# Without the last three colours of yuv420p are taken from single pixels instead of their mean, which costs 26 dB on a fine pattern.
_AREA = (
    Interpolation.AREA
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)


class Resizer:
    """Area-resizes pictures to (H, W, 3) RGB; fastest when sizes stay the same from call to call."""

    def __init__(self) -> None:
        self._swscale = VideoReformatter()

    def to_rgb(self, frame: Any, size: tuple[int, int]) -> NDArray[np.uint8]:
        """A PyAV frame as RGB of `size` (H, W)."""
        return np.ascontiguousarray(self.reformatted(frame, size, "rgb24").to_ndarray())

    def reformatted(self, frame: Any, size: tuple[int, int], pix_fmt: str) -> Any:
        """A PyAV frame of `size` (H, W) and `pix_fmt`; itself when it is so already."""
        height, width = size
        return self._swscale.reformat(
            frame, width=width, height=height, format=pix_fmt, interpolation=_AREA, threads=1
        )

    def resized(self, picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
        """A picture (h, w, 3) RGB at `size` (H, W); itself when it has that size."""
        if picture.shape[:2] == size:
            return picture
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        return self.to_rgb(frame, size)
