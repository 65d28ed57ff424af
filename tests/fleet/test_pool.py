"""Worker processes: the same numbers, plain errors, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from models_store.errors import LearningError, SimulatorLostError
from models_store.instructions import Instructions
from practice.embodiments.interface import Observation
from practice.embodiments.point_mass import STATE, PointMass
from practice.embodiments.registry import embodiment
from practice.episodes.types import Episode
from practice.fleet import pool
from practice.fleet.book import Rules
from practice.fleet.loop import Fleet
from practice.fleet.plan import FleetPlan
from practice.fleet.pool import PooledFleet, choose_processes, end_idle_workers

ROOT = Path(__file__).resolve().parents[2]
ROBOTS = np.arange(5)
SEEDS = np.arange(10, 15, dtype=np.uint64)
TEXTS = ["go to the ring"] * 5


@pytest.fixture(scope="module", autouse=True)
def _no_idle_workers_stay() -> Iterator[None]:
    yield
    end_idle_workers()


class Dice:
    """Actions from a generator of its own, so that the order of questions matters."""

    def __init__(self, size: float) -> None:
        self._draw, self._size = np.random.default_rng(0), size

    def begin(self, *_: Any) -> None:
        pass

    def act(
        self, observation: Observation, instructions: Instructions, robots: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        return self._draw.normal(0.0, self._size, (len(robots), 2)).astype(np.float32)


def fleet(embodiment_id: str, processes: int, *, robots: int = 7, horizon: int = 6) -> Fleet:
    robot = embodiment(embodiment_id)
    plan = FleetPlan(
        num_robots=robots,
        rules=Rules(horizon, 0.0, "success"),
        seed=1,
        instructions=robot.spec.instructions,
        episodes=2 * robots,
        previous=tuple(robot.spec.cameras),
        processes=processes,
        groups=3,
    )
    return Fleet(robot, plan, Dice(robot.spec.action.high[0] / 2))


def run(made: Fleet) -> list[Episode]:
    done: list[Episode] = []
    while not made.finished:
        done += made.tick().episodes
    made.close()
    return done


def assert_same(left: list[Episode], right: list[Episode]) -> None:
    assert [e.uid for e in left] == [e.uid for e in right]
    for a, b in zip(left, right, strict=True):
        assert (a.seed, a.instruction, a.success_step) == (b.seed, b.instruction, b.success_step)
        assert np.array_equal(a.action, b.action)
        for name, values in a.observation.items():
            assert np.array_equal(values, b.observation[name]), name


def test_the_number_of_processes_changes_no_number() -> None:
    here = run(fleet("point-mass", 0))
    assert len(here) == 14
    for processes in (1, 2, 3):
        assert_same(here, run(fleet("point-mass", processes)))


def test_pictures_come_back_whole() -> None:
    here, there = (
        run(fleet("language-table-4", processes, robots=3, horizon=4)) for processes in (0, 2)
    )
    assert_same(here, there)
    picture = there[0].observation["observation.images.top"]
    assert picture.dtype == np.uint8
    assert picture.std() > 5


def test_a_run_goes_on_with_another_number_of_processes() -> None:
    one, two, three = fleet("point-mass", 2), fleet("point-mass", 3), fleet("point-mass", 0)
    for _ in range(4):
        one.tick()
    state = one.state()
    for other in (two, three):
        other.load_state(state)
        driver, mine = other.driver, one.driver
        assert isinstance(driver, Dice)
        assert isinstance(mine, Dice)
        driver._draw.bit_generator.state = mine._draw.bit_generator.state
    rest = run(one)
    assert_same(rest, run(two))
    assert_same(rest, run(three))


def test_returned_observations_are_never_changed_later() -> None:
    pooled = PooledFleet("point-mass", 5, 2)
    first = pooled.reset(ROBOTS, SEEDS, TEXTS)[STATE]
    alone = PointMass().make_fleet(5)
    assert np.array_equal(first, alone.reset(ROBOTS, SEEDS, TEXTS)[STATE])
    action = np.full((5, 2), 1e-4, dtype=np.float32)
    seen = pooled.step(action)
    assert np.array_equal(seen.observation[STATE], alone.step(action).observation[STATE])
    kept = seen.observation[STATE].copy()
    some = np.array([1, 4])
    moved = pooled.step_rows(some, action[some])
    assert np.array_equal(
        moved.observation[STATE], alone.step_rows(some, action[some]).observation[STATE]
    )
    assert np.array_equal(seen.observation[STATE], kept)
    assert np.array_equal(first, PointMass().make_fleet(5).reset(ROBOTS, SEEDS, TEXTS)[STATE])
    pooled.close()


def test_a_worker_that_dies_is_one_clear_error() -> None:
    pooled = PooledFleet("point-mass", 5, 2)
    pooled.reset(ROBOTS, SEEDS, TEXTS)
    workers = [worker.process.pid for worker in pooled._crew._workers]
    os.kill(workers[1], signal.SIGKILL)
    with pytest.raises(SimulatorLostError, match=r"robots failed: it ended with status -9"):
        pooled.step(np.zeros((5, 2), dtype=np.float32))
    assert not any(map(psutil.pid_exists, workers))
    with pytest.raises(LearningError, match="was closed"):
        pooled.step(np.zeros((5, 2), dtype=np.float32))
    pooled.close()


def test_a_worker_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PATIENCE_SECONDS", 0.5)
    pooled = PooledFleet("point-mass", 5, 2)
    workers = [worker.process.pid for worker in pooled._crew._workers]
    os.kill(workers[0], signal.SIGSTOP)
    with pytest.raises(SimulatorLostError, match=r"failed: it has not answered for 0\.5 s\.$"):
        pooled.step(np.zeros((5, 2), dtype=np.float32))
    assert not any(map(psutil.pid_exists, workers))


def test_what_a_simulator_says_reaches_the_caller() -> None:
    pooled = PooledFleet("language-table-4", 2, 1)
    with pytest.raises(LearningError, match="fly to the moon") as said:
        pooled.reset(ROBOTS[:2], SEEDS[:2], ["fly to the moon"] * 2)
    assert not isinstance(said.value, SimulatorLostError), "it would say the same again"
    pooled.close()


def test_processes_serve_the_next_fleet_and_end_with_the_last() -> None:
    end_idle_workers()
    first = PooledFleet("point-mass", 5, 2)
    workers = {worker.process.pid for worker in first._crew._workers}
    del first
    second = PooledFleet("point-mass", 9, 2)
    assert {worker.process.pid for worker in second._crew._workers} == workers
    second.close()
    end_idle_workers()
    assert not any(map(psutil.pid_exists, workers))


def test_an_idle_process_that_died_serves_no_fleet() -> None:
    end_idle_workers()
    PooledFleet("point-mass", 5, 2).close()
    dead, alive = pool._idle
    dead.process.kill()
    dead.process.wait()
    pooled = PooledFleet("point-mass", 5, 2)
    assert dead not in pooled._crew._workers
    assert alive in pooled._crew._workers
    pooled.reset(ROBOTS, SEEDS, TEXTS)
    pooled.close()


def test_a_process_that_dies_before_it_has_the_memory_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(pool, "send_handle", broken)
    with pytest.raises(SimulatorLostError):
        PooledFleet("point-mass", 5, 2)


STUCK = """
class Stuck:
    def __reduce__(self):
        return time.sleep, (600,)  # so long does its receiver nothing else
fleet._crew.ask(0, "state", Stuck())
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("at", [STUCK, ""], ids=["stuck", "waiting"])
def test_no_worker_outlives_its_parent(how: signal.Signals, at: str) -> None:
    script = (
        "from practice.fleet.pool import PooledFleet\n"
        "import time\n"
        "fleet = PooledFleet('point-mass', 4, 2)\n"
        f"{at}\n"
        "print(*(worker.process.pid for worker in fleet._crew._workers), flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    parent.send_signal(how)
    parent.communicate()
    patience = time.monotonic() + 10
    while any(map(alive, workers)):
        assert time.monotonic() < patience
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has buried yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_only_pictures_are_worth_processes_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = "practice.fleet.pool.available_cores"
    monkeypatch.setattr(cores, lambda: 4)
    pictures, none = embodiment("language-table-4").spec, PointMass.spec
    assert (choose_processes(pictures, 0), choose_processes(none, 0)) == (4, 0)
    assert (choose_processes(pictures, 1), choose_processes(none, 3)) == (0, 3)
    monkeypatch.setattr(cores, lambda: 1)
    assert choose_processes(pictures, 0) == 0
