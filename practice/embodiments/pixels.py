"""What cameras do with drawn pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def shrink(drawn: NDArray[np.uint8], picture: NDArray[np.uint8]) -> None:
    """Average blocks of `drawn` (H * n, W * n, 3) into `picture` (H, W, 3), halves rounded up."""
    factor = len(drawn) // len(picture)
    if factor == 1:
        picture[...] = drawn
        return
    wide = np.uint16 if factor <= 16 else np.uint32  # blocks of 17 x 17 no longer fit
    # Whole rows, then whole columns of a channel: many times faster than a mean over four axes.
    tall: NDArray[Any] = drawn[::factor].astype(wide)
    for down in range(1, factor):
        tall += drawn[down::factor]
    total = np.empty(picture.shape, dtype=wide)
    for channel in range(3):
        pixels, sums = tall[:, :, channel], total[:, :, channel]
        np.add(pixels[:, ::factor], pixels[:, 1::factor], out=sums)
        for right in range(2, factor):
            sums += pixels[:, right::factor]
    total += factor * factor // 2
    total //= factor * factor
    picture[...] = total
