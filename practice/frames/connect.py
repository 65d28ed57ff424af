"""The one place where live pictures meet the settings: which Redis, and how its keys begin."""

from __future__ import annotations

import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from practice.embodiments.interface import Embodiment
from practice.frames.drawer import Place, ProcessDrawer
from practice.frames.drawing import LiveOptions, Shown
from practice.frames.painting import drawn_from
from practice.frames.sink import LiveSink
from practice.frames.store import FrameStore, LiveKeys, writer_client


def live_sink(
    run: int,
    embodiment: Embodiment,
    *,
    horizon: int,
    threshold: float | None,
    options: LiveOptions | None = None,
) -> LiveSink:
    """A sink that shows `run` to whoever watches; close it when the run ends."""
    keys, options = live_keys(run), options or LiveOptions()
    place = Place(embodiment.spec.id, options.quality, settings.EFM_REDIS_URL, keys)
    return LiveSink(
        FrameStore(writer_client(settings.EFM_REDIS_URL), keys),
        ProcessDrawer(place),
        Shown(run, horizon, threshold, options, drawn_from(embodiment.spec)),
    )


def live_keys(run: int) -> LiveKeys:
    """The names of a run's pictures in Redis."""
    return LiveKeys(settings.EFM_REDIS_PREFIX, run)


def reader_client() -> redis.asyncio.Redis:
    """A connection for one reader; a dead peer is noticed within seconds."""
    return redis.asyncio.Redis.from_url(
        settings.EFM_REDIS_URL,
        socket_timeout=5.0,
        socket_connect_timeout=2.0,
        health_check_interval=10,
        retry=Retry(NoBackoff(), 0),
    )
