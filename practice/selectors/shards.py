"""The recorded episodes of frozen versions, read from their shards."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from models_store.errors import LearningError
from practice import storage
from practice.episodes.errors import ShardError
from practice.episodes.recorder import read_shard
from practice.episodes.trim import trimmed
from practice.episodes.types import Episode as Recorded
from practice.models import VersionMember


def read_members(
    members: Iterable[VersionMember], *, observations: Collection[str] | None = None
) -> Iterator[tuple[VersionMember, Recorded]]:
    """Each member with what was recorded of it, trimmed and worded as its version says; one shard is in memory at a time.

    Members come with their episodes. One that several versions hold counts once, as the first of them has it. With
    `observations` only those named are read. Raises ShardError, also where a shard is gone.
    """
    shards: dict[str, dict[str, VersionMember]] = defaultdict(dict)
    for member in members:
        shards[member.episode.blob_key].setdefault(member.episode.uid, member)
    for key, chosen in shards.items():
        for recorded in read_shard(_path(key), observations=observations):
            member_of = chosen.get(recorded.uid)
            if member_of is not None:
                yield member_of, _part(recorded, member_of)


def _path(key: str) -> Path:
    try:
        return storage.blobs().path(key)
    except LearningError as error:
        raise ShardError(
            key,
            "this file of recordings is gone; bring it back from a backup, or leave its episodes out",
        ) from error


def _part(recorded: Recorded, member: VersionMember) -> Recorded:
    return trimmed(recorded, member.first, member.end, instruction=member.instruction)
