"""A pytest plugin (`-p efmweb.testing`): tests get services, keys and folders of their own.

It reads before Django's settings do. Without DATABASE_URL and REDIS_URL the embedded services run
under var/test for as long as the session lasts; a second session at the same time takes var/test-2.
Workers of pytest-xdist use the controller's services, each with its own test database (by
pytest-django) and its own prefix for Redis keys.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from efmweb.locks import hold

ROOT = Path(__file__).resolve().parents[1]
WORKER = "PYTEST_XDIST_WORKER"
OWN = (
    *("EFM_PRODUCTION", "EFM_DEBUG", "EFM_BLOBS", "EFM_EMBODIMENTS", "EFM_BASES", "EFM_DB_POOL"),
    *("EFM_LOG", "SECRET_KEY"),
)
"""Variables of the caller's site that have no say in a test."""
_held = pytest.StashKey[IO[str]]()
_stop_services = pytest.StashKey[Callable[[], None]]()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Set the environment before pytest-django reads the settings."""
    if WORKER in os.environ:
        os.environ["EFM_REDIS_PREFIX"] += f"-{os.environ[WORKER]}"
    else:
        _set_environment(early_config)
    yield


def _set_environment(config: pytest.Config) -> None:
    for name in OWN:
        os.environ.pop(name, None)
    os.environ["EFM_REDIS_PREFIX"] = f"efm-test-{os.getpid()}"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if "EFM_VAR" not in os.environ:
        folder, lock = _free_folder()
        config.stash[_held] = lock
        os.environ["EFM_VAR"] = str(folder)


def _free_folder() -> tuple[Path, IO[str]]:
    """A data folder that no other session uses, and the lock that keeps it ours."""
    number = 1
    while True:
        folder = ROOT / "var" / ("test" if number == 1 else f"test-{number}")
        lock = hold(folder / "session.lock")
        if lock is not None:
            return folder, lock
        number += 1


def pytest_configure(config: pytest.Config) -> None:
    """Start the services that this session needs and that do not run yet."""
    quiet = config.option.collectonly or config.option.help or config.option.version
    if WORKER in os.environ or quiet:
        return
    # Not at the top: importing them reads the settings, and the environment was not set by then.
    from efmweb import embedded  # noqa: PLC0415
    from efmweb.settings import ENVIRONMENT  # noqa: PLC0415

    running = embedded.start(ENVIRONMENT.var, embedded.needed(ENVIRONMENT), durable=False)
    config.stash[_stop_services] = running.stop


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started here."""
    if _stop_services in config.stash:
        config.stash[_stop_services]()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Say what stays on one worker (`--dist loadgroup`), and put what takes longest first.

    A file's tests share its fixtures; the browser tests share one site, its rows and one Chromium. Around all other
    plugins: xdist reads the marks in this same hook, and pytest-django puts what has no database last.
    """
    for item in items:
        file, _, _ = item.nodeid.partition("::")
        group = "browser" if item.get_closest_marker("browser") else file
        item.add_marker(pytest.mark.xdist_group(group))
    yield
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if item.get_closest_marker("browser"):
        return 0
    if item.get_closest_marker("stack"):
        return 1
    needs_database = item.get_closest_marker("django_db") or "db" in getattr(
        item, "fixturenames", ()
    )
    return 3 if needs_database else 2


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name no test by bytes: archives hold the time of their making, and workers must collect the same names."""
    return argname if isinstance(val, bytes) else None
