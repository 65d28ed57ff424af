"""Whether an embodiment keeps what its protocols promise, check by check.

Each check gives a line of what was seen, or raises `LearningError` with what to do. They use the
protocols alone, so they serve any embodiment; what no simulator can be asked is not guessed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from models_store.errors import LearningError
from practice.embodiments.interface import Embodiment
from practice.embodiments.trials import (
    demonstrate,
    difference,
    must_be_declared,
    must_be_same,
    must_be_storable,
    must_fit,
    onwards,
    random_actions,
    rollout,
    start,
)

_ROBOTS = 3
_TICKS = 8
_ATTEMPTS = 8
"""Robots that a demonstrator drives, an episode each."""

_SPEED_SECONDS = 0.5
_STRETCH = 25
"""Ticks between two starts where speed is measured."""

_SIDE = 64
"""Pixels of the picture that is tried."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, whether it holds, and the fact or what to do."""

    name: str
    ok: bool
    text: str
    figures: Mapping[str, float] = field(default_factory=dict)


def check_facts(robot: Embodiment) -> str:
    """The spec agrees with itself."""
    spec = robot.spec
    for name, feature in spec.observation.items():
        must_be_declared(name, feature)
    action = spec.action
    sizes = {len(action.names), len(action.low), len(action.high), *action.shape}
    if len(action.shape) != 1 or len(sizes) != 1:
        raise LearningError(
            "The action's shape, names, low and high differ in length; correct the spec."
        )
    if spec.horizon < 1 or spec.control_hz <= 0 or spec.steps_to_go_bins < 2:
        raise LearningError(
            "horizon, control_hz and steps_to_go_bins must be positive; correct the spec."
        )
    if all(feature.privileged for feature in spec.observation.values()):
        raise LearningError("A model sees nothing: give it a feature that is not privileged.")
    names = ", ".join(spec.observation)
    return f"{names}; action of {action.shape[0]}; {spec.control_hz:g} Hz, {spec.horizon} steps"


def check_instructions(robot: Embodiment) -> str:
    """Every default instruction is understood."""
    if not robot.spec.instructions:
        raise LearningError("There is no instruction; list at least one.")
    for text in robot.spec.instructions:
        robot.check_instruction(text)
    return f"{len(robot.spec.instructions)} understood, as {robot.spec.instructions[0]!r}"


def check_spaces(robot: Embodiment) -> str:
    """The simulator starts, and observations are what the spec says."""
    fleet = robot.make_fleet(_ROBOTS)
    seen = rollout(robot, fleet, random_actions(robot, 1, _ROBOTS))
    for observation in seen.observations:
        must_fit(observation, robot.spec, _ROBOTS)
    return "observations and actions are as the spec says"


def check_seeding(robot: Embodiment) -> str:
    """A start follows from its seed."""
    fleet = robot.make_fleet(_ROBOTS)
    first = start(robot, fleet)
    again = start(robot, fleet)
    if name := difference(first, again):
        raise LearningError(
            f"The same seed gave two different starts ({name}): draw everything random in reset(seed=...) "
            f"from that seed, in Gymnasium from self.np_random."
        )
    other = start(robot, fleet, first_seed=1_000)
    if not difference(first, other):
        raise LearningError(
            "Other seeds gave the same starts: a robot that always starts alike learns one path by "
            "heart. Let reset(seed=...) draw the start."
        )
    return "the same seed, the same start; another seed, another start"


def check_determinism(robot: Embodiment) -> str:
    """The same seeds and actions lead to the same bits, alone or among others."""
    actions = random_actions(robot, _TICKS, _ROBOTS)
    first, again = (rollout(robot, robot.make_fleet(_ROBOTS), actions) for _ in range(2))
    must_be_same(
        first,
        again,
        "Two runs of the same seeds and actions differ from step {step} on ({name}): let nothing depend "
        "on time, on threads or on a generator that reset(seed=...) does not set.",
    )
    alone = rollout(robot, robot.make_fleet(1), [action[:1] for action in actions])
    must_be_same(
        first.robot(0),
        alone,
        "A robot met something else among others than alone, from step {step} on ({name}): robots of "
        "one process share something, perhaps a global random generator.",
    )
    return f"{_TICKS} steps twice, and a robot alone as among {_ROBOTS}: the same bits"


def check_state(robot: Embodiment) -> str:
    """`state()` and `load_state()` go on exactly."""
    actions = random_actions(robot, 2 * _TICKS, _ROBOTS)
    fleet = robot.make_fleet(_ROBOTS)
    rollout(robot, fleet, actions[:_TICKS])
    state = fleet.state()
    must_be_storable(state, _ROBOTS)
    expected = onwards(fleet, actions[_TICKS:])
    for place, other in (("the same", fleet), ("another", robot.make_fleet(_ROBOTS))):
        other.load_state(state)
        must_be_same(
            expected,
            onwards(other, actions[_TICKS:]),
            f"After load_state into {place} fleet, step {{step}} differs ({{name}}): a paused run would "
            f"not go on as it was. state() must copy all that matters; an environment that is run "
            f"again from its seed must be deterministic.",
        )
    return f"{_TICKS} steps after load_state are the same bits, in the same fleet and in another"


def check_success(robot: Embodiment) -> str:
    """Success is told in each step, or never where nobody knows."""
    success = rollout(
        robot, robot.make_fleet(_ROBOTS), random_actions(robot, _TICKS, _ROBOTS)
    ).success
    if not robot.spec.knows_success:
        if any(told is not None for told in success):
            raise LearningError("The spec says nobody knows success, but the simulator tells it.")
        return "unknown: runs end by the detector, and figures of true success stay empty"
    for told in success:
        if told is None or told.shape != (_ROBOTS,) or told.dtype != np.bool_:
            raise LearningError(
                f"Success must be ({_ROBOTS},) of bool in every step, not {told!r}."
            )
    return "told in each step"


def check_actions(robot: Embodiment) -> str:
    """Limits lie within the robot's own bounds, and the simulator bears the extremes."""
    action = robot.spec.action
    low, high = robot.action_limits({})
    least, most = np.array(action.low, np.float32), np.array(action.high, np.float32)
    if low.shape != action.shape or not (low < high).all():
        raise LearningError(
            "action_limits must give low < high, one number per value of the action."
        )
    if (low < least).any() or (high > most).any():
        raise LearningError(
            f"The default limits {low.tolist()} to {high.tolist()} reach past the robot's own, "
            f"{least.tolist()} to {most.tolist()}."
        )
    for extreme in (low, high):
        fleet = robot.make_fleet(1)
        start(robot, fleet)
        for _ in range(_TICKS):
            must_fit(fleet.step(extreme[None]).observation, robot.spec, 1)
    limits = ", ".join(robot.spec.default_limits()) or "none that a task may tighten"
    return f"{low.min():g} to {high.max():g} {action.unit}; limits: {limits}"


def check_pictures(robot: Embodiment) -> str:
    """Cameras and the picture for people are drawn without a screen."""
    started = start(robot, robot.make_fleet(_ROBOTS))
    for name in robot.spec.cameras:
        if started[name].min() == started[name].max():
            raise LearningError(
                f"{name} is of one colour: nothing is drawn. `manage.py doctor` says whether OpenGL "
                f"works without a screen; an environment may want a render_mode in its kwargs."
            )
    row = {name: values[0] for name, values in started.items()}
    first, again = (robot.render(row, size=_SIDE) for _ in range(2))
    if first.shape != (_SIDE, _SIDE, 3) or first.dtype != np.uint8:
        raise LearningError(
            f"render(size={_SIDE}) gave {first.shape} of {first.dtype}, not RGB bytes."
        )
    if not np.array_equal(first, again):
        raise LearningError("render gave two pictures of one observation; it must give the same.")
    cameras = len(robot.spec.cameras)
    return f"{cameras} camera{'s' * (cameras != 1)} and the picture for people, without a screen"


def check_demonstrator(robot: Embodiment) -> str:
    """The scripted expert arrives, where there is one."""
    try:
        expert = robot.demonstrator(_ATTEMPTS)
    except LearningError as none:
        return f"none: {none}"
    if not robot.spec.knows_success:
        return "there is one; whether it arrives nobody can tell"
    arrived = demonstrate(robot, expert, _ATTEMPTS)
    if not arrived:
        raise LearningError(
            f"The demonstrator reached no goal in {_ATTEMPTS} episodes of {robot.spec.horizon} steps: "
            f"correct it, or give episodes a longer horizon."
        )
    return f"reached {arrived} of {_ATTEMPTS} goals within {robot.spec.horizon} steps"


def measure_speed(robot: Embodiment) -> Check:
    """Steps and pictures per second in this process, starts included; reported, never judged."""
    fleet = robot.make_fleet(_ATTEMPTS)
    # Few ticks in one go: an environment that has ended by itself would stand still at no cost.
    actions = random_actions(robot, min(_STRETCH, robot.spec.horizon), _ATTEMPTS)
    rollout(robot, fleet, actions[:1])
    steps, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < _SPEED_SECONDS:
        rollout(robot, fleet, actions)
        steps += _ATTEMPTS * len(actions)
    figures = {"env_steps_per_s": steps / taken}
    text = f"{steps / taken:,.0f} env steps/s"
    if robot.spec.cameras:
        figures["pictures_per_s"] = steps * len(robot.spec.cameras) / taken
        text += f", {figures['pictures_per_s']:,.0f} pictures/s"
    return Check("speed", True, f"{text}, {_ATTEMPTS} robots in one process", figures)


CHECKS: tuple[tuple[str, Callable[[Embodiment], str]], ...] = (
    ("facts", check_facts),
    ("instructions", check_instructions),
    ("spaces", check_spaces),
    ("seeding", check_seeding),
    ("determinism", check_determinism),
    ("state", check_state),
    ("success", check_success),
    ("action limits", check_actions),
    ("pictures", check_pictures),
    ("demonstrator", check_demonstrator),
)


def check_embodiment(robot: Embodiment, *, speed: bool = True) -> Iterator[Check]:
    """All checks, one after the other; after `spaces` fails there is nothing to run the rest on."""
    for name, look in CHECKS:
        found = _looked(name, look, robot)
        yield found
        if name == "spaces" and not found.ok:
            return
    if speed:
        yield measure_speed(robot)


def _looked(name: str, look: Callable[[Embodiment], str], robot: Embodiment) -> Check:
    try:
        return Check(name, True, look(robot))
    except LearningError as error:
        return Check(name, False, str(error))
    except Exception as error:  # noqa: BLE001  # an environment may raise anything; it is a finding
        return Check(name, False, f"the simulator raised {type(error).__name__}: {error}")
