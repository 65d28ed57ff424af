"""gym-aloha's insertion scene as MuJoCo models: one to be simulated, one to be looked at.

The simulated one is the published scene to the bit. The other has the same bodies and joints, but coarser
meshes, no shadows and no multisampling: pictures cost mostly corners here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.aloha.presets import START
from practice.embodiments.gl import choose_gl
from practice.embodiments.seeds import mix, uniforms

ARMS = 16
"""Joint positions before those of the peg and the socket: per arm six joints and two fingers."""

_INSTALL = (
    "The two arms come with the package gym-aloha, which is not installed: "
    "`pip install --no-deps gym-aloha==0.1.5` (its dependency labmaze has no wheels for Python 3.13 and "
    "newer, and is not needed here)."
)

FRONT = "front"
"""A camera that gym-aloha lacks: its own from the front cuts off what happens in the air."""

_FRONT_AT = (0.0, -0.25, 0.52)
_FRONT_AXES = (1.0, 0.0, 0.0, 0.0, 0.39, 0.75)
_SKY = ((0.62, 0.68, 0.76), (0.30, 0.33, 0.38))
_STREAM = np.uint64(0x616C6F6861)
_START_FINGER = 0.02239


def load_model() -> Any:
    """The scene for physics, an `MjModel`."""
    return _spec().compile()


def load_drawing(height: int, width: int, *, grain: float, shadows: bool = False) -> Any:
    """The scene for pictures of up to this size in pixels; meshes keep one corner per cube of `grain`
    metres (0: all). Joint positions mean the same as in `load_model()`.
    """
    spec = _spec()
    if grain:
        _coarsen(spec, load_model(), grain)
    quality = spec.visual.quality
    quality.offsamples, quality.shadowsize = (4, 2048) if shadows else (0, 512)
    quality.numquads, quality.numslices, quality.numstacks = 1, 12, 4
    getattr(spec.visual, "global").offheight = height
    getattr(spec.visual, "global").offwidth = width
    for light in spec.lights:
        light.castshadow = bool(light.castshadow and shadows)
    spec.worldbody.add_camera(name=FRONT, pos=_FRONT_AT, xyaxes=_FRONT_AXES)
    if shadows:
        _add_sky(spec)
    return spec.compile()


def start_positions(seeds: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Joint positions (k, nq) from the episodes' seeds (k,): arms at home, the peg somewhere in
    x 0.1 to 0.2, y 0.4 to 0.6, the socket as far on the other side, both a hand above the table, as
    published.
    """
    drawn = uniforms(mix(seeds ^ _STREAM), 4)
    qpos = np.zeros((len(seeds), ARMS + 14))
    finger = (_START_FINGER, -_START_FINGER)
    qpos[:, :ARMS] = (*START, *finger, *START, *finger)
    for place, (number, side) in enumerate(((0, 1.0), (1, -1.0))):
        at = ARMS + 7 * place
        middle = 0.15 * side
        qpos[:, at] = middle + 0.1 * (drawn[:, 2 * number] - 0.5)
        qpos[:, at + 1] = 0.4 + 0.2 * drawn[:, 2 * number + 1]
        qpos[:, at + 2] = 0.05
        qpos[:, at + 3] = 1.0
    return qpos


def _spec() -> Any:
    choose_gl()
    import mujoco  # noqa: PLC0415  (after the choice, and never in the web process)

    try:
        from gym_aloha.constants import ASSETS_DIR  # noqa: PLC0415
    except ImportError as missing:
        raise LearningError(_INSTALL) from missing
    return mujoco.MjSpec.from_file(str(ASSETS_DIR / "bimanual_viperx_insertion.xml"))


def _add_sky(spec: Any) -> None:
    import mujoco  # noqa: PLC0415  (never in the web process)

    sky = spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, width=64, height=384
    )
    sky.builtin = mujoco.mjtBuiltin.mjBUILTIN_GRADIENT
    sky.rgb1, sky.rgb2 = _SKY


def _coarsen(spec: Any, model: Any, grain: float) -> None:
    """Put a coarser surface in the place of each mesh; nothing collides any more."""
    import mujoco  # noqa: PLC0415  (never in the web process)

    for mesh in spec.meshes:
        number = model.mesh(mesh.name).id
        first, count = model.mesh_vertadr[number], model.mesh_vertnum[number]
        corners = model.mesh_vert[first : first + count].astype(np.float64)
        first, count = model.mesh_faceadr[number], model.mesh_facenum[number]
        faces = model.mesh_face[first : first + count]
        # MuJoCo keeps meshes in the frame of their inertia.
        corners = corners @ _matrix(model.mesh_quat[number]).T + model.mesh_pos[number]
        corners, faces = merge_corners(corners, faces, grain)
        mesh.file, mesh.scale = "", np.ones(3)
        mesh.uservert, mesh.userface = corners.ravel(), faces.ravel()
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL  # it may have become flat
    for geom in spec.geoms:
        geom.contype = geom.conaffinity = 0


def merge_corners(
    corners: NDArray[np.float64], faces: NDArray[np.int32], grain: float
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Corners (n, 3) that share a cube of side `grain` become one, in their middle; faces (m, 3) that
    lose a corner go.
    """
    _, which, count = np.unique(
        np.floor(corners / grain).astype(np.int64), axis=0, return_inverse=True, return_counts=True
    )
    which = which.reshape(-1)
    merged = np.zeros((len(count), 3))
    np.add.at(merged, which, corners)
    left = which[faces]
    a, b, c = left.T
    left = left[(a != b) & (b != c) & (c != a)]
    # The same face twice, whichever corner comes first, is drawn once.
    turned = np.take_along_axis(left, (left.argmin(1)[:, None] + np.arange(3)) % 3, axis=1)
    return merged / count[:, None], np.unique(turned, axis=0).astype(np.int32)


def _matrix(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
