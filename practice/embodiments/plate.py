"""A picture for people of a robot that nothing draws: what its camera saw, or its numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_GROUND = (20, 27, 38)
_MUTED = np.array((120, 138, 163), np.uint8)
_BRIGHT = np.array((226, 232, 240), np.uint8)

_LETTER, _LINE = 4, 8
"""Width and height of a letter with the room around it, in its own pixels of 3 by 5."""

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-+_:"
# Each is five rows of three pixels, a row an octal digit.
_ROWS = """
    75557 26227 71747 71717 55711 74717 74757 71111 75757 75717 25755 65656 34443 65556 74647 74644
    34553 55755 72227 11152 55655 44447 57755 65555 25552 65644 25563 65655 34216 72222 55557 55552
    55775 55255 55222 71247 00002 00700 02720 00007 02020
"""
_GLYPHS = dict(zip(_LETTERS, _ROWS.split(), strict=True))


def camera_picture(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """(H, W, 3) fitted into (size, size, 3), pixels as squares, on the plate's ground."""
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    high, wide = max(1, round(height * scale)), max(1, round(width * scale))
    rows, columns = np.arange(high) * height // high, np.arange(wide) * width // wide
    canvas = _canvas(size)
    top, left = (size - high) // 2, (size - wide) // 2
    canvas[top : top + high, left : left + wide] = picture[rows[:, None], columns]
    return canvas


def plate(numbers: Sequence[tuple[str, float]], size: int) -> NDArray[np.uint8]:
    """ "No picture" and as many named numbers as there is room for, (size, size, 3)."""
    canvas = _canvas(size)
    scale = max(1, size // 80)
    line, edge = scale * _LINE, scale * _LETTER
    across = max(1, (size - 2 * edge) // (scale * _LETTER))
    _write(canvas, (edge, edge), "no picture", _MUTED, scale)
    room = max(0, (size - edge) // line - 2)
    shown = list(numbers) if len(numbers) <= room else list(numbers[: max(0, room - 1)])
    top = edge + line
    for name, value in shown:
        told = f"{value:.4g}"
        top += line
        _write(canvas, (top, edge), name[: max(0, across - len(told) - 1)], _MUTED, scale)
        left = edge + (across - len(told)) * scale * _LETTER
        _write(canvas, (top, left), told, _BRIGHT, scale)
    if len(shown) < len(numbers):
        more = f"+ {len(numbers) - len(shown)} more"
        _write(canvas, (top + line, edge), more, _MUTED, scale)
    return canvas


def _canvas(size: int) -> NDArray[np.uint8]:
    return np.full((size, size, 3), _GROUND, np.uint8)


def _write(
    canvas: NDArray[np.uint8],
    corner: tuple[int, int],
    text: str,
    colour: NDArray[np.uint8],
    scale: int,
) -> None:
    """Letters from this corner on; what lies outside is cut, what is no glyph stays blank."""
    top, left = corner
    for place, letter in enumerate(text.upper()):
        rows = _GLYPHS.get(letter, "00000")
        bits = np.array([[int(row) >> bit & 1 for bit in (2, 1, 0)] for row in rows], dtype=bool)
        mask = np.kron(bits, np.ones((scale, scale), dtype=bool))
        start = left + place * scale * _LETTER
        patch = canvas[top : top + mask.shape[0], max(start, 0) : max(start + mask.shape[1], 0)]
        if patch.shape[:2] == mask.shape:
            patch[mask] = colour
