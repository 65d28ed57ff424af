"""What every test gets: named people, the whole stack on demand, and folders of its own."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

pytest_plugins = ["tests.people", "tests.stack"]


@pytest.fixture(autouse=True)
def _own_folders(settings: Settings, tmp_path: Path) -> None:
    """Blobs, run folders and cached frames of one test are never seen by another."""
    settings.EFM_BLOBS = tmp_path / "blobs"
    settings.EFM_RUNS = tmp_path / "runs"
    settings.EFM_FRAMES = tmp_path / "frames"


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """Making a person costs no second: these passwords guard nothing."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _no_static_files(settings: Settings) -> None:
    """A test client serves pages alone: to list all static files for each took longer than most tests do."""
    settings.SERVESTATIC_USE_FINDERS = False
    settings.SERVESTATIC_USE_STATIC_ROOT = False
