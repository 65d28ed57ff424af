"""An export leaves the disk what EFM_DISK_RESERVE keeps free of it."""

from pathlib import Path

import pytest
from pytest_django import Settings

from practice import storage
from practice.models import Export, User
from practice.services.exporting import start_export, write_export
from tests.disks import leave_room
from tests.factories import make_demos

pytestmark = pytest.mark.django_db


@pytest.fixture
def data_folder(settings: Settings, tmp_path: Path) -> Path:
    """A data folder of our own, on a disk of which 100 MB are kept free."""
    settings.EFM_VAR, settings.EFM_DISK_RESERVE = tmp_path / "var", 100 << 20
    return tmp_path / "var"


@pytest.mark.parametrize(
    ("room", "said"),
    [
        (-1, "99 MB left, less than the 100 MB that EFM_DISK_RESERVE_MB keeps free; make room"),
        (100, "100 MB left, less than the 0 MB that are needed and the 100 MB that"),
    ],
)
def test_an_export_stops_before_the_disk_is_full_and_leaves_nothing(
    otto: User, data_folder: Path, room: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = start_export(make_demos(count=2), by=otto)
    leave_room(monkeypatch, lambda: room)
    write_export(export.pk)
    export.refresh_from_db()
    assert export.state == Export.State.FAILED
    assert said in export.error
    assert not list(storage.blobs().list("exports/"))
    assert not list((data_folder / "tmp").iterdir())
