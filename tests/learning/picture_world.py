"""A world small enough for tests that can only be solved by looking and reading: a dark robot, a red
and a blue dot on a 16 x 16 picture, "go to the red dot". The demonstrator dawdles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.interface import Observation, Transition
from practice.embodiments.seeds import uniforms
from practice.embodiments.spec import ActionSpec, EmbodimentSpec, FeatureSpec, Mirror
from practice.episodes.types import Episode

CAMERA, STATE, TRUTH = (
    "observation.images.eye",
    "observation.state",
    "observation.environment_state",
)
TEXTS = ("go to the red dot", "go to the blue dot")
SPEC = EmbodimentSpec(
    id="dots",
    title="Dots",
    description="For tests.",
    observation={
        CAMERA: FeatureSpec((16, 16, 3), "uint8", ("height", "width", "channel"), ""),
        STATE: FeatureSpec((2,), "float32", ("x", "y"), ""),
        TRUTH: FeatureSpec((4,), "float32", ("rx", "ry", "bx", "by"), "", privileged=True),
    },
    action=ActionSpec((2,), "float32", ("dx", "dy"), "", (-0.3, -0.3), (0.3, 0.3)),
    control_hz=10,
    horizon=10,
    instructions=TEXTS,
    steps_to_go_bins=21,
    steps_to_go_max=20.0,
    default_threshold=1.0,
    knows_success=True,
    linger=2,
    mirror=Mirror(
        {STATE: (-1.0, 1.0), "action": (-1.0, 1.0)}, (CAMERA,), {"left": "right", "right": "left"}
    ),
)
_X, _Y = np.meshgrid(np.linspace(-1, 1, 16), np.linspace(1, -1, 16))
_COLOURS = np.array([[0, 160, 160], [160, 160, 0], [170, 170, 170]])
"""What each thing takes away from a light grey: red dot, blue dot, robot."""


def draw(places: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Pictures (k, 16, 16, 3) of red dot, blue dot and robot, (k, 3, 2)."""
    picture = np.full((len(places), 16, 16, 3), 200.0)
    for thing in range(3):
        x, y = places[:, thing, 0, None, None], places[:, thing, 1, None, None]
        light = np.exp(-((_X - x) ** 2 + (_Y - y) ** 2) / 0.03)
        picture -= light[..., None] * _COLOURS[thing]
    shown: NDArray[np.uint8] = np.clip(picture, 0, 255).astype(np.uint8)
    return shown


class DotsFleet:
    """Robots that move as told."""

    def __init__(self, num_robots: int) -> None:
        self.num_robots = num_robots
        self._places = np.zeros((num_robots, 3, 2))
        self._goal = np.zeros(num_robots, dtype=np.int64)

    def reset(
        self, robots: NDArray[np.int64], seeds: NDArray[np.uint64], instructions: Sequence[str]
    ) -> Observation:
        self._places[robots] = 0.9 * (2 * uniforms(seeds, 6).reshape(-1, 3, 2) - 1)
        self._goal[robots] = [int("blue" in text) for text in instructions]
        return self._seen(robots)

    def step(self, action: NDArray[Any]) -> Transition:
        return self.step_rows(np.arange(self.num_robots), action)

    def step_rows(self, robots: NDArray[np.int64], action: NDArray[Any]) -> Transition:
        moved = self._places[robots, 2] + np.clip(action, -0.3, 0.3)
        self._places[robots, 2] = np.clip(moved, -1, 1)
        gap = self._places[robots, self._goal[robots]] - self._places[robots, 2]
        return Transition(self._seen(robots), np.linalg.norm(gap, axis=-1) < 0.3)

    def state(self) -> dict[str, Any]:
        return {"places": self._places.copy(), "goal": self._goal.copy()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._places, self._goal = np.array(state["places"]), np.array(state["goal"])

    def _seen(self, robots: NDArray[np.int64]) -> Observation:
        places = self._places[robots]
        return {
            CAMERA: draw(places),
            STATE: places[:, 2].astype(np.float32),
            TRUTH: places[:, :2].reshape(-1, 4).astype(np.float32),
        }


class Dots:
    """The embodiment; its expert lives in `demonstrations`."""

    spec = SPEC

    def make_fleet(self, num_robots: int) -> DotsFleet:
        return DotsFleet(num_robots)

    def action_limits(
        self, limits: Mapping[str, float]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return np.full(2, -0.3, np.float32), np.full(2, 0.3, np.float32)

    def render(self, observation: Observation, *, size: int) -> NDArray[np.uint8]:
        return np.zeros((size, size, 3), dtype=np.uint8)

    def demonstrator(self, num_robots: int) -> Any:
        raise NotImplementedError

    def check_instruction(self, text: str) -> None:
        """Anything goes."""

    def keep_demonstration(self, length: int, success: bool) -> bool:
        return success


def demonstrations(count: int, seed: int = 0) -> list[Episode]:
    """Walks to the goal at about half speed, with detours, two steps longer than need be."""
    rng, made = np.random.default_rng(seed), []
    fleet, robots = DotsFleet(count), np.arange(count)
    texts = [TEXTS[i % 2] for i in range(count)]
    seen = [fleet.reset(robots, np.arange(count, dtype=np.uint64) + np.uint64(seed), texts)]
    acted: list[NDArray[np.float32]] = []
    arrived = np.full(count, -1)
    for t in range(1, 31):
        dots = seen[-1][TRUTH].reshape(-1, 2, 2)
        gap = dots[robots, np.arange(count) % 2] - seen[-1][STATE]
        pace = 0.14 / np.maximum(np.linalg.norm(gap, axis=-1, keepdims=True), 0.14)
        acted.append((gap * pace + rng.normal(0, 0.08, gap.shape)).astype(np.float32))
        moved = fleet.step(acted[-1])
        seen.append(moved.observation)
        assert moved.success is not None
        arrived[(arrived < 0) & moved.success] = t
    for n in np.flatnonzero((arrived > 0) & (arrived <= 28)).tolist():
        length = int(arrived[n]) + 2
        made.append(
            Episode(
                uid=f"e{n}",
                robot=0,
                instruction=texts[n],
                seed=n,
                observation={
                    k: np.stack([s[k][n] for s in seen[: length + 1]]) for k in (CAMERA, STATE)
                },
                action=np.stack([a[n] for a in acted[:length]]),
                distance=None,
                spread=None,
                ended_by="success",
                detector_success=None,
                true_success=True,
                success_step=int(arrived[n]),
            )
        )
    return made
