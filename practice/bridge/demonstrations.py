"""What Stage 1 of a run learns from: the episodes of its versions, with pictures in memory or mapped from disk."""

from collections.abc import Callable, Iterator, Sequence

from practice import storage
from practice.embodiments.registry import embodiment
from practice.embodiments.spec import is_camera
from practice.episodes.types import Episode as Recorded
from practice.learning.data import Demonstrations
from practice.learning.frame_cache import Cameras, entry_key, picture_bytes
from practice.models import Run, VersionMember
from practice.selectors.shards import read_members
from practice.services.versions import freeze_for

Told = Callable[[int, int], None]


def demonstrations(run: Run, *, told: Told | None = None) -> Demonstrations:
    """All that Stage 1 of this run learns from: the episodes of its versions, each once, trimmed as they say.

    Pictures above EFM_FRAMES_IN_MEMORY_MB are mapped from the frame cache; `told` gets (rows, rows in all) while it is filled.

    Raises:
        LearningError: there is nothing to learn from, episodes do not fit together, or the disk has no room.
    """
    # A run launched before there were versions has none yet.
    versions = list(run.versions.all()) or freeze_for(run, by=run.created_by)
    found = VersionMember.objects.filter(version__in=versions).select_related("episode")
    members = list(found.order_by("episode_id", "version_id"))
    # What only a simulator knows is no input, and some datasets lack it.
    features = embodiment(run.task.embodiment).spec.observation
    sensed = [name for name, feature in features.items() if not feature.privileged]
    cameras = {name: features[name].shape for name in sensed if is_camera(name)}
    rows = sum(member.end - member.first + 1 for member in members)
    if picture_bytes(cameras, rows) <= storage.frames_in_memory():
        return Demonstrations.from_episodes(list(_recorded(members, sensed)))
    numbers = [name for name in sensed if name not in cameras]
    data = Demonstrations.from_episodes(list(_recorded(members, numbers)))
    pictures = storage.frame_cache().frames(
        _key(members, cameras),
        cameras,
        len(data),
        lambda: _told(_recorded(members, list(cameras)), len(data), told),
    )
    return data.with_pictures(pictures)


def _recorded(members: Sequence[VersionMember], names: Sequence[str]) -> Iterator[Recorded]:
    return (episode for _, episode in read_members(members, observations=names))


def _told(episodes: Iterator[Recorded], total: int, told: Told | None) -> Iterator[Recorded]:
    """The same episodes; how many of their rows have passed is told."""
    done = 0
    for episode in episodes:
        yield episode
        done += episode.length + 1
        if told:
            told(done, total)


def _key(members: Sequence[VersionMember], cameras: Cameras) -> str:
    """Names the pictures of exactly these parts of exactly these shards. Instructions are no part of it, nor is
    the version: a new one of the same parts finds what an older one has left.
    """
    shards = {member.episode.blob_key: 0 for member in members}
    facts = []
    for number, key in enumerate(shards):
        shards[key] = number
        known = storage.blobs().path(key).stat()
        # A shard is written once, but a restored database may give an old number to another one.
        facts.append([key, known.st_size, known.st_mtime_ns])
    parts = [
        [shards[member.episode.blob_key], member.episode.uid, member.first, member.end]
        for member in members
    ]
    return entry_key({"shards": facts, "parts": parts, "cameras": sorted(cameras.items())})
