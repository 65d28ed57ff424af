"""Which OpenGL draws pictures without a screen: EGL where it works, else OSMesa.

MuJoCo and PyOpenGL read the choice from the environment when they are first imported, so it is made
here, once per process, before anybody imports them. Everything that draws with MuJoCo calls
`choose_gl()` first.
"""

from __future__ import annotations

import atexit
import ctypes
import ctypes.util
import os
import weakref
from importlib import import_module
from typing import Any

from models_store.errors import LearningError

INSTALL = (
    "Camera pictures need OpenGL without a screen, and neither EGL nor OSMesa was found: install one, "
    "on Debian or Ubuntu `apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri` or "
    "`apt-get install libosmesa6`."
)
_OFFSCREEN = ("egl", "osmesa")
_open: weakref.WeakSet[Any] = weakref.WeakSet()


def choose_gl() -> str:
    """ "egl" or "osmesa", set in the environment; a choice somebody made before is kept.

    Raises:
        LearningError: neither is installed; the message says what to install.
    """
    # llvmpipe would start one thread per core in every process; fleets use processes instead.
    os.environ.setdefault("LP_NUM_THREADS", "0")
    chosen = os.environ.get("MUJOCO_GL", "").lower()
    if not chosen:
        chosen = next((name for name in _OFFSCREEN if _works(name)), "")
        if not chosen:
            raise LearningError(INSTALL)
        os.environ.update(MUJOCO_GL=chosen)
    if chosen in _OFFSCREEN:
        os.environ.setdefault("PYOPENGL_PLATFORM", chosen)
    return chosen


def draw_without_a_screen() -> None:
    """Have SDL, which draws many Gymnasium environments by pygame, open no window."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")


def make_context(width: int, height: int) -> Any:
    """A MuJoCo OpenGL context of this size in pixels, current in this thread.

    It is freed when the process ends, before the graphics library shuts down, unless its owner
    freed it earlier.
    """
    chosen = choose_gl()
    # Asked by name: MuJoCo's own choice was fixed when it was first imported, by whomever.
    module = import_module(f"mujoco.{chosen}" if chosen in _OFFSCREEN else "mujoco")
    context = module.GLContext(width, height)
    context.make_current()
    if not _open:
        atexit.unregister(_free_all)
        atexit.register(_free_all)
    _open.add(context)
    return context


def _free_all() -> None:
    for context in list(_open):
        context.free()
    _open.clear()


def _works(name: str) -> bool:
    """Asked of the libraries themselves: a failed first try would leave PyOpenGL set up wrongly."""
    return (
        _egl_has_a_device() if name == "egl" else _library("OSMesa", "libOSMesa.so.8") is not None
    )


def _library(name: str, usual: str) -> ctypes.CDLL | None:
    for path in (ctypes.util.find_library(name), usual):
        if path:
            try:
                return ctypes.CDLL(path)
            except OSError:
                continue
    return None


def _egl_has_a_device() -> bool:
    """Whether EGL finds something to draw on, be it a graphics card or the software renderer, that
    offers desktop OpenGL.
    """
    egl = _library("EGL", "libEGL.so.1")
    if egl is None:
        return False
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    query = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_of = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not query or not display_of:
        return False
    pointers = ctypes.POINTER(ctypes.c_void_p)
    integers = ctypes.POINTER(ctypes.c_int)
    prototype = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, pointers, integers)
    devices, found = (ctypes.c_void_p * 16)(), ctypes.c_int(0)
    if not prototype(query)(16, devices, ctypes.byref(found)):
        return False
    return any(_opens(egl, display_of, device) for device in devices[: found.value])


def _opens(egl: ctypes.CDLL, display_of: int, device: int | None) -> bool:
    """Whether a display on this device starts and can bind desktop OpenGL."""
    egl_platform_device, egl_opengl_api = 0x313F, 0x30A2
    prototype = ctypes.CFUNCTYPE(
        ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int)
    )
    display = prototype(display_of)(egl_platform_device, device, None)
    if not display:
        return False
    egl.eglInitialize.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    return bool(egl.eglInitialize(display, None, None)) and bool(egl.eglBindAPI(egl_opengl_api))
