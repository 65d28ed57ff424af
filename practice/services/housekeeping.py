"""Remove what nothing refers to any more. Datasets, episodes and checkpoints are never removed here."""

import re
from datetime import timedelta

from django.utils import timezone

from models_store.errors import LearningError
from practice.models import (
    CheckpointImport,
    Dataset,
    Episode,
    Estimate,
    Export,
    Run,
    SignInLink,
    Worker,
)
from practice.services import uploads
from practice.storage import blobs, frame_cache

FILMS_KEPT = timedelta(days=7)
"""How long a drawn replay lies ready; drawing it again takes seconds."""

ESTIMATES_KEPT = timedelta(days=1)
"""How long what a run would cost is remembered; a run that was launched keeps its own."""

_RESUME = re.compile(r"runs/(\d+)/resume-")
_SHARD = re.compile(r"datasets/(\d+)/")
_IMPORT = re.compile(r"imports/(\d+)\.zip$")
_EXPORT = re.compile(r"exports/(\d+)\.zip$")


def prune() -> int:
    """Delete spent sign-in links, long-gone workers, old estimates and films, unneeded resume points, files of exports that are
    gone, of checked checkpoints and of imports that failed, expired uploads, and what the frame cache holds above its limit; gives
    how many.
    """
    now = timezone.now()
    links, _ = SignInLink.objects.filter(expires_at__lt=now - timedelta(days=1)).delete()
    workers, _ = Worker.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()
    estimates, _ = Estimate.objects.filter(created_at__lt=now - ESTIMATES_KEPT).delete()
    files = _prune_resume_points() + _prune_films() + _prune_exports() + _prune_imports()
    files += _prune_checkpoint_imports() + frame_cache().prune()
    return links + workers + estimates + files + uploads.expire()


def _prune_resume_points() -> int:
    files = {key: match for key in blobs().list("runs/") if (match := _RESUME.match(key))}
    # A running process may have written a resume point that its row does not name yet. Asked after the files, and before
    # what rows name: a run that began meanwhile counts as busy, and what one that ended meanwhile has committed is named.
    busy = set(Run.objects.filter(state=Run.State.RUNNING).values_list("pk", flat=True))
    needed = set(Run.objects.exclude(resume_key="").values_list("resume_key", flat=True))
    gone = [key for key, m in files.items() if int(m.group(1)) not in busy and key not in needed]
    for key in gone:
        blobs().delete(key)
    return len(gone)


def _prune_films() -> int:
    oldest = (timezone.now() - FILMS_KEPT).timestamp()
    removed = 0
    for key in list(blobs().list("films/")):
        try:
            drawn = blobs().path(key).stat().st_mtime
        except (LearningError, FileNotFoundError):
            continue  # somebody else removed it
        if drawn < oldest:
            blobs().delete(key)
            removed += 1
    return removed


def _prune_exports() -> int:
    """Those whose rows are gone; a worker that is writing one still has its row."""
    files = {key: match for key in blobs().list("exports/") if (match := _EXPORT.match(key))}
    # Read after the files: a row made meanwhile has its file spared.
    known = set(Export.objects.values_list("pk", flat=True))
    gone = [key for key, match in files.items() if int(match.group(1)) not in known]
    for key in gone:
        blobs().delete(key)
    return len(gone)


def _prune_checkpoint_imports() -> int:
    """Uploads of checkpoints whose check is over, or whose rows are gone, as a worker that died may leave them."""
    files = {key: match for key in blobs().list("imports/") if (match := _IMPORT.match(key))}
    # A file is a moment older than its row's commit, so that only old ones are surely nobody's.
    oldest = (timezone.now() - timedelta(days=1)).timestamp()
    waiting = CheckpointImport.objects.filter(state__in=["queued", "working"])
    wanted = set(waiting.values_list("pk", flat=True))
    removed = 0
    for key, match in files.items():
        try:
            written = blobs().path(key).stat().st_mtime
        except (LearningError, FileNotFoundError):
            continue  # its worker has just removed it
        if written < oldest and int(match.group(1)) not in wanted:
            blobs().delete(key)
            removed += 1
    return removed


def _prune_imports() -> int:
    """Shards and videos of imports that came to nothing; not while one is going on, for its rows do not name them yet."""
    if Dataset.objects.filter(state=Dataset.State.VALIDATING).exists():
        return 0
    shards = {key: match for key in blobs().list("datasets/") if (match := _SHARD.match(key))}
    videos = set(blobs().list("videos/"))
    # Read after the files: what begins meanwhile has its files spared.
    kept = set(Dataset.objects.exclude(state=Dataset.State.FAILED).values_list("pk", flat=True))
    named = Episode.objects.exclude(videos={}).values_list("videos", flat=True)
    shown = {video["key"] for row in named.iterator() for video in row.values()}
    gone = [key for key, match in shards.items() if int(match.group(1)) not in kept]
    gone += sorted(videos - shown)
    if Dataset.objects.filter(state=Dataset.State.VALIDATING).exists():
        return 0
    for key in gone:
        blobs().delete(key)
    return len(gone)
