"""JSON of a stranger's dataset, and its values in our sentences."""

import json
from pathlib import Path
from typing import Any

from practice.episodes.errors import DatasetError


def load_json(root: Path, file: str, most: int) -> dict[str, Any]:
    """Read a JSON object of a stranger's dataset, at most `most` bytes. Raises DatasetError."""
    path = root / file
    if not path.is_file():
        raise DatasetError(file, "is missing")
    if path.stat().st_size > most:
        size = path.stat().st_size
        raise DatasetError(file, f"has {size} bytes; at most {most} are read")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DatasetError(file, f"is not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise DatasetError(file, "must hold a JSON object")
    return data


def shown(value: object) -> str:
    """A stranger's value, cut short."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def storable(value: object) -> bool:
    """Whether a text, or plain JSON, can be kept by a database.

    PostgreSQL knows no NUL; half a surrogate pair is no UTF-8; NaN and infinity are no JSON.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):
        return False
    return "\\u0000" not in text.replace("\\\\", "")
