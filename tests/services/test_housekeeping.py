"""What nothing refers to any more goes; what can be drawn again goes when it is old."""

import io
import os
import time

import numpy as np
import pytest
from pytest_django.fixtures import Settings

from practice import storage
from practice.embodiments.registry import embodiment
from practice.models import Dataset, Export, User
from practice.services.exporting import start_export
from practice.services.housekeeping import FILMS_KEPT, prune
from tests.examples import recorded_of
from tests.factories import make_dataset, make_demos, make_episodes

SPEC = embodiment("language-table-4").spec
pytestmark = pytest.mark.django_db


def test_the_frame_cache_keeps_to_its_limit(settings: Settings) -> None:
    cache, shown = storage.frame_cache(), recorded_of(SPEC, "e0", length=4)
    cameras = {name: SPEC.observation[name].shape for name in SPEC.cameras}
    for key in ("a", "b"):
        cache.frames(key, cameras, 5, lambda: [shown])
    then = time.time() - 60
    os.utime(cache.folder / "a", (then, then))
    settings.EFM_FRAME_CACHE = 6 * int(np.prod(cameras[SPEC.cameras[0]]))
    assert prune() == 1
    assert (cache.folder / "b").exists()


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


def test_what_a_failed_import_left_goes(otto: User) -> None:
    ready, failed, busy = (
        make_dataset(state=state)
        for state in (Dataset.State.READY, Dataset.State.FAILED, Dataset.State.VALIDATING)
    )
    keys = [storage.dataset_shard_key(row.pk, 0) for row in (ready, failed, busy)]
    shown, lost = storage.video_key("ab" * 32), storage.video_key("cd" * 32)
    for key in (*keys, shown, lost):
        storage.blobs().put(key, io.BytesIO(b"x"))
    [episode] = make_episodes(dataset=ready, count=1)
    episode.videos = {"observation.images.top": {"key": shown, "start": 0.0, "fps": 10}}
    episode.save()
    prune()
    assert storage.blobs().exists(lost), "An import that goes on may be about to name it."
    Dataset.objects.filter(pk=busy.pk).update(state=Dataset.State.QUEUED)
    prune()
    there = [storage.blobs().exists(key) for key in (*keys, shown, lost)]
    assert there == [True, False, True, True, False]
