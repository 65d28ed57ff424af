"""Where blobs lie: uploads, episode shards, checkpoints and resume points, on disk or behind the same small protocol.

And the frame cache, which is none: this host's own copy of pictures that training maps into memory.
"""

from pathlib import Path
from uuid import UUID

from django.conf import settings

from models_store.store import BlobStore, DiskBlobStore
from practice.learning.frame_cache import FrameCache

PRETRAINED = "pretrained"
"""The folder of pretrainings."""


def blobs() -> BlobStore:
    """The blob store that the settings name."""
    return DiskBlobStore(Path(settings.EFM_BLOBS))


def frame_cache() -> FrameCache:
    """Decoded pictures of demonstrations, on this host's disk."""
    return FrameCache(
        Path(settings.EFM_FRAMES), settings.EFM_FRAME_CACHE, settings.EFM_DISK_RESERVE
    )


def frames_in_memory() -> int:
    """Bytes of pictures that a run may keep in memory; above that it maps the frame cache."""
    return int(settings.EFM_FRAMES_IN_MEMORY)


def work_folder() -> Path:
    """Where jobs lay out files on their way, on this host's disk."""
    folder = Path(settings.EFM_VAR) / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def upload_key(sha256: str, ending: str = ".zip") -> str:
    """Key of an uploaded original, by its content; `ending` is one of archive.ENDINGS."""
    return f"uploads/{sha256[:2]}/{sha256}{ending}"


def partial_upload(upload_id: UUID) -> Path:
    """Where the bytes of an unfinished upload lie: beside the blobs, on this host's disk."""
    return Path(settings.FILE_UPLOAD_TEMP_DIR) / f"{upload_id}.part"


def partial_uploads() -> list[Path]:
    """All that lie there."""
    return sorted(Path(settings.FILE_UPLOAD_TEMP_DIR).glob("*.part"))


def dataset_shard_key(dataset_id: int, number: int) -> str:
    """Key of one shard of a dataset's kept episodes."""
    return f"datasets/{dataset_id}/episodes-{number:04d}.parquet"


def run_shard_key(run_id: int, attempt: int, commit: int) -> str:
    """Key of the episodes of one commit of a run.

    The attempt is part of it so that a process that lost its lease can never write over its successor's shard.
    """
    return f"runs/{run_id}/episodes-{commit:06d}-{attempt}.parquet"


def resume_key(run_id: int, attempt: int, commit: int) -> str:
    """Key of the resume point of one commit of a run."""
    return f"runs/{run_id}/resume-{commit:06d}-{attempt}.state"


def checkpoint_key(digest: str) -> str:
    """Key of a checkpoint folder, by its digest."""
    return f"checkpoints/{digest[:2]}/{digest}"


def video_key(sha256: str, *, recoded: bool = False) -> str:
    """Key of a camera's video that an import came with, by the content it had there; `recoded`: as browsers can play it."""
    return f"videos/{sha256[:2]}/{sha256}{'-h264' if recoded else ''}.mp4"


def pretraining_key(name: str) -> str:
    """Key of the folder of a pretraining, by the name it was given."""
    return f"{PRETRAINED}/{name}"


def film_key(tag: str) -> str:
    """Key of the drawn replay of one episode; it can always be drawn again."""
    return f"films/{tag[:2]}/{tag}.mp4"


def export_key(export_id: int) -> str:
    """Key of a finished export."""
    return f"exports/{export_id}.zip"


def import_key(import_id: int) -> str:
    """Key of an uploaded checkpoint until it has been checked."""
    return f"imports/{import_id}.zip"
