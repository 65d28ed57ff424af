"""Events: hints that rows have changed, sent after the transaction commits.

Payloads are closed types. Every message carries a number that grows by one per topic; a page that sees a gap refetches, for rows
are the truth. A missing Redis loses hints, never rows.
"""

import logging
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.core.cache import cache
from django.db import transaction
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

OVERVIEW = "overview"


def run_topic(run_id: int) -> str:
    """The topic of everything that happens to one run."""
    return f"run.{run_id}"


@dataclass(frozen=True, slots=True)
class RunChanged:
    """A run's state, progress or wish changed."""

    type: ClassVar[str] = "run_changed"
    run: int
    task: int
    kind: str
    state: str
    wish: str
    progress: float
    iteration: int
    eta_seconds: float | None

    @property
    def topics(self) -> list[str]:
        return [OVERVIEW, run_topic(self.run)]


@dataclass(frozen=True, slots=True)
class PointsAdded:
    """A run's curves grew; `last` is the newest iteration."""

    type: ClassVar[str] = "points_added"
    run: int
    last: int

    @property
    def topics(self) -> list[str]:
        return [run_topic(self.run)]


@dataclass(frozen=True, slots=True)
class LogAdded:
    """A run's log grew; `last` is the newest line's id."""

    type: ClassVar[str] = "log_added"
    run: int
    last: int

    @property
    def topics(self) -> list[str]:
        return [run_topic(self.run)]


@dataclass(frozen=True, slots=True)
class CheckpointAdded:
    """A run kept a checkpoint."""

    type: ClassVar[str] = "checkpoint_added"
    run: int
    checkpoint: int

    @property
    def topics(self) -> list[str]:
        return [OVERVIEW, run_topic(self.run)]


@dataclass(frozen=True, slots=True)
class EpisodesRecorded:
    """Episodes became rows."""

    type: ClassVar[str] = "episodes_recorded"
    run: int
    count: int

    @property
    def topics(self) -> list[str]:
        return [run_topic(self.run)]


@dataclass(frozen=True, slots=True)
class EpisodeLabelled:
    """A person gave a verdict or an approval."""

    type: ClassVar[str] = "episode_labelled"
    episode: int
    verdict: str
    approved: bool | None

    @property
    def topics(self) -> list[str]:
        return [OVERVIEW]


@dataclass(frozen=True, slots=True)
class DatasetChanged:
    """A dataset's validation moved on."""

    type: ClassVar[str] = "dataset_changed"
    dataset: int
    task: int
    state: str
    progress: float

    @property
    def topics(self) -> list[str]:
        return [OVERVIEW]


@dataclass(frozen=True, slots=True)
class TransferChanged:
    """A checkpoint on its way in or out moved on."""

    type: ClassVar[str] = "transfer_changed"
    kind: str
    """import or push"""
    transfer: int
    task: int
    checkpoint: int | None
    """What is pushed, or what an import has become."""
    state: str

    @property
    def topics(self) -> list[str]:
        return [OVERVIEW]


Event = (
    RunChanged
    | PointsAdded
    | LogAdded
    | CheckpointAdded
    | EpisodesRecorded
    | EpisodeLabelled
    | DatasetChanged
    | TransferChanged
)


def group_name(topic: str) -> str:
    """The channel layer's group for a topic."""
    return f"events.{topic}"


def publish_on_commit(event: Event) -> None:
    """Send `event` to its topics once the surrounding transaction has committed."""
    transaction.on_commit(lambda: publish(event), robust=True)


def publish(event: Event) -> None:
    """Send `event` to its topics now; an unreachable Redis costs the hint, not the caller's work."""
    layer: Any = get_channel_layer()
    try:
        for topic in event.topics:
            message = {
                "type": "event",
                "topic": topic,
                "number": _next_number(topic),
                "event": event.type,
                "data": asdict(event),
            }
            async_to_sync(layer.group_send)(group_name(topic), message)
    except (RedisError, OSError) as error:
        log.warning("An event was not sent, for Redis did not answer: %s", error)


def number_key(topic: str) -> str:
    """The cache key of the newest event's number on a topic."""
    return f"events:number:{topic}"


def _next_number(topic: str) -> int:
    cache.add(number_key(topic), 0, timeout=None)
    return int(cache.incr(number_key(topic)))
