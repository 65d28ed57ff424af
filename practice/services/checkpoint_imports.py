"""Verbs on checkpoints from outside: receive one, check it, make it a checkpoint of a task, or say why not."""

import tempfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.db import IntegrityError, transaction
from django.utils import timezone

from models_store.errors import LearningError
from models_store.outside import MANIFEST, Outside, inspect
from practice import storage
from practice.embodiments.registry import embodiment
from practice.episodes.archive import ArchiveLimits, unpack
from practice.episodes.errors import EpisodesError
from practice.errors import InvalidError
from practice.learning.fitting import check_model_fits
from practice.learning.outside import try_loading
from practice.models import Checkpoint, CheckpointImport, Task, User
from practice.roles import Role, require
from practice.services import audit, enqueue
from practice.services.datasets import check_size, check_task, keep_bytes, temporary_folder
from practice.services.work import IMPORTS

LEASE = timedelta(seconds=60)
LIMITS = ArchiveLimits(members=16, endings=frozenset({".json", ".safetensors", ".md"}))
"""Of a checkpoint's .zip: a manifest, weights, perhaps the optimizer's moments, a card."""


def receive_checkpoint(
    task: Task,
    upload: BinaryIO | Iterable[bytes],
    *,
    by: User,
    filename: str,
    kind: str = Checkpoint.Kind.POLICY,
    name: str = "",
) -> CheckpointImport:
    """Keep an uploaded .zip and queue its check; `kind` is what it is to serve as.

    Raises:
        InvalidError: no .zip, empty, too large, or an unknown kind.
        ForbiddenError: `by` is no operator.
    """
    check_task(task, by=by)
    if not filename.lower().endswith(".zip"):
        raise InvalidError(
            f"{filename[:80]!r} is no .zip; give a checkpoint as this site lets it be downloaded.",
            fields={"file": "not a .zip"},
        )
    if kind not in Checkpoint.Kind.values:
        raise InvalidError(
            f"A checkpoint serves as policy or reward, not {kind[:80]!r}.",
            fields={"kind": "policy or reward"},
        )
    with tempfile.NamedTemporaryFile(dir=temporary_folder()) as kept:
        keep_bytes(upload, kept, filename)
        size = Path(kept.name).stat().st_size
        check_size(size, filename)
        return _create(task, Path(kept.name), by=by, filename=filename, kind=kind, name=name)


@transaction.atomic
def _create(
    task: Task, path: Path, *, by: User, filename: str, kind: str, name: str
) -> CheckpointImport:
    row = CheckpointImport.objects.create(
        task=task,
        kind=kind,
        name=(name.strip() or filename)[:160],
        source={"kind": "upload", "filename": filename[:200]},
        created_by=by,
        lease_expires_at=timezone.now() + LEASE,
    )
    row.upload_key = storage.import_key(row.pk)
    row.save(update_fields=["upload_key"])
    storage.blobs().adopt(row.upload_key, path)
    audit.record(by, "checkpoint.uploaded", task, checkpoint_import=row.pk, filename=filename[:200])
    enqueue.enqueue_on_commit(enqueue.IMPORT_CHECKPOINT, row.pk, queue="cpu")
    return row


@transaction.atomic
def delete_import(row: CheckpointImport, *, by: User) -> None:
    """Remove the row of an import and its file; one under way comes to nothing, a checkpoint that it became stays.

    Raises:
        InvalidError: it became a checkpoint, whose origin the row is.
        ForbiddenError: `by` is no operator.
    """
    require(by, Role.OPERATOR)
    if row.checkpoint_id is not None:
        raise InvalidError(f"{row} has become checkpoint {row.checkpoint_id}; its origin is kept.")
    audit.record(by, "checkpoint_import.deleted", row.task, checkpoint_import=row.pk)
    key = row.upload_key
    row.delete()
    if key:
        transaction.on_commit(lambda: storage.blobs().delete(key))


def import_checkpoint(import_id: int) -> None:
    """Check a queued import; afterwards it is a checkpoint, or has failed with a sentence. One that another worker holds is left alone."""
    owner = IMPORTS.claim(import_id)
    if not owner:
        return
    row = CheckpointImport.objects.select_related("task", "created_by").get(pk=import_id)
    try:
        with tempfile.TemporaryDirectory(dir=storage.work_folder()) as temporary:
            folder = _unpacked(row, Path(temporary))
            found = inspect(folder)
            check_model_fits(found.spec, embodiment(row.task.embodiment).spec)
            try_loading(folder)
            _store(found, folder)
            kept = _settle(row, owner, found)
    except (EpisodesError, LearningError) as error:
        kept = IMPORTS.conclude(row.pk, owner, state="failed", error=str(error))
    except OSError as error:
        reason = (
            f"It could not be stored: {error.strerror or error}; make room and import it again."
        )
        kept = IMPORTS.conclude(row.pk, owner, state="failed", error=reason)
    if kept:
        storage.blobs().delete(row.upload_key)


def _unpacked(row: CheckpointImport, place: Path) -> Path:
    """Its files, in their own folder or in the one folder that was packed."""
    folder = place / "checkpoint"
    archive = place / "upload.zip"
    archive.symlink_to(storage.blobs().path(row.upload_key))
    unpack(archive, folder, limits=LIMITS)
    inner = [path for path in folder.iterdir() if path.is_dir()]
    return inner[0] if len(inner) == 1 and not (folder / MANIFEST).is_file() else folder


def _store(found: Outside, folder: Path) -> None:
    key = storage.checkpoint_key(found.digest)
    for name in found.files:  # the manifest last: what has one is whole
        if not storage.blobs().exists(f"{key}/{name}"):
            storage.blobs().put(f"{key}/{name}", folder / name)


def _settle(row: CheckpointImport, owner: str, found: Outside) -> bool:
    """The checkpoint that it is, or was already."""
    try:
        return _keep(row, owner, found)
    except IntegrityError:  # another import of the same was a moment faster
        return _keep(row, owner, found)


@transaction.atomic
def _keep(row: CheckpointImport, owner: str, found: Outside) -> bool:
    if not IMPORTS.held(row.pk, owner).select_for_update().exists():
        return False
    same = Checkpoint.objects.filter(task=row.task, kind=row.kind, digest=found.digest)
    checkpoint = same.order_by("pk").first()
    if checkpoint is None:
        checkpoint = Checkpoint.objects.create(
            task=row.task,
            kind=row.kind,
            name=row.name,
            digest=found.digest,
            blob_key=storage.checkpoint_key(found.digest),
        )
        known = Checkpoint.objects.filter(task=row.task, digest__in=found.parents.values())
        checkpoint.parents.set(known)
        audit.record(row.created_by, "checkpoint.imported", checkpoint, origin=row.origin)
    return IMPORTS.conclude(row.pk, owner, state="done", checkpoint=checkpoint)
