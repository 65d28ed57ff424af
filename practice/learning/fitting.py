"""Whether a model that was trained elsewhere can drive a robot."""

from __future__ import annotations

from models_store.specs import Spec
from practice.embodiments.spec import EmbodimentSpec
from practice.learning.errors import LearningError


def check_model_fits(spec: Spec, robot: EmbodimentSpec) -> None:
    """The model reads only what the robot senses, in those shapes, and answers with its action.

    Raises:
        LearningError: names the feature or size, and both sides.
    """
    sensed = {name: tuple(f.shape) for name, f in robot.observation.items() if not f.privileged}
    cameras: dict[str, tuple[int, ...]] = dict(getattr(spec, "cameras", {}))
    read = {**{name: (size,) for name, size in spec.observation.items()}, **cameras}
    for name, shape in read.items():
        if name not in sensed:
            raise LearningError(
                f"The model reads {name[:80]!r}, which {robot.title} does not sense; it senses {', '.join(sensed)}."
            )
        if shape != sensed[name]:
            raise LearningError(
                f"The model reads {name!r} of {shape}; that of {robot.title} is {sensed[name]}."
            )
    if (spec.action_size,) != tuple(robot.action.shape):
        raise LearningError(
            f"The model answers with {spec.action_size} numbers; an action of {robot.title} has {robot.action.shape[0]}."
        )
