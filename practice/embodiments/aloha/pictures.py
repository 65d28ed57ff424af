"""What the robot's cameras see: a few small views, drawn side by side in one go.

All views of all features share one framebuffer, so that pixels are read back once per robot and tick.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from practice.embodiments.aloha.presets import Picture
from practice.embodiments.aloha.scene import load_drawing
from practice.embodiments.gl import choose_gl, make_context
from practice.embodiments.pixels import shrink

GRAIN = 0.006
"""Metres: meshes as coarse as this look the same in pictures this small."""


class Cameras:
    """Draws pictures of the scene. One per process: it owns an OpenGL context."""

    def __init__(
        self,
        pictures: Sequence[Picture],
        supersample: int = 1,
        *,
        grain: float = GRAIN,
        shadows: bool = False,
    ) -> None:
        """Drawn `supersample` times larger, then averaged; with shadows, for people's eyes."""
        choose_gl()
        import mujoco  # noqa: PLC0415  (after the choice, and never in the web process)

        self._mujoco, self._pictures, self._factor = mujoco, tuple(pictures), supersample
        rows = supersample * max(picture.height for picture in pictures)
        columns = supersample * sum(picture.width for picture in pictures)
        self._model = load_drawing(rows, columns, grain=grain, shadows=shadows)
        self._data = mujoco.MjData(self._model)
        self._gl = make_context(columns, rows)
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        self._finalizer = weakref.finalize(self, _free, self._gl, self._context)
        self._finalizer.atexit = False  # by then `gl` has freed it
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(self._model, maxgeom=self._model.ngeom + 8)
        for flag in ("SHADOW", "REFLECTION", "SKYBOX", "HAZE", "FOG"):
            kept = shadows and flag in {"SHADOW", "SKYBOX"}
            self._scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = kept
        self._option = mujoco.MjvOption()
        self._views = [
            (self._camera(view.camera), view.fov, rect) for view, rect in self._placed(rows)
        ]
        self._all = mujoco.MjrRect(0, 0, columns, rows)
        self._drawn = np.empty((rows, columns, 3), dtype=np.uint8)

    def draw(self, qpos: NDArray[np.float64]) -> dict[str, NDArray[np.uint8]]:
        """Pictures of joint positions (k, nq): feature name -> (k, H, W, 3), fresh arrays."""
        mujoco, out = self._mujoco, self._empty(len(qpos))
        self._gl.make_current()
        for row, pose in enumerate(qpos):
            self._data.qpos[:] = pose
            mujoco.mj_kinematics(self._model, self._data)
            mujoco.mj_camlight(self._model, self._data)
            self._draw_views()
            mujoco.mjr_readPixels(self._drawn, None, self._all, self._context)
            self._cut(out, row)
        return out

    def close(self) -> None:
        """Give the OpenGL context back; done by itself when nobody holds this any more."""
        self._finalizer()

    def _draw_views(self) -> None:
        mujoco, first = self._mujoco, True
        for camera, fov, rect in self._views:
            self._model.cam_fovy[camera.fixedcamid] = fov
            if first:
                mujoco.mjv_updateScene(
                    self._model,
                    self._data,
                    self._option,
                    None,
                    camera,
                    mujoco.mjtCatBit.mjCAT_ALL,
                    self._scene,
                )
            else:
                # The things are the same from everywhere.
                mujoco.mjv_updateCamera(self._model, self._data, camera, self._scene)
            first = False
            mujoco.mjr_render(rect, self._scene, self._context)

    def _camera(self, name: str) -> Any:
        camera = self._mujoco.MjvCamera()
        camera.type = self._mujoco.mjtCamera.mjCAMERA_FIXED
        camera.fixedcamid = self._model.camera(name).id
        return camera

    def _placed(self, rows: int) -> list[tuple[Any, Any]]:
        """Each view and its rectangle: features from left to right, their views downwards."""
        placed, left = [], 0
        for picture in self._pictures:
            width = self._factor * picture.width
            height = self._factor * picture.height // len(picture.views)
            for number, view in enumerate(picture.views):
                # OpenGL counts from below.
                bottom = rows - (number + 1) * height
                placed.append((view, self._mujoco.MjrRect(left, bottom, width, height)))
            left += width
        return placed

    def _empty(self, count: int) -> dict[str, NDArray[np.uint8]]:
        return {
            picture.feature: np.empty((count, picture.height, picture.width, 3), dtype=np.uint8)
            for picture in self._pictures
        }

    def _cut(self, out: dict[str, NDArray[np.uint8]], row: int) -> None:
        """Divide the framebuffer among the features; OpenGL's rows come bottom up."""
        factor, left, upright = self._factor, 0, self._drawn[::-1]
        for picture in self._pictures:
            part = upright[: factor * picture.height, left : left + factor * picture.width]
            left += factor * picture.width
            shrink(part, out[picture.feature][row])


def _free(window: Any, context: Any) -> None:
    """Both in their own OpenGL context: names of textures and buffers mean something else in that
    of another camera, and freeing there would take away what the other one draws with.
    """
    window.make_current()
    context.free()
    window.free()
