"""`LiveSink`: the fleet's listener that shows it to people.

It never blocks the loop and changes no number. The loop's thread only puts the newest tick into a
slot, at most ten times a second; a thread of its own hands it to the drawer (`drawer`: a process),
and only while somebody watches. A tick that comes before the last one is drawn replaces it. Redis
away costs pictures, never the run.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import redis

from practice.fleet.tick import Tick
from practice.frames.drawer import Drawer
from practice.frames.drawing import Shown, flag, sketch
from practice.frames.format import Outcome
from practice.frames.store import FrameStore, Wants

log = logging.getLogger(__name__)


class LiveSink:
    """Shows a fleet to whoever watches. Use as a context manager, or call `close`."""

    def __init__(
        self,
        store: FrameStore,
        drawer: Drawer,
        shown: Shown,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is started or connected before the first tick. `store` says who watches."""
        self._store, self._drawer, self._shown = store, drawer, shown
        self._options = shown.options
        self._clock = clock
        self._due = float("-inf")
        self._slot: Tick | None = None
        self._last: dict[int, Outcome] = {}
        self._wants = Wants()
        self._ask_at = float("-inf")
        self._number = 0
        self._complained = False
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> LiveSink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def on_tick(self, tick: Tick) -> None:
        """Put the tick into the slot when a frame is due; microseconds, whatever Redis does."""
        if self._wants.watched and tick.ended.any():
            self._remember(tick)
        now = self._clock()
        if now < self._due:
            return
        watched = self._wants.watched
        period = 1.0 / self._options.fps if watched else self._options.ask_every
        # Half a period of slack: a loop paced at exactly this rate, with a little jitter, keeps
        # every tick, and on the average no more than `fps` pass.
        slack = 0.5 * period
        self._due = max(now, self._due + slack) + period - slack
        self._slot = tick
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="live-sink", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """Stop showing; waits for the picture being drawn, two seconds at most."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)

    def _remember(self, tick: Tick) -> None:
        """Keep how episodes ended: between two frames of a fast loop many do."""
        for robot in tick.ended.nonzero()[0].tolist():
            self._last[robot] = Outcome(
                episode=tick.uid[robot],
                steps=int(tick.step[robot]),
                detector=flag(tick.detector, robot),
                success=flag(tick.true_success, robot),
            )

    def _work(self) -> None:
        """The thread: draw the newest tick, again and again."""
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stopping:
                break
            tick, self._slot = self._slot, None
            if tick is not None:
                self._show(tick)
        self._drawer.close()
        self._store.close()

    def _show(self, tick: Tick) -> None:
        """Ask who watches when it is time to, and serve them."""
        now = self._clock()
        try:
            if now >= self._ask_at:
                self._ask_at = now + self._options.ask_every
                self._wants = self._store.wants(len(tick.step))
            if self._wants.watched:
                self._number += 1
                made = sketch(tick, self._wants, self._shown, number=self._number, last=self._last)
                self._drawer.show(made)
            self._complained = False
        except (redis.RedisError, OSError) as error:
            self._wants = Wants()
            self._ask_at = now + self._options.retry_every
            if not self._complained:
                log.warning("Live pictures wait, for Redis does not answer: %s", error)
                self._complained = True
