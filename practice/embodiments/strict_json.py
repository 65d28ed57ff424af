"""JSON that people wrote, read strictly: what is unknown, missing or of another kind is named."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any

from models_store.errors import LearningError

_MISSING = object()
_LONGEST_TEXT = 10_000


class Fields:
    """The members of one JSON object."""

    def __init__(self, data: Any, where: str, known: Collection[str]) -> None:
        """`where` names the object in messages, "" is the whole file; `known` are all its keys."""
        if not isinstance(data, dict):
            raise LearningError(f"{where or 'the file'} must be an object {{...}}.")
        self._data: Mapping[str, Any] = data
        self._where = where
        for key in data:
            if key not in known:
                raise LearningError(
                    f"{self.name(key)} is unknown; {where or 'the file'} has: {', '.join(known)}."
                )

    def name(self, key: str) -> str:
        """What a member is called in messages."""
        return f"{self._where}.{key}" if self._where else key

    def text(self, key: str, default: Any = _MISSING) -> str:
        """A text; one without a default may not be empty."""
        value = self._get(key, default)
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
            raise self.wrong(key, "must be text")
        if not value.strip() and default is _MISSING:
            raise self.wrong(key, "must not be empty")
        return value.strip()

    def text_or_none(self, key: str, default: str | None) -> str | None:
        """A text, or null."""
        return None if self._get(key, default) is None else self.text(key, default)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "must be true or false")
        return value

    def number(
        self, key: str, default: Any = _MISSING, *, least: float = -math.inf, most: float = math.inf
    ) -> float:
        """A finite number between `least` and `most`."""
        value = self._get(key, default)
        if not _is_number(value) or not least <= value <= most:
            raise self.wrong(key, f"must be a number{_between(least, most)}")
        return float(value)

    def whole(self, key: str, default: Any = _MISSING, *, least: int, most: int) -> int:
        """A whole number between `least` and `most`."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.wrong(key, f"must be a whole number{_between(least, most)}")
        return value

    def items(self, key: str, default: Any = _MISSING) -> list[Any]:
        """A list of anything."""
        value = self._get(key, default)
        if not isinstance(value, list):
            raise self.wrong(key, "must be a list [...]")
        return value

    def texts(self, key: str, default: Any = _MISSING) -> tuple[str, ...]:
        """A list of texts, none of them empty, each there once."""
        value = self.items(key, default)
        good = all(isinstance(text, str) and text.strip() for text in value)
        if not good or len(set(value)) != len(value):
            raise self.wrong(key, "must be a list of different texts")
        return tuple(text.strip() for text in value)

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of finite numbers."""
        value = self.items(key)
        if not all(_is_number(number) for number in value):
            raise self.wrong(key, "must be a list of numbers")
        return tuple(float(number) for number in value)

    def mapping(self, key: str, default: Any = _MISSING) -> dict[str, Any]:
        """An object whose keys are anybody's."""
        value = self._get(key, default)
        if not isinstance(value, dict):
            raise self.wrong(key, "must be an object {...}")
        return value

    def fields(self, key: str, known: Collection[str], default: Any = _MISSING) -> Fields:
        """An object with keys of ours."""
        return Fields(self._get(key, default), self.name(key), known)

    def wrong(self, key: str, rule: str) -> LearningError:
        """What to say of a member that breaks a rule."""
        value = self._data.get(key)
        shown = "" if value is None else f", not {json.dumps(value)[:60]}"
        return LearningError(f"{self.name(key)} {rule}{shown}.")

    def _get(self, key: str, default: Any) -> Any:
        if key in self._data:
            return self._data[key]
        if default is _MISSING:
            raise LearningError(f"{self.name(key)} is missing.")
        return default


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _between(least: float, most: float) -> str:
    if math.isinf(least) and math.isinf(most):
        return ""
    if math.isinf(most):
        return f" of {least:g} or more"
    return f" between {least:g} and {most:g}"
