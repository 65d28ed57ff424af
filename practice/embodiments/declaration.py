"""A robot from somewhere else, told in one JSON file: how its environment is made, what it gives,
how it acts. Plain data: nothing named here is imported before somebody makes a fleet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from models_store.errors import LearningError
from practice.embodiments.spec import (
    ActionSpec,
    EmbodimentSpec,
    FeatureSpec,
    LimitSpec,
    is_camera,
)
from practice.embodiments.strict_json import Fields

RENDER = "render()"
"""As the source of a camera: what the environment's `render` draws, in mode rgb_array."""

WHOLE = "."
"""As the source of a feature: the observation itself, where it is one array."""

_KEYS = (
    *("id", "title", "description", "make", "kwargs", "features", "features_map"),
    *("success_key", "instruction_option", "action", "control_hz", "horizon", "instructions"),
    *("steps_to_go", "threshold", "limits"),
)
_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?")
_MAKE = re.compile(r"([A-Za-z_][\w.]*:)?([A-Za-z_][\w-]*/)?[A-Za-z_][\w.-]*")
_FEATURE = re.compile(r"observation(\.[A-Za-z0-9_-]+)+")
_DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")
_LARGEST_PICTURE = 2048
_LONGEST_VECTOR = 4096
_LONGEST_EPISODE = 100_000


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the file says."""

    spec: EmbodimentSpec
    make: str
    """A Gymnasium id, `module:id` where a module must be imported first, or `module:factory`."""

    kwargs: dict[str, Any]
    """For the constructor."""

    sources: dict[str, str]
    """Feature name -> key, or dotted path, in the environment's observation."""

    success_key: str | None
    """Where `info` says whether the goal is reached; None where it does not."""

    instruction_option: str | None
    """The key of `reset(options=...)` under which the environment wants the instruction, if it reads any."""

    limited: dict[str, tuple[str, ...]]
    """Limit name -> names of the action's values that it bounds, from minus to plus the limit."""

    @classmethod
    def from_json(cls, data: Any) -> Declaration:
        """From plain JSON values.

        Raises:
            LearningError: a key is unknown, missing or of the wrong kind; the message names it.
        """
        fields = Fields(data, "", _KEYS)
        observation = _features(fields)
        action = _action(fields.fields("action", ("names", "unit", "low", "high")))
        limits, limited = _limits(fields, action)
        success_key = fields.text_or_none("success_key", "is_success")
        spec = _spec(fields, observation, action, limits, knows_success=success_key is not None)
        return cls(
            spec=spec,
            make=_matching(fields, "make", _MAKE, "a Gymnasium id, module:id or module:factory"),
            kwargs=fields.mapping("kwargs", {}),
            sources=_sources(fields, observation),
            success_key=success_key,
            instruction_option=fields.text_or_none("instruction_option", None),
            limited=limited,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, every default written out; `from_json` gives the same declaration."""
        spec = self.spec
        action = spec.action.to_json()
        return {
            "id": spec.id,
            "title": spec.title,
            "description": spec.description,
            "make": self.make,
            "kwargs": self.kwargs,
            "features": {name: feature.to_json() for name, feature in spec.observation.items()},
            "features_map": dict(self.sources),
            "success_key": self.success_key,
            "instruction_option": self.instruction_option,
            "action": {key: action[key] for key in ("names", "unit", "low", "high")},
            "control_hz": spec.control_hz,
            "horizon": spec.horizon,
            "instructions": list(spec.instructions),
            "steps_to_go": {"bins": spec.steps_to_go_bins, "max": spec.steps_to_go_max},
            "threshold": spec.default_threshold,
            "limits": [
                {
                    **{key: getattr(limit, key) for key in _LIMIT},
                    "actions": list(self.limited[limit.name]),
                }
                for limit in spec.limits
            ],
        }


_LIMIT = ("name", "default", "minimum", "maximum", "unit", "help")


def _spec(
    fields: Fields,
    observation: dict[str, FeatureSpec],
    action: ActionSpec,
    limits: tuple[LimitSpec, ...],
    *,
    knows_success: bool,
) -> EmbodimentSpec:
    horizon = fields.whole("horizon", least=1, most=_LONGEST_EPISODE)
    instructions = fields.texts("instructions")
    if not instructions:
        raise fields.wrong("instructions", "must hold at least one text")
    to_go = fields.fields("steps_to_go", ("bins", "max"), {})
    return EmbodimentSpec(
        id=_matching(fields, "id", _ID, "small letters, digits and hyphens, 60 at most"),
        title=fields.text("title"),
        description=fields.text("description", ""),
        observation=observation,
        action=action,
        control_hz=fields.number("control_hz", least=0.1, most=1000),
        horizon=horizon,
        instructions=instructions,
        steps_to_go_bins=to_go.whole("bins", 50, least=2, most=1000),
        steps_to_go_max=to_go.number("max", horizon, least=1),
        default_threshold=fields.number("threshold", 1.0, least=0),
        knows_success=knows_success,
        limits=limits,
        drawn_by_camera=True,
    )


def _features(fields: Fields) -> dict[str, FeatureSpec]:
    found: dict[str, FeatureSpec] = {}
    for name in fields.mapping("features"):
        where = f'features["{name}"]'
        if not _FEATURE.fullmatch(name):
            raise LearningError(
                f'{where} must be named as LeRobot names features: "observation.state", '
                f'"observation.images.top".'
            )
        given = Fields(
            fields.mapping("features")[name],
            where,
            ("shape", "dtype", "names", "unit", "privileged"),
        )
        found[name] = _camera(given) if is_camera(name) else _vector(given, name)
    if not any(not feature.privileged for feature in found.values()):
        raise fields.wrong("features", "must hold one that is not privileged")
    return found


def _camera(given: Fields) -> FeatureSpec:
    shape = given.items("shape")
    good = len(shape) == 3 and all(isinstance(n, int) and 1 <= n <= _LARGEST_PICTURE for n in shape)
    if not good or shape[2] != 3:
        raise given.wrong("shape", "must be [height, width, 3]")
    if given.text("dtype", "uint8") != "uint8":
        raise given.wrong("dtype", "must be uint8")
    names = given.texts("names", ["height", "width", "channel"])
    if len(names) != 3:
        raise given.wrong("names", "must name the three axes")
    unit, privileged = given.text("unit", "colour"), given.flag("privileged", False)
    return FeatureSpec((shape[0], shape[1], 3), "uint8", names, unit, privileged)


def _vector(given: Fields, name: str) -> FeatureSpec:
    shape = given.items("shape")
    if len(shape) != 1 or not isinstance(shape[0], int) or not 1 <= shape[0] <= _LONGEST_VECTOR:
        raise given.wrong("shape", "must be [number of values]; only cameras have three axes")
    dtype = given.text("dtype", "float32")
    if dtype not in _DTYPES:
        raise given.wrong("dtype", f"must be one of {', '.join(_DTYPES)}")
    last = name.rpartition(".")[2]
    names = given.texts("names", [f"{last}_{i}" for i in range(shape[0])])
    if len(names) != shape[0]:
        raise given.wrong("names", f"must hold {shape[0]} names, one per value")
    unit, privileged = given.text("unit", ""), given.flag("privileged", False)
    return FeatureSpec((shape[0],), dtype, names, unit, privileged)


def _sources(fields: Fields, observation: dict[str, FeatureSpec]) -> dict[str, str]:
    """Where every feature comes from; one that is not mapped has its own name there."""
    given = Fields(fields.mapping("features_map", {}), "features_map", tuple(observation))
    sources = {name: given.text(name, name) for name in observation}
    for name, source in sources.items():
        if source == RENDER and not is_camera(name):
            raise given.wrong(name, f'only a camera ("observation.images...") can be {RENDER}')
    return sources


def _action(given: Fields) -> ActionSpec:
    low, high = given.numbers("low"), given.numbers("high")
    if not 1 <= len(low) <= _LONGEST_VECTOR:
        raise given.wrong("low", "must hold one number per value of the action")
    if len(high) != len(low):
        raise given.wrong("high", f"must hold {len(low)} numbers, as low does")
    if not all(least < most for least, most in zip(low, high, strict=True)):
        raise given.wrong("high", "must be above low in every value")
    names = given.texts("names", [f"action_{i}" for i in range(len(low))])
    if len(names) != len(low):
        raise given.wrong("names", f"must hold {len(low)} names, one per value")
    return ActionSpec((len(low),), "float32", names, given.text("unit", ""), low, high)


def _limits(
    fields: Fields, action: ActionSpec
) -> tuple[tuple[LimitSpec, ...], dict[str, tuple[str, ...]]]:
    """The safety limits, and the names of the values that each bounds."""
    limits: list[LimitSpec] = []
    limited: dict[str, tuple[str, ...]] = {}
    for number, data in enumerate(fields.items("limits", [])):
        given = Fields(data, f"limits[{number}]", (*_LIMIT, "actions"))
        name = _matching(given, "name", re.compile(r"[a-z][a-z0-9_]{0,59}"), "a_name_like_this")
        if name in limited:
            raise given.wrong("name", "is there twice")
        least = given.number("minimum", least=0)
        most = given.number("maximum", least=least)
        default = given.number("default", most, least=least, most=most)
        unit, text = given.text("unit", action.unit), given.text("help", "")
        limits.append(LimitSpec(name, default, least, most, unit, text))
        limited[name] = given.texts("actions", list(action.names))
        strange = [value for value in limited[name] if value not in action.names]
        if strange:
            raise given.wrong("actions", f"may name: {', '.join(action.names)}")
    return tuple(limits), limited


def _matching(fields: Fields, key: str, pattern: re.Pattern[str], rule: str) -> str:
    text = fields.text(key)
    if not pattern.fullmatch(text):
        raise fields.wrong(key, f"must be {rule}")
    return text
