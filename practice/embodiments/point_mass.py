"""PointMass2D: a point that is pushed through a plane towards a ring.

Constants as published with arXiv 2509.15155: a box [-1, 1]^2, 2-D acceleration as action, ten
substeps of `vel += a; pos += vel` per control tick, success within 0.15 of the goal, goals 5 %
inside the border. Demonstrations come from a PD controller that visits five random waypoints
first, so a demonstrator reaches the goal by long detours: a lot is left to practise.

Ten substeps in closed form: v' = v + 10 a and x' = x + 10 v + (1 + ... + 10) a = x + 10 v + 55 a.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Observation, Transition
from practice.embodiments.point_mass_render import render_point_mass
from practice.embodiments.seeds import uniforms
from practice.embodiments.spec import ActionSpec, EmbodimentSpec, FeatureSpec, LimitSpec

STATE = "observation.state"
SUBSTEPS = 10
SUCCESS_RADIUS = 0.15
GOAL_RANGE = 0.95
"""Goals and waypoints keep 5 % of the half-width away from the border."""

KP, KD = 2e-4, 0.0125
"""Gains of the demonstrator, per substep."""

WAYPOINTS = 5
SHORTEST_DEMONSTRATION = 10
MAX_ACCELERATION = 1e-3

SPEC = EmbodimentSpec(
    id="point-mass",
    title="Point mass",
    description="A point with momentum is pushed across a plane into a ring. State only, no camera.",
    observation={
        STATE: FeatureSpec(
            shape=(6,),
            dtype="float32",
            names=("x", "y", "vx", "vy", "goal_x", "goal_y"),
            unit="half-widths of the box; velocity per substep (a tenth of a control tick)",
        )
    },
    action=ActionSpec(
        shape=(2,),
        dtype="float32",
        names=("ax", "ay"),
        unit="half-widths per substep squared",
        low=(-MAX_ACCELERATION,) * 2,
        high=(MAX_ACCELERATION,) * 2,
    ),
    control_hz=10.0,
    horizon=140,
    instructions=("go to the ring",),
    steps_to_go_bins=50,
    steps_to_go_max=140.0,
    default_threshold=1.0,
    knows_success=True,
    limits=(
        LimitSpec(
            name="max_acceleration",
            default=MAX_ACCELERATION,
            minimum=1e-5,
            maximum=MAX_ACCELERATION,
            unit="half-widths per substep squared",
            help="Largest acceleration along each axis; stronger commands are cut to it.",
        ),
    ),
)


class PointMassFleet:
    """R points in lock step, positions and velocities in float64."""

    def __init__(self, num_robots: int) -> None:
        """All robots stand at the origin until they are reset."""
        self.num_robots = num_robots
        self._position = np.zeros((num_robots, 2))
        self._velocity = np.zeros((num_robots, 2))
        self._goal = np.zeros((num_robots, 2))

    def reset(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> Observation:
        """At rest somewhere in the box, with a new goal, both drawn from the episode's seed.
        There is one kind of goal, so the text says nothing.
        """
        drawn = 2.0 * uniforms(seeds, 4) - 1.0
        self._position[robots] = drawn[:, :2]
        self._velocity[robots] = 0.0
        self._goal[robots] = GOAL_RANGE * drawn[:, 2:]
        return {STATE: self._state(robots)}

    def step(self, action: NDArray[Any]) -> Transition:
        """Accelerate by (R, 2) for one tick of ten substeps."""
        assert action.shape == (self.num_robots, 2), action.shape
        return self._moved(slice(None), action)

    def step_rows(self, robots: NDArray[np.int64], action: NDArray[Any]) -> Transition:
        """Accelerate these robots (k,) by (k, 2)."""
        assert action.shape == (len(robots), 2), action.shape
        return self._moved(robots, action)

    def state(self) -> dict[str, Any]:
        """Positions, velocities and goals."""
        return {
            "position": self._position.copy(),
            "velocity": self._velocity.copy(),
            "goal": self._goal.copy(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put every robot back where it was."""
        self._position = np.array(state["position"])
        self._velocity = np.array(state["velocity"])
        self._goal = np.array(state["goal"])

    def _moved(self, robots: NDArray[np.int64] | slice, action: NDArray[Any]) -> Transition:
        self._position[robots] += 10.0 * self._velocity[robots] + 55.0 * action
        self._velocity[robots] += 10.0 * action
        offset = self._position[robots] - self._goal[robots]
        success = np.einsum("rd,rd->r", offset, offset) < SUCCESS_RADIUS**2
        return Transition({STATE: self._state(robots)}, success)

    def _state(self, robots: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        parts = (self._position[robots], self._velocity[robots], self._goal[robots])
        return np.concatenate(parts, axis=1).astype(np.float32)


class WaypointDemonstrator:
    """The published expert: PD control to five random waypoints in turn, then to the goal."""

    def __init__(self, num_robots: int) -> None:
        """Routes are drawn when episodes begin."""
        self._route = np.zeros((num_robots, WAYPOINTS, 2))
        self._next = np.zeros(num_robots, dtype=np.int64)

    def begin(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> None:
        """Draw new routes. The first four draws of a seed are the start's; routes come after."""
        drawn = uniforms(seeds, 4 + 2 * WAYPOINTS)[:, 4:]
        self._route[robots] = GOAL_RANGE * (2.0 * drawn - 1.0).reshape(-1, WAYPOINTS, 2)
        self._next[robots] = 0

    def act(self, observation: Observation, robots: NDArray[np.int64]) -> NDArray[np.float32]:
        """Kp (target - position) - Kd velocity; a waypoint counts as visited inside the radius."""
        state = observation[STATE]
        position, velocity, goal = state[:, :2], state[:, 2:4], state[:, 4:]
        offset = self._target(robots, goal) - position
        arrived = np.einsum("rd,rd->r", offset, offset) < SUCCESS_RADIUS**2
        self._next[robots] += arrived & (self._next[robots] < WAYPOINTS)
        offset = self._target(robots, goal) - position
        return (KP * offset - KD * velocity).astype(np.float32)

    def _target(self, robots: NDArray[np.int64], goal: NDArray[Any]) -> NDArray[Any]:
        following = self._next[robots]
        waypoint = self._route[robots, np.minimum(following, WAYPOINTS - 1)]
        return np.where((following < WAYPOINTS)[:, None], waypoint, goal)


class PointMass:
    """The embodiment `point-mass`."""

    spec = SPEC

    def make_fleet(self, num_robots: int) -> PointMassFleet:
        """R points."""
        return PointMassFleet(num_robots)

    def action_limits(
        self, limits: Mapping[str, float]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Plus and minus `max_acceleration` along each axis."""
        most = np.float32(self.spec.check_limits(limits)["max_acceleration"])
        return np.full(2, -most, dtype=np.float32), np.full(2, most, dtype=np.float32)

    def render(self, observation: Observation, *, size: int) -> NDArray[np.uint8]:
        """The plane from above, (size, size, 3)."""
        return render_point_mass(observation[STATE], size=size)

    def demonstrator(self, num_robots: int) -> WaypointDemonstrator:
        """The PD controller through waypoints."""
        return WaypointDemonstrator(num_robots)

    def check_instruction(self, text: str) -> None:
        """Any text will do: a point mass always goes to its ring."""

    def keep_demonstration(self, length: int, success: bool) -> bool:
        """Only arrivals of at least ten steps, as published."""
        return success and length >= SHORTEST_DEMONSTRATION
