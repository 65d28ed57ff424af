"""Files inside installed packages, found without importing the package."""

from importlib.util import find_spec
from pathlib import Path


def find_package_file(package: str, inside: str) -> Path:
    """Where `inside` lies in the installed `package`; the file itself need not exist.

    Raises ModuleNotFoundError when the package is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"The package {package} is not installed.", name=package)
    return Path(spec.submodule_search_locations[0]) / inside
