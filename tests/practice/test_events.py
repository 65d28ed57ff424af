"""Events: closed payloads, numbered per topic, sent on commit, harmless without Redis."""

import dataclasses
import json
from typing import Any, get_args

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError as RedisConnectionError

from practice import events
from practice.events import Event, RunChanged, publish

CHANGED = RunChanged(
    run=3,
    task=1,
    kind="practice",
    state="running",
    wish="",
    progress=0.5,
    iteration=7,
    eta_seconds=None,
)
EXAMPLES: dict[type[Any], Any] = {int: 3, str: "x", float: 0.5, bool: True}


def _example(kind: type[Any]) -> Any:
    """An event of this kind with a value for every field."""
    values = {}
    for field in dataclasses.fields(kind):
        plain = next((k for k in EXAMPLES if str(field.type).startswith(k.__name__)), None)
        if plain is None and field.type in EXAMPLES:
            plain = field.type
        values[field.name] = EXAMPLES.get(plain) if plain else None
    return kind(**values)


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_every_event_is_plain_json_and_has_a_topic(kind: type[Any]) -> None:
    event = _example(kind)
    assert json.loads(json.dumps(dataclasses.asdict(event))) == dataclasses.asdict(event)
    assert event.topics


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_an_unknown_field_fails(kind: type[Any]) -> None:
    with pytest.raises(TypeError):
        kind(**dataclasses.asdict(_example(kind)), surprise=1)


def test_names_of_events_are_unique() -> None:
    names = [kind.type for kind in get_args(Event)]
    assert len(names) == len(set(names))


class Recorder:
    """A channel layer that only remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.sent.append((group, message))


def test_messages_carry_a_number_that_grows_by_one_per_topic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = Recorder()
    monkeypatch.setattr(events, "get_channel_layer", lambda: layer)
    for _ in range(3):
        publish(CHANGED)
    for topic in CHANGED.topics:
        of_topic = [m for group, m in layer.sent if group == events.group_name(topic)]
        numbers = [message["number"] for message in of_topic]
        assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
        assert of_topic[0]["data"] == dataclasses.asdict(CHANGED)


def test_a_missing_redis_costs_the_hint_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object, **__: object) -> None:
        raise RedisConnectionError("no one there")

    monkeypatch.setattr(cache, "add", away)
    publish(CHANGED)
    assert "not sent" in caplog.text
