"""The table as people like to see it: larger, in warm light, with the goal marked on the board.

Drawn from one robot's recorded observation alone, and only while somebody watches. Shadows are thin
dark copies of the things that lie on the board, in a few layers slid away from the light: softer
than a shadow map and twenty times cheaper.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.gl import choose_gl
from practice.embodiments.interface import Observation
from practice.embodiments.language_table.goals import (
    BLOCK_DISTANCE,
    MIDDLE_RADIUS,
    PLACE_RADIUS,
    RELATIVE_DISTANCE,
    SEPARATE_DISTANCE,
)
from practice.embodiments.language_table.pictures import Camera
from practice.embodiments.language_table.presets import TRUTH, Table
from practice.embodiments.language_table.scene import (
    Look,
    Stage,
    board_paint,
    camera,
    grain,
    mesh,
    mjcf,
    numbers,
    rgba,
)
from practice.embodiments.language_table.things import HALF, PUSHER_RADIUS, Thing

_VISUAL = (
    '<quality offsamples="0" shadowsize="512" numquads="3" numslices="20" numstacks="4"/>'
    '<headlight ambient="0.36 0.36 0.38" diffuse="0.06 0.06 0.06" specular="0 0 0"/>'
    '<map znear="0.3" zfar="5"/>'
)
_LIGHTS = (
    '<light directional="true" castshadow="false" pos="0 0 1" dir="0.42 -0.34 -1" '
    'diffuse="0.36 0.35 0.33" specular="0.15 0.15 0.15" ambient="0 0 0"/>'
    '<light pos="-0.30 0.25 0.9" dir="0.30 -0.28 -0.9" cutoff="50" exponent="6" '
    'castshadow="false" diffuse="0.34 0.33 0.30" specular="0 0 0" ambient="0 0 0"/>'
)
_FLOOR = (0.115, 0.135, 0.18)
_SLIDE = np.array([0.0036, -0.0028])
"""How far each layer of a shadow lies from the one before, metres."""

_LAYERS = 3
_DARKNESS = 0.14
"""Of one layer."""

_DASHES = 22
_RADII = tuple(
    sorted({BLOCK_DISTANCE, RELATIVE_DISTANCE, SEPARATE_DISTANCE, PLACE_RADIUS, MIDDLE_RADIUS})
)
"""Of all circles that goals know."""

_KEPT = threading.local()
"""An OpenGL context belongs to the thread that made it."""

_MOST_KEPT = 4


def render_table(table: Table, observation: Observation, *, size: int) -> NDArray[np.uint8]:
    """One robot's recorded observation as a picture (size, size, 3)."""
    truth = np.nan_to_num(np.asarray(observation[TRUTH], dtype=np.float64))
    poses = 3 * len(table.things)
    qpos = np.concatenate([truth[poses : poses + 2], truth[:poses]])
    lens = _lens(table, size)
    lens.goal = truth[poses + 2 :]
    out = np.empty((1, size, size, 3), dtype=np.uint8)
    lens.draw(qpos[None], out)
    picture: NDArray[np.uint8] = out[0]
    return picture


class _Lens(Camera):
    """A camera that also draws shadows and the goal."""

    def __init__(self, table: Table, size: int) -> None:
        choose_gl()
        import mujoco  # noqa: PLC0415  (after the choice, and never in the web process)

        stage = _stage(table.things, table.look, size)
        text = mjcf(table.things, table.look, table.physics, stage)
        model = mujoco.MjModel.from_xml_string(text)
        super().__init__(model, size, size, 2)
        self.goal: NDArray[np.float64] = np.zeros(5)
        """Subject, reference, x, y, radius as in the observation."""

        colours = dict(table.look.colours)
        self._colours = [colours[thing.colour] for thing in table.things]
        names = [*(f"thing_{i}" for i in range(len(table.things))), "pusher"]
        self._bodies = [model.body(name).id for name in names]
        self._shadows = np.array(
            [[model.geom(f"shadow_{name}_{k}").id for k in range(_LAYERS)] for name in names]
        )
        self._marks = np.array(
            [
                [model.geom(f"{kind}_{k}").id for kind in ("disc", "edge")]
                for k in range(len(_RADII))
            ]
        )
        # MuJoCo moves meshes to their centres of mass and turns them to their main axes; where and
        # how they lie when their thing stands at the origin, unturned, undoes that.
        mujoco.mj_kinematics(model, self._data)
        self._lying = self._data.geom_xmat[self._shadows].reshape(-1, _LAYERS, 3, 3)
        self._centre = self._data.geom_xpos[self._shadows][..., :2].copy()

    def arrange(self) -> None:
        """Lay every shadow beside its thing."""
        data = self._data
        turn = data.xmat[self._bodies].reshape(-1, 1, 3, 3)
        slide = _SLIDE * np.arange(1, _LAYERS + 1)[:, None]
        shift = np.einsum("bij,blj->bli", turn[:, 0, :2, :2], self._centre)
        data.geom_xpos[self._shadows, :2] = data.xpos[self._bodies, None, :2] + shift + slide
        data.geom_xmat[self._shadows] = (turn @ self._lying).reshape(-1, _LAYERS, 9)
        self._mark_goal()

    def _mark_goal(self) -> None:
        """A faint disc in the subject's colour where it belongs, with a dashed edge; where the
        subject must get out of a circle, the edge alone.
        """
        subject, _, x, y, radius = self.goal.tolist()
        self._model.geom_rgba[self._marks, 3] = 0.0
        nearest = int(np.argmin(np.abs(np.array(_RADII) - abs(radius))))
        if radius == 0.0 or not 0 <= subject < len(self._colours):
            return
        colour, (disc, edge) = np.array(self._colours[int(subject)]), self._marks[nearest]
        self._data.geom_xpos[[disc, edge], :2] = x, y
        self._model.geom_rgba[disc] = [*colour, 0.20 if radius > 0 else 0.0]
        self._model.geom_rgba[edge] = [*(0.8 * colour), 1.0]


def _lens(table: Table, size: int) -> _Lens:
    kept: dict[Any, _Lens] = _KEPT.__dict__.setdefault("lenses", {})
    key = (table.id, size)
    if key not in kept:
        if len(kept) >= _MOST_KEPT:
            kept.pop(next(iter(kept))).close()
        kept[key] = _Lens(table, size)
    return kept[key]


def _stage(things: tuple[Thing, ...], look: Look, size: int) -> Stage:
    """A board in a wooden frame on a dark floor, seen from the front."""
    assets, shadows = [], []
    for i, thing in enumerate(things):
        assets.append(mesh(f"flat_{i}", thing, wide=1.04, tall=0.01))
        shadows += [
            _shadow(f"thing_{i}", k, f'type="mesh" mesh="flat_{i}"') for k in range(_LAYERS)
        ]
    flat = f'type="cylinder" size="{numbers(PUSHER_RADIUS, 0.0001)}"'
    shadows += [_shadow("pusher", k, flat) for k in range(_LAYERS)]
    shadows += [_mark(k, radius) for k, radius in enumerate(_RADII)]
    assets += [_dashes(k, radius) for k, radius in enumerate(_RADII)]
    view = camera((0.0, -0.30, 0.70), (0.0, -0.012), 0.0, 38.0)
    visual = f'{_VISUAL}<global offheight="{2 * size}" offwidth="{2 * size}"/>'
    return Stage(
        _LIGHTS + view + _furniture(look) + "".join(shadows), visual, "".join(assets) + grain(look)
    )


def _shadow(name: str, layer: int, form: str) -> str:
    height = 0.0006 + 0.0003 * layer
    return (
        f'<geom class="seen" name="shadow_{name}_{layer}" {form} pos="0 0 {height:.4f}" '
        f'rgba="0.05 0.05 0.08 {_DARKNESS}"/>'
    )


def _mark(index: int, radius: float) -> str:
    return (
        f'<geom class="seen" name="disc_{index}" type="cylinder" pos="0 0 0.0003" '
        f'size="{radius} 0.0002" rgba="0 0 0 0"/>'
        f'<geom class="seen" name="edge_{index}" type="mesh" mesh="dashes_{index}" '
        f'pos="0 0 0.0005" rgba="0 0 0 0"/>'
    )


def _dashes(index: int, radius: float) -> str:
    """A flat dashed ring as a mesh."""
    ends = np.linspace(0.0, 2.0 * np.pi, 2 * _DASHES, endpoint=False).reshape(_DASHES, 2)
    corners = [
        numbers(far * np.cos(angle), far * np.sin(angle), 0.0)
        for angle in ends.ravel()
        for far in (radius - 0.001, radius + 0.001)
    ]
    faces = [f"{k} {k + 1} {k + 3} {k} {k + 3} {k + 2}" for k in range(0, len(corners), 4)]
    return (
        f'<mesh name="dashes_{index}" inertia="shell" smoothnormal="false" '
        f'vertex="{" ".join(corners)}" face="{" ".join(faces)}"/>'
    )


def _furniture(look: Look) -> str:
    x, y = HALF + 0.020
    frame, low, high = 0.011, -0.020, 0.006
    middle, tall = (high + low) / 2.0, (high - low) / 2.0
    bars = [
        (0.0, y + frame, x + 2 * frame, frame),
        (0.0, -y - frame, x + 2 * frame, frame),
        (x + frame, 0.0, frame, y),
        (-x - frame, 0.0, frame, y),
    ]
    rim = f'rgba="{rgba(look.rim)}"'
    boxes = [(px, py, middle, sx, sy, tall, rim) for px, py, sx, sy in bars]
    boxes.append((0.0, 0.0, -0.008, x, y, 0.008, board_paint(look)))
    # The table's own shadow on the floor, paler outwards.
    for k in range(3):
        wide = 0.014 + 0.013 * k
        side = (x + wide, y + wide, 0.0002, 'rgba="0 0 0 0.2"')
        boxes.append((0.022, -0.018, -0.0600 + 0.0004 * k, *side))
    floor = (
        f'<geom class="seen" type="plane" pos="0 0 -0.0620" size="3 3 1" rgba="{rgba(_FLOOR)}"/>'
    )
    return floor + "".join(
        f'<geom class="seen" type="box" pos="{numbers(*box[:3])}" size="{numbers(*box[3:6])}" '
        f"{box[6]}/>"
        for box in boxes
    )
