"""Descriptions of models as JSON, both ways. Unknown keys are refused, so that nothing is half understood. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar

from models_store.errors import LearningError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Described = TypeVar("Described", bound=DataclassInstance)

Tuples = Mapping[str, Callable[[Any], Any]]
"""Field that holds a tuple -> what each of its values is."""


def written(spec: DataclassInstance, tuples: Tuples) -> dict[str, Any]:
    """Plain JSON values of a description; `read` gives an equal one back."""
    values = asdict(spec) | {name: list(getattr(spec, name)) for name in tuples}
    if "cameras" in values:
        values["cameras"] = {name: list(shape) for name, shape in values["cameras"].items()}
    return values


def read(kind: type[Described], data: Mapping[str, Any], tuples: Tuples) -> Described:
    """What `written` wrote, as a `kind`.

    Raises:
        LearningError: a key is unknown or missing, or a value has the wrong type.
    """
    refuse_unknown_keys(data, {field.name for field in fields(kind)})
    try:
        values = dict(data)
        if "cameras" in values:
            shapes = values["cameras"].items()
            values["cameras"] = {str(name): tuple(map(int, shape)) for name, shape in shapes}
        if "observation" in values:
            sizes = values["observation"].items()
            values["observation"] = {str(name): int(size) for name, size in sizes}
        for name in tuples.keys() & values.keys():
            values[name] = tuple(tuples[name](value) for value in values[name])
        return kind(**values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LearningError(f"This is no model description: {error!r}.") from error


def refuse_unknown_keys(data: Mapping[str, Any], known: set[str]) -> None:
    """Raises LearningError when `data` has a key that no model description knows."""
    unknown = sorted(set(data) - known)
    if unknown:
        raise LearningError(
            f"Unknown key {unknown[0]!r} in a model description; known: {', '.join(sorted(known))}."
        )
