"""What nothing refers to any more goes; what can be drawn again goes when it is old."""

import io
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from practice import storage
from practice.embodiments.registry import embodiment
from practice.models import Dataset, Export, Run, User
from practice.services import housekeeping
from practice.services.exporting import start_export
from practice.services.housekeeping import FILMS_KEPT, prune
from tests.examples import recorded_of
from tests.factories import make_dataset, make_demos, make_episodes, make_run

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


def _resume_point(run: Run, commit: int) -> str:
    key = storage.resume_key(run.pk, 1, commit)
    storage.blobs().put(key, io.BytesIO(b"state"))
    return key


def _commit(run: Run, commit: int, state: str) -> None:
    """What a process does meanwhile: the file first, then the row."""
    Run.objects.filter(pk=run.pk).update(state=state, resume_key=_resume_point(run, commit))


def test_resume_points_that_no_row_names_go_but_not_those_of_running_runs() -> None:
    paused, running = make_run(state=Run.State.PAUSED), make_run(state=Run.State.RUNNING)
    for run in (paused, running):
        _commit(run, 2, run.state)
    kept = {*storage.blobs().list("runs/"), _resume_point(running, 3)}
    _resume_point(paused, 1)
    assert prune() == 1
    assert {*storage.blobs().list("runs/")} == kept


def test_a_run_that_begins_while_files_are_listed_keeps_its_resume_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = make_run(state=Run.State.QUEUED)
    _commit(run, 1, Run.State.QUEUED)
    store = storage.blobs()
    listed = store.list

    def slowly(prefix: str = "") -> Any:
        if prefix == "runs/":
            _commit(run, 2, Run.State.RUNNING)
        return listed(prefix)

    monkeypatch.setattr(store, "list", slowly)
    monkeypatch.setattr(housekeeping, "blobs", lambda: store)
    prune()
    run.refresh_from_db()
    assert store.exists(run.resume_key)


def test_a_run_that_ends_while_rows_are_read_keeps_its_resume_point() -> None:
    run = make_run(state=Run.State.RUNNING)
    _commit(run, 1, Run.State.RUNNING)
    written = _resume_point(run, 2)  # and its row is about to name it
    asked: list[str] = []

    def meanwhile(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        answer = execute(sql, *rest)
        if sql.startswith("SELECT") and 'FROM "practice_run"' in sql:
            asked.append(sql)
            if len(asked) == 1:
                _commit(run, 2, Run.State.PAUSED)
        return answer

    with connection.execute_wrapper(meanwhile):
        prune()
    assert len(asked) > 1
    assert storage.blobs().exists(written)
