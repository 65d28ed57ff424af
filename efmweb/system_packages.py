"""System libraries that pip cannot bring: OpenGL for rendering, a Chromium for the browser tests.

Run before anything is installed (`python3 efmweb/system_packages.py [--tests]`), so the standard
library is all it uses. On Debian and Ubuntu it installs what is missing where it may; elsewhere it
says in one sentence what to install. It always ends with status 0: efmweb runs without them.
"""

import argparse
import ctypes
import os
import shutil
import subprocess
import sys

GL_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libOSMesa.so.8": "libosmesa6",
    "libGLESv2.so.2": "libgles2",
}
GL_DRIVERS = ("libegl-mesa0", "libgl1-mesa-dri")
CHROMIUM_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def is_loadable(library: str) -> bool:
    """Whether the dynamic linker finds `library`."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing_packages(*, for_tests: bool) -> list[str]:
    """Debian packages to install; empty when nothing is missing."""
    lacking = [package for library, package in GL_LIBRARIES.items() if not is_loadable(library)]
    packages = [*lacking, *(GL_DRIVERS if lacking else ())]
    if for_tests and not any(shutil.which(program) for program in CHROMIUM_PROGRAMS):
        packages.append("chromium")
    return packages


def installer() -> list[str] | None:
    """How this user may install Debian packages without being asked; None when that is not so."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if (
        sudo
        and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return [sudo, "-n"]
    return None


def install(packages: list[str], prefix: list[str]) -> bool:
    """Install `packages`; whether it worked. A stale package list is refreshed and tried again."""
    command = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y"]
    command += ["--no-install-recommends", "install", *packages]
    for refresh in (False, True):
        if refresh:
            _run([*prefix, "apt-get", "-qq", "update"])
        if _run(command):
            return True
    return False


def _run(command: list[str]) -> bool:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0


def main() -> int:
    """Install or name what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", action="store_true", help="what the browser tests need as well")
    packages = missing_packages(for_tests=parser.parse_args().tests)
    if not packages:
        return 0
    prefix = installer()
    names = " ".join(packages)
    if prefix is not None:
        sys.stderr.write(f"Installing system packages: {names}\n")
        if install(packages, prefix):
            return 0
    sys.stderr.write(
        f"Without some system libraries MuJoCo cannot draw and browser tests cannot run; "
        f"on Debian or Ubuntu: sudo apt-get install {names}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
