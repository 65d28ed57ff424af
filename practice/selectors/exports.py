"""Exports as pages and the API show them, and the file of one."""

from collections.abc import Sequence
from pathlib import Path

from django.utils.text import slugify

from models_store.errors import LearningError
from practice import storage
from practice.errors import ConflictError, MissingError
from practice.models import Dataset, Export
from practice.querysets import ExportQuerySet
from practice.selectors.workers import why_no_cpu_worker


def export_rows(person: object) -> ExportQuerySet:
    """The exports that `person` may see, newest first, with what they are of."""
    rows = Export.objects.visible_to(person).select_related("version__dataset__task", "created_by")
    return rows.defer("version__dataset__report")


def find_export(person: object, pk: int) -> Export:
    """The export of this number.

    Raises:
        MissingError: there is none, or `person` may not see it.
    """
    export = export_rows(person).filter(pk=pk).first()
    if export is None:
        raise MissingError(f"There is no export {pk}; it may have been deleted.")
    return export


def exports_of(person: object, dataset: Dataset) -> list[Export]:
    """The exports of a dataset's versions, newest first."""
    return list(export_rows(person).filter(version__dataset=dataset))


def why_queued(exports: Sequence[Export]) -> str:
    """One sentence where an export waits for a worker that is not there; one query, however many there are."""
    reason = why_no_cpu_worker()
    return reason if any(export.state == Export.State.QUEUED for export in exports) else ""


def export_file(export: Export) -> Path:
    """Where the finished .zip lies.

    Raises:
        ConflictError: it is not finished.
        MissingError: its file is gone.
    """
    if export.state != Export.State.READY:
        raise ConflictError(
            f"Export {export.pk} is {export.get_state_display()}; only a ready one can be downloaded."
        )
    try:
        return storage.blobs().path(export.blob_key)
    except LearningError as error:
        raise MissingError(f"The file of export {export.pk} is gone; export it again.") from error


def file_name(export: Export) -> str:
    """What a downloaded export is called."""
    version = export.version
    name = slugify(version.dataset.name.removesuffix(".zip"))[:60] or "dataset"
    return f"{name}-v{version.number}-{export.cameras}.zip"


def file_tag(export: Export) -> str:
    """Names exactly the bytes of a finished export."""
    ready = export.ready_at.timestamp() if export.ready_at else 0
    return f"export-{export.pk}-{export.size_bytes}-{ready:.0f}"
