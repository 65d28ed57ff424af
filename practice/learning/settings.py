"""Config objects that explain and check themselves: help, range and unit beside each field."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, Self, get_args, get_type_hints

from practice.learning.errors import LearningError


def setting(
    default: Any,
    *,
    help: str,  # noqa: A002  # the word people look for beside a field
    minimum: float | None = None,
    maximum: float | None = None,
    unit: str = "",
) -> Any:
    """A config field that explains itself."""
    return field(
        default=default,
        metadata={"help": help, "minimum": minimum, "maximum": maximum, "unit": unit},
    )


def precision_setting() -> Any:
    """The same setting in every kind of run; each class needs a field of its own."""
    return setting(
        "auto", help="Cameras: numbers in the convolutions; auto: 16 bits where that is faster."
    )


def recompute_setting() -> Any:
    """The same setting wherever models are trained."""
    return setting(
        False,
        help="Foundation models: keep no activations, compute them again for the gradient (gradient "
        "checkpointing): about a third more time, a fraction of the memory.",
    )


def compile_setting() -> Any:
    """The same setting wherever models are trained."""
    return setting(
        False,
        help="Foundation models: compile the language model for learning (torch.compile), which takes some minutes at the "
        "start and after every pause. A run that went on after one may differ in the last bits.",
    )


def accumulate_setting() -> Any:
    """The same setting wherever models are trained."""
    return setting(
        1,
        help="Forwards and backwards that share one step; each sees this part of the batch, so that "
        "less of it has to fit in memory at once.",
        minimum=1,
        maximum=65_536,
    )


def check_parts(batch_size: int, accumulate: int) -> None:
    """Raises LearningError when a batch does not come apart evenly."""
    if batch_size % accumulate:
        raise LearningError(
            f"A batch of {batch_size} rows does not come apart in {accumulate} equal parts; "
            f"change accumulate or batch_size."
        )


@dataclass(frozen=True, slots=True)
class SettingFact:
    """One field of a config, for a form or a table of options."""

    name: str
    kind: Literal["int", "float", "bool", "choice", "text"]
    default: Any
    optional: bool
    """Whether None is a value, meaning: as the task says."""

    choices: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    unit: str
    help: str
    group: str
    """Title of those it belongs to."""


@dataclass(frozen=True, slots=True)
class Config:
    """What all configs can do."""

    GROUPS: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Title -> names of settings, in the order people look for them."""

    seed: int = setting(
        0, help="Everything random in the run follows from this number.", minimum=0, maximum=2**31
    )

    def __post_init__(self) -> None:
        """Check every value, whoever made the object.

        Raises:
            LearningError: a value has the wrong type or lies outside its range.
        """
        for fact in type(self).describe():
            _check(fact, getattr(self, fact.name))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, every field."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """A config from JSON; fields left out take their defaults.

        Raises:
            LearningError: names the unknown key or the bad value, and what is valid.
        """
        known = {fact.name: fact for fact in cls.describe()}
        for key in data:
            if key not in known:
                raise LearningError(
                    f"Unknown setting {key!r} for {cls.__name__}; known: {', '.join(sorted(known))}."
                )
        # JSON knows one kind of number: 1 stands for 1.0 where a decimal is meant.
        values: dict[str, Any] = {
            key: float(value) if known[key].kind == "float" and type(value) is int else value
            for key, value in data.items()
        }
        return cls(**values)

    @classmethod
    def describe(cls) -> tuple[SettingFact, ...]:
        """Every field with its help, in order."""
        hints = get_type_hints(cls)
        groups = {name: title for title, names in cls.GROUPS.items() for name in names}
        return tuple(
            _fact(item, hints[item.name], groups.get(item.name, "")) for item in fields(cls)
        )

    @classmethod
    def grouped(cls) -> dict[str, tuple[SettingFact, ...]]:
        """Title -> settings with their help, in the order people look for them."""
        facts = {fact.name: fact for fact in cls.describe()}
        return {title: tuple(facts[name] for name in names) for title, names in cls.GROUPS.items()}

    def replace(self, **changes: Any) -> Self:
        """A changed copy, checked."""
        return dataclasses.replace(self, **changes)


_KINDS: dict[type, Literal["int", "float", "bool", "text"]] = {
    int: "int",
    float: "float",
    bool: "bool",
    str: "text",
}


def _fact(item: dataclasses.Field[Any], hint: Any, group: str) -> SettingFact:
    optional = type(None) in get_args(hint)
    plain = next(arm for arm in get_args(hint) if arm is not type(None)) if optional else hint
    choices = () if isinstance(plain, type) else tuple(get_args(plain))
    return SettingFact(
        name=item.name,
        kind="choice" if choices else _KINDS[plain],
        default=item.default,
        optional=optional,
        choices=choices,
        minimum=item.metadata["minimum"],
        maximum=item.metadata["maximum"],
        unit=item.metadata["unit"],
        help=item.metadata["help"],
        group=group,
    )


def _check(fact: SettingFact, value: Any) -> None:
    if value is None and fact.optional:
        return
    if fact.choices:
        if value not in fact.choices:
            raise LearningError(
                f"{fact.name} is {value!r}; choose one of: {', '.join(fact.choices)}."
            )
        return
    wanted: Any = next(plain for plain, kind in _KINDS.items() if kind == fact.kind)
    if type(value) is not wanted or (wanted is float and not math.isfinite(value)):
        raise LearningError(f"{fact.name} is {value!r}; it must be of type {fact.kind}.")
    if wanted is str:
        return
    low = -math.inf if fact.minimum is None else fact.minimum
    high = math.inf if fact.maximum is None else fact.maximum
    if not low <= value <= high:
        raise LearningError(
            f"{fact.name} is {value:g}; it must lie between {low:g} and {high:g}"
            f"{' ' + fact.unit if fact.unit else ''}."
        )
