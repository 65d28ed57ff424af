"""/ws/live/: live pictures of one run (`?run=ID`), or of all that are running."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.db import DatabaseError

from practice.errors import InvalidError, MissingError
from practice.live.guarded import GuardedConsumer
from practice.live.hub import RunHub, hubs
from practice.live.viewer import Viewer
from practice.models import Run
from practice.selectors.live import fleet_of, fleets_running

MOST_ROBOTS = 10_000
"""A fleet has fewer; keeps what a page says from growing in Redis."""


class PicturesConsumer(GuardedConsumer):
    """Sends each frame as one binary message (`practice.frames.format`), and JSON notes.

    The page answers {"seen": n} with the number of frames it has received, and says
    {"focus": {"run": 3, "robot": 5}} or {"focus": null} when a person looks at one closely.
    """

    channel_layer_alias = ""  # pictures never ride the channel layer
    refresh_seconds: ClassVar[float] = 4.0
    """How often a socket for all runs looks which are running."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """A viewer's slot, not yet known to any hub."""
        super().__init__(*args, **kwargs)
        self._viewer = Viewer()
        self._asked: int | None = None
        self._watching: dict[int, RunHub] = {}
        self._focus: tuple[int, int] | None = None
        self._looking = asyncio.Lock()

    async def entered(self) -> None:
        """Join the run asked for, or all that are running."""
        self._asked = _run_asked(self.scope)
        await self._look()
        self.start(self._send())
        if self._asked is None:
            self.start(self._refresh())

    async def allowed(self) -> None:
        """The run asked for may still be seen."""
        await self._look()

    async def left(self) -> None:
        """Leave the hubs."""
        self._look_closely(None)
        for run in list(self._watching):
            del self._watching[run]
            await hubs(state_of).leave(run, self._viewer)

    async def heard(self, words: dict[str, Any]) -> None:
        """How many frames have come, or which robot is looked at closely."""
        seen = words.get("seen")
        if isinstance(seen, int) and not isinstance(seen, bool):
            self._viewer.seen(seen)
        elif "focus" in words:
            self._look_closely(_robot_named(words["focus"], self._watching))
        else:
            raise InvalidError('This socket understands {"seen": n} and {"focus": ...}.')

    def _look_closely(self, focus: tuple[int, int] | None) -> None:
        for place, change in ((self._focus, -1), (focus, +1)):
            if place is not None and place[0] in self._watching:
                self._watching[place[0]].focus(place[1], change)
        self._focus = focus

    async def _look(self) -> None:
        """Which runs this person is shown now; join and leave hubs accordingly. One look at a time."""
        async with self._looking:
            await self._follow(await runs_shown(self.person, self._asked))

    async def _follow(self, runs: list[dict[str, Any]]) -> None:
        for run in self._watching.keys() - {row["id"] for row in runs}:
            if self._focus is not None and self._focus[0] == run:
                self._look_closely(None)
            del self._watching[run]
            await hubs(state_of).leave(run, self._viewer)
        new = [row["id"] for row in runs if row["id"] not in self._watching]
        if new or self._asked is None:
            self._viewer.note("runs", {"type": "runs", "runs": runs})
        for run in new:
            self._watching[run] = hubs(state_of).join(run, self._viewer)

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(self.refresh_seconds)
            with suppress(DatabaseError):  # those watched are still shown; it looks again soon
                await self._look()

    async def _send(self) -> None:
        """Send what waits, as fast as this viewer takes it and no faster."""
        while True:
            thing = await self._viewer.next()
            try:
                if isinstance(thing, bytes):
                    await self.send(bytes_data=thing)
                else:
                    await self.say(thing)
            except OSError:
                return  # the socket is gone; `disconnect` follows


@database_sync_to_async
def runs_shown(person: object, asked: int | None) -> list[dict[str, Any]]:
    """The runs a socket shows: the one asked for, or those that are running.

    Raises:
        MissingError: the run asked for does not exist or may not be seen.
    """
    runs = fleets_running(person) if asked is None else [fleet_of(person, asked)]
    return [{"id": run.pk, "name": run.name, "kind": run.kind, "state": run.state} for run in runs]


@database_sync_to_async
def state_of(run: int) -> str:
    """A run's state for those who already watch it; "" when its row or the database is away."""
    try:
        return Run.objects.filter(pk=run).values_list("state", flat=True).first() or ""
    except DatabaseError:
        return ""


def _run_asked(scope: Any) -> int | None:
    asked = parse_qs(scope.get("query_string", b"").decode("latin1")).get("run", [""])[0]
    if not asked:
        return None
    if not (asked.isascii() and asked.isdigit() and len(asked) < 16):
        raise MissingError(f"There is no run {asked[:20]!r}.")
    return int(asked)


def _robot_named(place: Any, watching: dict[int, RunHub]) -> tuple[int, int] | None:
    """The run and robot in {"run": 3, "robot": 5}."""
    if place is None:
        return None
    run, robot = (place.get("run"), place.get("robot")) if isinstance(place, dict) else (None, None)
    if (
        isinstance(run, int)
        and run in watching
        and isinstance(robot, int)
        and 0 <= robot < MOST_ROBOTS
    ):
        return run, robot
    raise InvalidError('"focus" takes {"run": ID, "robot": number} of a run being watched.')
