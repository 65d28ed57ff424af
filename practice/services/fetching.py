"""The files of an import, wherever it comes from: unpacked, where they lie, or from the Hub."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from django.conf import settings

from practice import storage
from practice.episodes.archive import unpack
from practice.episodes.errors import ArchiveError, DatasetError
from practice.episodes.hub_fetch import Hub, HubDataset
from practice.episodes.report import Finding
from practice.errors import InvalidError
from practice.models import Dataset
from practice.selectors.disk import room
from practice.selectors.folders import find_folder, stray_file

Told = Callable[[float], None]
"""Called with the share that is done; raises to stop."""


class Source(Protocol):
    """Where a dataset's files come from. Both methods raise EpisodesError about what cannot be had."""

    left_out: tuple[Finding, ...]
    """Files that were not taken, and why; known after `tables`."""

    def tables(self, told: Told) -> Path:
        """The dataset's folder with at least everything under meta/."""
        ...

    def rest(self, told: Told) -> None:
        """Bring what is still missing."""
        ...


def source_of(dataset: Dataset, folder: Path) -> Source:
    """The source that a dataset's row names; what it brings lies in `folder`, which is empty."""
    kinds: dict[str, type[_Upload] | type[_Folder] | type[_FromHub]] = {
        "folder": _Folder,
        "hub": _FromHub,
    }
    return kinds.get(dataset.source.get("kind", ""), _Upload)(dataset, folder / "dataset")


class _Upload:
    """An archive in the blob store."""

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self._key, self._folder, self._name = dataset.upload_key, folder, dataset.name
        self.left_out: tuple[Finding, ...] = ()

    def tables(self, told: Told) -> Path:
        archive = storage.blobs().path(self._key)
        try:
            self.left_out = unpack(
                archive, self._folder, progress=lambda done, total: told(done / max(total, 1))
            )
        except ArchiveError as error:
            # The original is kept under its hash, which says nothing to people.
            file = self._name if error.file == archive.name else error.file
            raise ArchiveError(file, error.reason) from error
        return self._folder

    def rest(self, told: Told) -> None:
        told(1.0)


class _Folder:
    """A folder of the server, read where it lies: what was allowed when it was asked for must be allowed still."""

    def __init__(self, dataset: Dataset, _folder: Path) -> None:
        self._path = str(dataset.source.get("path", ""))
        self.left_out: tuple[Finding, ...] = ()

    def tables(self, told: Told) -> Path:
        try:
            folder = find_folder(self._path)
        except InvalidError as error:
            raise DatasetError(self._path, f"cannot be read here: {error}") from error
        stray = stray_file(folder, lambda: told(0.0))
        if stray is not None:
            raise DatasetError(stray, "is a link to a file outside the allowed folders")
        told(1.0)
        return folder

    def rest(self, told: Told) -> None:
        told(1.0)


class _FromHub:
    """One commit of a dataset on the Hub; its small tables come first, so that a question is asked before gigabytes are."""

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self._dataset, self._folder = dataset, folder
        self._hub = Hub(settings.EFM_HUB_TOKEN, settings.EFM_HUB_URL)
        self.left_out: tuple[Finding, ...] = ()

    def tables(self, told: Told) -> Path:
        self._found = self._find()
        self.left_out = self._found.left_out
        self._folder.mkdir(parents=True)
        self._hub.fetch(self._found, self._folder, under="meta/", progress=lambda *_: told(0.0))
        return self._folder

    def rest(self, told: Told) -> None:
        self._hub.fetch(
            self._found, self._folder, progress=lambda done, total: told(done / max(total, 1))
        )

    def _find(self) -> HubDataset:
        """Look it up and remember which commit it is, so that trying again gives the same."""
        source = self._dataset.source
        found = self._hub.find(source["repo"], source.get("commit") or source.get("revision", ""))
        check_room(found.repo, found.size)
        self._check_new(found)
        self._dataset.source = {**source, "commit": found.commit}
        self._dataset.size_bytes = found.size
        self._dataset.save(update_fields=["source", "size_bytes"])
        return found

    def _check_new(self, found: HubDataset) -> None:
        same = {"source__repo": found.repo, "source__commit": found.commit}
        others = self._dataset.task.datasets.filter(**same).exclude(pk=self._dataset.pk)
        known = others.exclude(state=Dataset.State.FAILED).first()
        if known is not None:
            reason = (
                f"at {found.commit[:12]} is already dataset {known.pk} ({known.name}) of this task"
            )
            raise DatasetError(found.repo, reason)


def check_room(repo: str, size: int) -> None:
    """Raises DatasetError when so many bytes of `repo` are more than allowed or than the disk has room for."""
    most = settings.EFM_UPLOAD_LIMIT
    if size > most:
        reason = f"has {size >> 20} MB, more than the {most >> 20} MB that EFM_UPLOAD_MB allows"
        raise DatasetError(repo, reason)
    free = room(Path(settings.EFM_VAR))
    if size > free:
        reason = f"has {size >> 20} MB; the disk has {max(free, 0) >> 20} MB for it"
        raise DatasetError(repo, reason)
