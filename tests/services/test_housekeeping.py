"""What nothing refers to any more goes; what can be drawn again goes when it is old."""

import io
import os
import time

import pytest

from practice import storage
from practice.models import Export, User
from practice.services.exporting import start_export
from practice.services.housekeeping import FILMS_KEPT, prune
from tests.factories import make_demos

pytestmark = pytest.mark.django_db


def test_old_films_go_and_new_ones_stay() -> None:
    old, new = storage.film_key("aa" * 10), storage.film_key("bb" * 10)
    for key in (old, new):
        storage.blobs().put(key, io.BytesIO(b"film"))
    then = time.time() - FILMS_KEPT.total_seconds() - 60
    os.utime(storage.blobs().path(old), (then, then))
    assert prune() == 1
    assert list(storage.blobs().list("films/")) == [new]


def test_files_of_exports_go_with_their_rows(otto: User) -> None:
    export = start_export(
        make_demos(), by=otto
    )  # queued: its worker stores the file before the row names it
    kept, gone = storage.export_key(export.pk), storage.export_key(export.pk + 1)
    for key in (kept, gone, "exports/notes.txt"):
        storage.blobs().put(key, io.BytesIO(b"zip"))
    assert prune() == 1
    assert {*storage.blobs().list("exports/")} == {kept, "exports/notes.txt"}
    Export.objects.all().delete()
    assert prune() == 1
