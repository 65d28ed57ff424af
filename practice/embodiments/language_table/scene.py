"""The table as a MuJoCo model, written as MJCF text.

The physics is planar: every thing hangs on two slides and a hinge with viscous damping, all
collisions are spheres and capsules whose middles lie in one plane, and the pusher is a sphere
driven by strong velocity servos. What cameras see (prisms, a cylinder, the board) never collides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from practice.embodiments.language_table.things import (
    BLOCK_REACH,
    HALF,
    HEIGHT,
    PUSHER_RADIUS,
    Thing,
)

SUBSTEP = 0.010
"""Seconds."""

_PLANE = HEIGHT / 2.0
_PUSHER_MASS = 0.2
_PUSHER_HEIGHT = 0.034

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Physics:
    """What pushing feels like."""

    drag: float = 50.0
    """Viscous damping of a thing per kilogram, 1/s: at 50 it stops within a few substeps."""

    friction: float = 0.3
    """Between pusher and things, and among things."""

    delay: int = 0
    """Control ticks between a command and its effect."""

    noise: float = 0.0
    """Standard deviation of each carried-out move, metres per axis."""


@dataclass(frozen=True)
class Look:
    """What cameras see: colours, light and viewpoint."""

    colours: tuple[tuple[str, Rgb], ...] = (
        ("red", (0.86, 0.12, 0.13)),
        ("blue", (0.12, 0.33, 0.90)),
        ("green", (0.10, 0.62, 0.22)),
        ("yellow", (0.97, 0.78, 0.08)),
        ("", (0.98, 0.86, 0.25)),
    )
    """Thing's colour word -> red, green, blue in [0, 1]; "" is the banana's."""

    board: Rgb = (0.80, 0.77, 0.72)
    grain: Rgb | None = None
    """Colour of a speckle on the board; None: plain."""

    rim: Rgb = (0.45, 0.40, 0.36)
    pusher: Rgb = (0.13, 0.13, 0.15)
    eye: tuple[float, float, float] = (0.0, -0.26, 0.62)
    """Where the camera is, metres."""

    aim: tuple[float, float] = (0.0, -0.004)
    """The point of the table in the picture's middle."""

    roll: float = 0.0
    """Turn of the camera about its line of sight, degrees."""

    fov: float = 31.5
    """Vertical field of view, degrees."""

    light: tuple[float, float, float] = (0.0, -0.35, -1.0)
    """Direction in which the light shines."""

    brightness: float = 1.0


@dataclass(frozen=True)
class Stage:
    """Lights, the camera "top", the board: everything that does not move."""

    world: str
    """Inside of MJCF's <worldbody>."""

    visual: str
    """Inside of <visual>."""

    assets: str = ""


def mjcf(things: tuple[Thing, ...], look: Look, physics: Physics, stage: Stage) -> str:
    """The whole model."""
    bodies = "".join(_thing(i, thing, look, physics) for i, thing in enumerate(things))
    meshes = "".join(mesh(f"mesh_{i}", thing) for i, thing in enumerate(things))
    return f"""
<mujoco model="table">
  <compiler angle="radian" inertiafromgeom="false" autolimits="true"/>
  <option timestep="{SUBSTEP}" integrator="implicitfast" solver="Newton" iterations="12"
          ls_iterations="8" tolerance="1e-7" cone="pyramidal" jacobian="dense">
    <flag gravity="disable"/>
  </option>
  <statistic extent="0.5" center="0 0 0"/>
  <visual>{stage.visual}</visual>
  <default>
    <geom condim="3" friction="{physics.friction} 0.005 0.0001" solref="0.02 1"
          solimp="0.9 0.99 0.001"/>
    <default class="seen"><geom contype="0" conaffinity="0" group="1" mass="0"/></default>
    <default class="felt"><geom group="4" mass="0" rgba="1 0 1 1"/></default>
  </default>
  <asset>{meshes}{stage.assets}</asset>
  <worldbody>
    {stage.world}
    {_pusher(look)}
    {bodies}
  </worldbody>
  <!-- No force limit: the implicit integrator does not damp a saturated motor, which then swings. -->
  <actuator>
    <velocity joint="pusher_x" kv="{_PUSHER_MASS / 0.0005}"/>
    <velocity joint="pusher_y" kv="{_PUSHER_MASS / 0.0005}"/>
  </actuator>
</mujoco>"""


def numbers(*values: float) -> str:
    """As MJCF writes vectors."""
    return " ".join(f"{value:.6g}" for value in values)


def rgba(rgb: Rgb) -> str:
    return numbers(*rgb, 1.0)


def plain_stage(look: Look, visual: str) -> Stage:
    """What the policy's camera needs, and nothing more."""
    view = camera(look.eye, look.aim, look.roll, look.fov)
    return Stage(_lights(look) + view + _board(look), visual, grain(look))


def grain(look: Look) -> str:
    """The board's material, where it is not plain."""
    if look.grain is None:
        return ""
    return (
        f'<texture name="grain" type="2d" builtin="gradient" width="64" height="64" mark="random" '
        f'random="0.2" rgb1="{numbers(*look.board)}" rgb2="{numbers(*(0.8 * c for c in look.board))}" '
        f'markrgb="{numbers(*look.grain)}"/>'
        '<material name="grain" texture="grain" specular="0"/>'
    )


def board_paint(look: Look) -> str:
    """What the board is painted with, as attributes of a geom."""
    return f'rgba="{rgba(look.board)}"' if look.grain is None else 'material="grain"'


def _lights(look: Look) -> str:
    strength = numbers(*(0.45 * look.brightness,) * 3)
    return (
        f'<light name="sun" directional="true" castshadow="false" pos="0 0 1" '
        f'dir="{numbers(*look.light)}" diffuse="{strength}" specular="0 0 0" ambient="0 0 0"/>'
    )


def camera(
    eye: tuple[float, float, float], aim: tuple[float, float], roll: float, fov: float
) -> str:
    """The camera "top" looks from `eye` at `aim`; without a roll, and with both in the middle, left
    and right are exact mirror images.
    """
    back = np.array(eye) - np.array([*aim, 0.0])
    back /= np.linalg.norm(back)
    right = np.cross([0.0, 1.0, 0.0], back)
    right /= np.linalg.norm(right)
    up = np.cross(back, right)
    turn = np.radians(roll)
    right, up = (
        np.cos(turn) * right + np.sin(turn) * up,
        np.cos(turn) * up - np.sin(turn) * right,
    )
    axes = numbers(*right, *up)
    return f'<camera name="top" pos="{numbers(*eye)}" fovy="{fov}" xyaxes="{axes}"/>'


def _board(look: Look) -> str:
    """A plate in a frame so broad that a camera sees nothing else: every pixel is drawn once."""
    x, y = HALF + 0.020
    broad, low, high = 0.25, -0.012, 0.003
    middle, tall = (high + low) / 2.0, (high - low) / 2.0
    bars = [
        (0.0, y + broad, x + 2 * broad, broad),
        (0.0, -y - broad, x + 2 * broad, broad),
        (x + broad, 0.0, broad, y),
        (-x - broad, 0.0, broad, y),
    ]
    frame = "".join(
        f'<geom class="seen" type="box" pos="{numbers(px, py, middle)}" '
        f'size="{numbers(sx, sy, tall)}" rgba="{rgba(look.rim)}"/>'
        for px, py, sx, sy in bars
    )
    plate = f'<geom class="seen" type="plane" size="{numbers(x, y, 1.0)}" {board_paint(look)}/>'
    return plate + frame


def _pusher(look: Look) -> str:
    half = _PUSHER_HEIGHT / 2.0
    return f"""
    <body name="pusher" pos="0 0 {_PLANE}">
      <inertial pos="0 0 0" mass="{_PUSHER_MASS}" diaginertia="1e-4 1e-4 1e-4"/>
      <joint name="pusher_x" type="slide" axis="1 0 0"/>
      <joint name="pusher_y" type="slide" axis="0 1 0"/>
      <geom class="felt" type="sphere" size="{PUSHER_RADIUS}"/>
      <geom class="seen" type="cylinder" pos="0 0 {half - _PLANE}" size="{PUSHER_RADIUS} {half}"
            rgba="{rgba(look.pusher)}"/>
    </body>"""


def _thing(index: int, thing: Thing, look: Look, physics: Physics) -> str:
    shape, (far_x, far_y) = thing.shape, BLOCK_REACH
    drag = physics.drag * shape.drag * shape.mass
    inertia = 0.5 * shape.mass * shape.radius**2
    # Its own friction goes before that of whatever touches it.
    grip = f'priority="1" friction="{shape.friction} 0.005 0.0001"' if shape.friction else ""
    sticks = "".join(
        f'<geom class="felt" type="capsule" {grip} size="{stick.radius}" '
        f'fromto="{numbers(*stick.start, 0.0, *stick.end, 0.0)}"/>'
        for stick in shape.sticks
    )
    colour = dict(look.colours)[thing.colour]
    return f"""
    <body name="thing_{index}" pos="0 0 {_PLANE}">
      <inertial pos="0 0 0" mass="{shape.mass}" diaginertia="{numbers(*(inertia,) * 3)}"/>
      <joint type="slide" axis="1 0 0" damping="{drag}" range="{-far_x} {far_x}"/>
      <joint type="slide" axis="0 1 0" damping="{drag}" range="{-far_y} {far_y}"/>
      <joint type="hinge" axis="0 0 1" damping="{drag * shape.radius**2 / 2.0}"/>
      {sticks}
      <geom class="seen" type="mesh" mesh="mesh_{index}" rgba="{rgba(colour)}"/>
    </body>"""


def mesh(name: str, thing: Thing, *, wide: float = 1.0, tall: float = 1.0) -> str:
    """A prism, stretched by these factors, over the outline, with corners of its own for top and sides so that edges are sharp.

    The top is a fan around a point that sees every corner; nobody looks from below.
    """
    outline = np.array(thing.shape.outline)
    count, half = len(outline), HEIGHT / 2.0
    vertices: list[tuple[float, ...]] = [(x, y, half) for x, y in outline]
    faces = [tuple(corner) for corner in triangles(outline)]
    for i in range(count):
        (ax, ay), (bx, by) = outline[i], outline[(i + 1) % count]
        first = len(vertices)
        vertices += [(ax, ay, half), (ax, ay, -half), (bx, by, -half), (bx, by, half)]
        faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    corners = " ".join(numbers(*vertex) for vertex in vertices)
    listed = " ".join(" ".join(str(i) for i in face) for face in faces)
    return (
        f'<mesh name="{name}" scale="{numbers(wide, wide, tall)}" inertia="shell" smoothnormal="false" '
        f'vertex="{corners}" face="{listed}"/>'
    )


def triangles(outline: np.ndarray) -> list[tuple[int, int, int]]:
    """Cut a simple counter-clockwise polygon (n, 2) into triangles by clipping ears."""
    left, found = list(range(len(outline))), []
    while len(left) > 3:
        for place, corner in enumerate(left):
            before, after = left[place - 1], left[(place + 1) % len(left)]
            others = [i for i in left if i not in (before, corner, after)]
            if _is_ear(outline[[before, corner, after]], outline[others]):
                found.append((before, corner, after))
                left.pop(place)
                break
        else:
            raise ValueError("The outline crosses itself or runs clockwise.")
    return [*found, (left[0], left[1], left[2])]


def _is_ear(corner: np.ndarray, others: np.ndarray) -> bool:
    """Whether a triangle (3, 2) turns left and holds none of the other points (k, 2)."""
    edge = np.roll(corner, -1, axis=0) - corner
    if edge[0, 0] * edge[1, 1] - edge[0, 1] * edge[1, 0] <= 1e-12:
        return False
    offset = others[:, None] - corner[None]
    side = edge[None, :, 0] * offset[..., 1] - edge[None, :, 1] * offset[..., 0]
    return not bool(np.any(np.all(side >= -1e-12, axis=1)))
