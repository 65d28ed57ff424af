"""A checkpoint from outside: hostile until checked, then one that runs can start from."""

import io
import os
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from models_store.checkpoint import EFMCheckpoint
from models_store.outside import WEIGHTS
from practice import storage
from practice.api.zip_stream import zipped
from practice.errors import ForbiddenError, InvalidError
from practice.models import Checkpoint, CheckpointImport, Task, User
from practice.selectors.cards import CARD, card_of, files_of, made_by
from practice.services import enqueue, housekeeping, leases
from practice.services.checkpoint_imports import (
    delete_import,
    import_checkpoint,
    receive_checkpoint,
)
from practice.services.runs import launch_run
from tests.disks import leave_room
from tests.factories import make_checkpoint, make_evaluation, make_task
from tests.models_store.outside import packed, small
from tests.services.conftest import Committed

pytestmark = pytest.mark.django_db


def taken(task: Task, data: bytes, by: User, kind: str = "policy") -> CheckpointImport:
    """The import of a .zip, over."""
    row = receive_checkpoint(task, io.BytesIO(data), by=by, filename="theirs.zip", kind=kind)
    import_checkpoint(row.pk)
    row.refresh_from_db()
    assert not storage.blobs().exists(row.upload_key)
    return row


def stored(made: EFMCheckpoint) -> Checkpoint:
    """A checkpoint of a run whose files are there."""
    key = storage.checkpoint_key(made.digest)
    for name, data in made.files.items():
        storage.blobs().put(f"{key}/{name}", io.BytesIO(data))
    return make_checkpoint(digest=made.digest, blob_key=key)


def test_what_is_downloaded_can_be_brought_to_another_task_and_evaluated(otto: User) -> None:
    ours = stored(small())
    make_evaluation(ours)
    text = card_of(ours)
    assert text
    assert "92.0%" in text
    whole = b"".join(zipped(ours.blob_key, files_of(ours), storage.blobs(), {CARD: text}))
    task = make_task()
    row = taken(task, whole, otto)
    assert (row.state, row.error) == ("done", "")
    brought = row.checkpoint
    assert brought is not None
    assert (brought.digest, brought.run, brought.task) == (ours.digest, None, task)
    assert made_by(brought) == "imported by otto from theirs.zip"
    assert "imported by otto" in (card_of(brought) or "")
    run = launch_run(task, by=otto, kind="evaluation", policy=brought)
    assert run.policy == brought
    again = taken(task, whole, otto)
    assert again.checkpoint == brought
    assert taken(task, whole, otto, kind="reward").checkpoint != brought
    assert taken(ours.task, whole, otto).checkpoint == ours


def test_a_folder_that_was_packed_as_one_is_read(otto: User) -> None:
    files = {f"mine/{name}": data for name, data in small().files.items()}
    assert taken(make_task(), packed(files), otto).state == "done"


def spoiled() -> dict[str, bytes]:
    """One byte of the weights is another."""
    files = dict(small().files)
    data = bytearray(files[WEIGHTS])
    data[-1] ^= 1
    return files | {WEIGHTS: bytes(data)}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"no zip at all", "upload.zip", id="not-a-zip"),
        pytest.param(packed({}), "no manifest.json", id="empty"),
        pytest.param(packed({"../manifest.json": b"{}"}), "leaves the archive", id="path-outside"),
        pytest.param(packed({"model.pt": b"x"}), "no manifest.json", id="no-manifest"),
        pytest.param(packed(spoiled()), "damaged", id="spoiled-weights"),
        pytest.param(
            packed({f"{i}.json": b"{}" for i in range(99)}), "members", id="too-many-members"
        ),
        pytest.param(packed(small(action=3).files), "answers with 3 numbers", id="other-action"),
        pytest.param(
            packed(small(observation=4).files), "of (4,); that of", id="other-observation"
        ),
    ],
)
def test_what_is_hostile_or_does_not_fit_becomes_nothing(
    data: bytes, reason: str, otto: User
) -> None:
    row = taken(make_task(), data, otto)
    assert row.state == "failed"
    assert reason in row.error
    assert not Checkpoint.objects.exists()
    assert not list(storage.blobs().list("checkpoints/"))


def test_only_a_zip_of_an_operator_is_received(otto: User, vera: User) -> None:
    task, data = make_task(), io.BytesIO(b"x")
    with pytest.raises(ForbiddenError):
        receive_checkpoint(task, data, by=vera, filename="a.zip")
    for filename, kind in (("a.tar", "policy"), ("a.zip", "judge")):
        with pytest.raises(InvalidError):
            receive_checkpoint(task, data, by=otto, filename=filename, kind=kind)
    with pytest.raises(InvalidError, match="empty"):
        receive_checkpoint(task, io.BytesIO(b""), by=otto, filename="a.zip")


def test_a_lost_message_is_sent_again_and_a_deleted_import_is_left_alone(
    otto: User, committed: Committed
) -> None:
    with committed() as sent:
        row = receive_checkpoint(
            make_task(), io.BytesIO(packed(small().files)), by=otto, filename="a.zip"
        )
    job = (enqueue.IMPORT_CHECKPOINT, row.pk, "cpu")
    assert sent.jobs == [job]
    leases.requeue_expired()
    assert sent.jobs == [job]
    past = timezone.now() - timedelta(seconds=1)
    CheckpointImport.objects.update(state="working", lease_owner="dead", lease_expires_at=past)
    leases.requeue_expired()
    assert sent.jobs == [job, job]
    with committed():
        delete_import(row, by=otto)
    assert not list(storage.blobs().list("imports/"))
    import_checkpoint(job[1])
    assert not Checkpoint.objects.exists()


def test_an_import_that_became_a_checkpoint_is_kept(otto: User) -> None:
    row = taken(make_task(), packed(small().files), otto)
    with pytest.raises(InvalidError, match="origin is kept"):
        delete_import(row, by=otto)


def test_the_command_says_what_it_became_or_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, path = make_task(), tmp_path / "one.zip"
    path.write_bytes(packed(small().files))
    call_command("import_checkpoint", path, task=task.slug, name="From afar")
    assert f"From afar: checkpoint {Checkpoint.objects.get().pk}" in capsys.readouterr().out
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.json", "{}")
    with pytest.raises(CommandError, match="no checkpoint of ours"):
        call_command("import_checkpoint", path, task=task.slug)
    with pytest.raises(CommandError, match="no task"):
        call_command("import_checkpoint", path, task="nowhere")


def test_what_a_dead_worker_left_is_removed_and_what_waits_is_kept(otto: User) -> None:
    waits = receive_checkpoint(make_task(), io.BytesIO(b"x"), by=otto, filename="a.zip")
    over = taken(waits.task, packed(small().files), otto)
    young = storage.import_key(over.pk + 2)
    for key in (over.upload_key, storage.import_key(over.pk + 1), young):
        storage.blobs().put(key, io.BytesIO(b"x"))
    for key in storage.blobs().list("imports/"):
        if key != young:
            os.utime(storage.blobs().path(key), (0, 0))
    housekeeping.prune()
    assert sorted(storage.blobs().list("imports/")) == sorted([waits.upload_key, young])


def test_a_checkpoint_is_not_unpacked_onto_the_last_of_the_disk(
    otto: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_room(monkeypatch, lambda: -1)
    row = taken(make_task(), packed(small().files), otto)
    assert row.state == "failed"
    assert "EFM_DISK_RESERVE_MB keeps free; make room and import it again." in row.error
    assert not list(storage.blobs().list("checkpoints/"))
