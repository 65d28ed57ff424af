"""Facts about an embodiment, as data: what it observes, how it acts, how fast, for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models_store.errors import LearningError

CAMERA_PREFIX = "observation.images."
"""Of the name of a camera's pictures."""


def is_camera(name: str) -> bool:
    """Whether a feature of this name is a camera's picture, (H, W, 3) uint8."""
    return name.startswith(CAMERA_PREFIX)


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One array of an observation, per step."""

    shape: tuple[int, ...]
    dtype: str
    names: tuple[str, ...]
    """One name per value of a vector, e.g. ("x", "y"); one per axis of a picture."""

    unit: str
    privileged: bool = False
    """Simulator truth that no sensor gives: recorded and drawn for people, never shown to a model
    and not asked of uploads.
    """

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "shape": list(self.shape),
            "dtype": self.dtype,
            "names": list(self.names),
            "unit": self.unit,
            "privileged": self.privileged,
        }


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """The action of one step, a vector, and what the robot itself accepts."""

    shape: tuple[int, ...]
    dtype: str
    names: tuple[str, ...]
    unit: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    bins: int = 21
    """Tokens per value where a model answers in tokens: by default a sign and a magnitude of 0 to 10.
    0: it does not; values that only make sense together are no tokens, drawn each on its own."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "shape": list(self.shape),
            "dtype": self.dtype,
            "names": list(self.names),
            "unit": self.unit,
            "low": list(self.low),
            "high": list(self.high),
        }


@dataclass(frozen=True, slots=True)
class LimitSpec:
    """A safety limit a task may tighten, and what it is when the task says nothing."""

    name: str
    default: float
    minimum: float
    maximum: float
    unit: str
    help: str


@dataclass(frozen=True, slots=True)
class Mirror:
    """How an embodiment's world looks in a mirror, so that one demonstration can teach two."""

    signs: Mapping[str, tuple[float, ...]]
    """Feature name, or "action" -> a factor for each of its values. Others stay as they are."""

    cameras: tuple[str, ...] = ()
    """Pictures that are flipped left to right."""

    words: Mapping[str, str] = field(default_factory=dict)
    """Words of an instruction that change, both ways: "left" -> "right", "right" -> "left"."""


@dataclass(frozen=True, slots=True)
class EmbodimentSpec:
    """Everything a form, a dataset check or a model needs to know about a kind of robot."""

    id: str
    title: str
    description: str
    observation: dict[str, FeatureSpec]
    action: ActionSpec
    control_hz: float
    """Actions per second at the robot's own pace."""

    horizon: int
    """Steps after which an episode is cut."""

    instructions: tuple[str, ...]
    """Texts to start a task from: every goal, in its phrasings."""

    steps_to_go_bins: int
    steps_to_go_max: float
    """Steps covered by the bins; everything longer falls into the last."""

    default_threshold: float
    """s, steps: the success detector says done at d(o, g) <= s."""

    knows_success: bool
    """Whether the simulator itself can tell success."""

    limits: tuple[LimitSpec, ...] = ()
    simulated: bool = True
    linger: int = 0
    """Steps a demonstration goes on after success, so that a model also sees what arrival is."""

    mirror: Mirror | None = None
    """The symmetry of the world, where it has one."""

    drawn_by_camera: bool = False
    """Whether the picture for people is what the camera saw, even where truth is recorded too."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the features that are pictures."""
        return tuple(name for name in self.observation if is_camera(name))

    def default_limits(self) -> dict[str, float]:
        """Limit name -> value when a task sets none."""
        return {limit.name: limit.default for limit in self.limits}

    def check_limits(self, limits: Mapping[str, float]) -> dict[str, float]:
        """The full set of limits, defaults filled in.

        Raises:
            LearningError: a name is unknown or a value outside its range.
        """
        known = {limit.name: limit for limit in self.limits}
        for name, value in limits.items():
            if name not in known:
                raise LearningError(
                    f"{self.title} has no limit {name!r}; it has: {', '.join(known) or 'none'}."
                )
            limit = known[name]
            if not limit.minimum <= value <= limit.maximum:
                raise LearningError(
                    f"{name} is {value:g}; it must lie between {limit.minimum:g} and "
                    f"{limit.maximum:g} {limit.unit}."
                )
        return {**self.default_limits(), **limits}
