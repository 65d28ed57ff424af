"""The live wall, and what other pages need to show a part of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from practice.models import Run
from practice.selectors.live import fleet_of, fleets_running
from practice.web.access import PageRequest, viewer_page

TILES = 16
"""Robots shown per run; the writer draws as many."""


@dataclass(frozen=True, slots=True)
class WallRobot:
    """A tile's place before its first frame, so that nothing moves when it comes."""

    index: int

    @property
    def name(self) -> str:
        """What the tile is called; counted as in the names of episodes."""
        return f"robot {self.index}"

    @property
    def state(self) -> str:
        """No frame has come yet."""
        return "waiting"


@dataclass(frozen=True, slots=True)
class WallGroup:
    """One run on the wall."""

    run: Run
    robots: list[WallRobot]


def wall_groups(runs: Iterable[Run]) -> list[WallGroup]:
    """What `live/_wall.html` draws for these runs, as its `groups`."""
    return [
        WallGroup(run, [WallRobot(index) for index in range(robots_shown(run))]) for run in runs
    ]


def robots_shown(run: Run) -> int:
    """How many tiles a run has."""
    robots = run.config.get("num_robots", TILES)
    return min(robots, TILES) if isinstance(robots, int) and robots > 0 else TILES


@require_safe
@viewer_page
def wall(request: PageRequest) -> HttpResponse:
    """/live/: every running fleet, or with ?run=ID one of them.

    Raises:
        MissingError: ?run= names no run with robots that this person may see.
    """
    running = fleets_running(request.user)
    asked = request.GET.get("run", "")
    chosen = None
    if asked:
        number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 16 else 0
        chosen = next((run for run in running if run.pk == number), None)
        chosen = chosen or fleet_of(request.user, number)
    shown = [chosen] if chosen else running
    context = {"running": running, "run": chosen, "groups": wall_groups(shown)}
    return render(request, "live/wall.html", context)
