"""The files of a checkpoint from outside, wherever it comes from: an uploaded .zip, or one commit of the Hub."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.conf import settings

from models_store.outside import MANIFEST, MOST_MANIFEST, OPTIMIZER, WEIGHTS, described
from practice import storage
from practice.embodiments.registry import embodiment
from practice.episodes.archive import ArchiveLimits, unpack
from practice.episodes.hub import HubError
from practice.episodes.hub_fetch import Hub
from practice.episodes.hub_models import HubModel, fetch_file, find_model
from practice.learning.fitting import check_model_fits
from practice.models import CheckpointImport
from practice.services.fetching import check_room

LIMITS = ArchiveLimits(members=16, endings=frozenset({".json", ".safetensors", ".md"}))
"""Of a checkpoint's .zip: a manifest, weights, perhaps the optimizer's moments, a card."""
FILES = frozenset({MANIFEST, WEIGHTS, OPTIMIZER})
"""All that is ever fetched of a repository."""

Told = Callable[[float], None]
"""Called with the share that is done; raises to stop."""


def bring(row: CheckpointImport, place: Path, told: Told) -> Path:
    """The folder, somewhere under the empty `place`, with the files that the row's source gives; none of them is trusted yet.

    Raises:
        EpisodesError, LearningError: they cannot be had, or their manifest says already that they are of no use.
    """
    folder = place / "checkpoint"
    if row.source.get("kind") == "hub":
        _fetch(row, folder, told)
        return folder
    archive = place / "upload.zip"
    archive.symlink_to(storage.blobs().path(row.upload_key))
    unpack(archive, folder, limits=LIMITS, progress=lambda done, total: told(done / max(total, 1)))
    inner = [path for path in folder.iterdir() if path.is_dir()]  # perhaps it was packed as one
    return inner[0] if len(inner) == 1 and not (folder / MANIFEST).is_file() else folder


def _fetch(row: CheckpointImport, folder: Path, told: Told) -> None:
    """The manifest first: weights of what does not fit are not fetched."""
    hub = Hub(settings.EFM_HUB_TOKEN, settings.EFM_HUB_URL)
    found = _find(row, hub)
    folder.mkdir()
    fetch_file(hub, found, MANIFEST, folder, told=lambda _: told(0.0))
    theirs = described(folder)
    check_model_fits(theirs.spec, embodiment(row.task.embodiment).spec)
    for name in theirs.sha256:
        if name not in found.files:
            raise HubError(f"{found.repo}/{name}", f"is missing, which {MANIFEST} names")
    total = sum(found.files[name].size for name in theirs.sha256)
    check_room(found.repo, total)
    before = 0
    for name in theirs.sha256:
        so_far = partial(_tell, told, before, max(total, 1))
        fetch_file(hub, found, name, folder, told=so_far)
        before += found.files[name].size


def _tell(told: Told, before: int, total: int, here: int) -> None:
    told((before + here) / total)


def _find(row: CheckpointImport, hub: Hub) -> HubModel:
    """Look it up and remember which commit it is, so that another attempt brings the same."""
    source = row.source
    revision = source.get("commit") or source["revision"]
    found = find_model(hub, source["repo"], revision, wanted=FILES)
    manifest = found.files.get(MANIFEST)
    if manifest is None:
        at = found.commit[:12] or revision
        raise HubError(found.repo, f"has no {MANIFEST} at {at}: it is no checkpoint of ours")
    if manifest.size > MOST_MANIFEST:
        reason = f"has {manifest.size} bytes; at most {MOST_MANIFEST} are read"
        raise HubError(f"{found.repo}/{MANIFEST}", reason)
    row.source = {**source, "commit": found.commit}
    # No save(): a row that was deleted meanwhile stays so.
    CheckpointImport.objects.filter(pk=row.pk).update(source=row.source)
    return found
