"""The policy's camera: small pictures, cheap to draw.

What makes it cheap: no shadows, no multisampling, plain colours, coarse round shapes, a framebuffer of
exactly the picture's size. Small pictures are drawn at twice the size and averaged: a pixel then
tells where inside it an edge runs.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.gl import choose_gl, make_context
from practice.embodiments.pixels import shrink

QUALITY = (
    '<quality offsamples="0" shadowsize="512" numquads="1" numslices="12" numstacks="4"/>'
    '<headlight ambient="0.55 0.55 0.55" diffuse="0.1 0.1 0.1" specular="0 0 0"/>'
    '<map znear="0.4" zfar="4"/>'
)


def visual(height: int, width: int) -> str:
    """The inside of MJCF's <visual> for a camera of this size in pixels."""
    return f'{QUALITY}<global offheight="{height}" offwidth="{width}"/>'


def _free(window: Any, context: Any) -> None:
    """Both in their own OpenGL context: names of textures and buffers mean something else in that
    of another camera, and freeing there would take away what the other one draws with.
    """
    window.make_current()
    context.free()
    window.free()


class Camera:
    """Draws a MuJoCo model from its camera "top". One per process: it owns an OpenGL context."""

    def __init__(self, model: Any, height: int, width: int, supersample: int) -> None:
        """The model's framebuffer must be `supersample` times height by width or larger."""
        choose_gl()
        import mujoco  # noqa: PLC0415  (after the choice, and never in the web process)

        self._mujoco, self._model, self._data = mujoco, model, mujoco.MjData(model)
        rows, columns = supersample * height, supersample * width
        self._gl = make_context(columns, rows)
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        self._finalizer = weakref.finalize(self, _free, self._gl, self._context)
        self._finalizer.atexit = False  # by then `gl` has freed it
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 8)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = False
        self._view = mujoco.MjvCamera()
        self._view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._view.fixedcamid = model.camera("top").id
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = 0
        self._option.geomgroup[1] = 1
        self._rect = mujoco.MjrRect(0, 0, columns, rows)
        self._drawn = np.empty((rows, columns, 3), dtype=np.uint8)

    def draw(self, qpos: NDArray[np.float64], out: NDArray[np.uint8]) -> None:
        """Pictures of joint positions (k, nq), written into `out` (k, H, W, 3)."""
        mujoco, data = self._mujoco, self._data
        self._gl.make_current()
        for pose, picture in zip(qpos, out, strict=True):
            data.qpos[:] = pose
            mujoco.mj_kinematics(self._model, data)
            mujoco.mj_camlight(self._model, data)
            self.arrange()
            mujoco.mjv_updateScene(
                self._model,
                data,
                self._option,
                None,
                self._view,
                mujoco.mjtCatBit.mjCAT_ALL,
                self._scene,
            )
            mujoco.mjr_render(self._rect, self._scene, self._context)
            mujoco.mjr_readPixels(self._drawn, None, self._rect, self._context)
            # OpenGL's rows come bottom up.
            shrink(self._drawn[::-1], picture)

    def arrange(self) -> None:
        """Move what only pictures have, once everything else is in place."""

    def close(self) -> None:
        """Give the OpenGL context back; done by itself when nobody holds the camera any more."""
        self._finalizer()
