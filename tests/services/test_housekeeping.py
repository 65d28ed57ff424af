"""What nothing refers to any more goes; what can be drawn again goes when it is old."""

import io
import os
import time

import pytest

from practice import storage
from practice.services.housekeeping import FILMS_KEPT, prune

pytestmark = pytest.mark.django_db


def test_old_films_go_and_new_ones_stay() -> None:
    old, new = storage.film_key("aa" * 10), storage.film_key("bb" * 10)
    for key in (old, new):
        storage.blobs().put(key, io.BytesIO(b"film"))
    then = time.time() - FILMS_KEPT.total_seconds() - 60
    os.utime(storage.blobs().path(old), (then, then))
    assert prune() == 1
    assert list(storage.blobs().list("films/")) == [new]
