"""Models asked in other threads answer as they do here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.normalisation import Moments, Normalisation
from models_store.spec import ModelSpec
from practice.embodiments.point_mass import STATE, PointMass
from practice.embodiments.registry import embodiment
from practice.fleet.book import Rules
from practice.fleet.drivers import Judge, PolicyDriver
from practice.fleet.loop import Fleet
from practice.fleet.plan import FleetPlan, Moment, groups_for
from practice.fleet.pool import end_idle_workers


@pytest.fixture(scope="module", autouse=True)
def _no_idle_workers_stay() -> Iterator[None]:
    yield
    end_idle_workers()


def moments(processes: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Moment], Fleet]:
    monkeypatch.setattr("practice.fleet.loop.available_cores", lambda: 3)
    small = Moments((0.0,) * 2, (1e-4,) * 2)
    normalisation = Normalisation({STATE: Moments((0.0,) * 6, (1.0,) * 6)}, small)
    spec = ModelSpec(observation={STATE: 6}, action_size=2)
    model = EFMCheckpoint.new(spec, normalisation, seed=1).build()
    plan = FleetPlan(
        num_robots=7,
        rules=Rules(5, threshold=60.0, terminate_on="detector", detector_hold=2),
        seed=0,
        instructions=("go",),
        processes=processes,
        groups=3,
    )
    driver = PolicyDriver(model, torch.Generator().manual_seed(0))
    fleet = Fleet(PointMass(), plan, driver, Judge(model))
    made = [fleet.tick() for _ in range(12)]
    fleet.close()
    return made, fleet


def test_threads_and_processes_change_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, _ = moments(0, monkeypatch)
    together, _ = moments(2, monkeypatch)
    assert sum(len(moment.endings) for moment in alone) > 0
    for a, b in zip(alone, together, strict=True):
        assert np.array_equal(a.sampled, b.sampled)
        assert a.distance is not None
        assert a.distance_before is not None
        assert b.distance is not None
        assert b.distance_before is not None
        assert np.array_equal(a.distance, b.distance)
        assert np.array_equal(a.distance_before, b.distance_before)
        assert np.array_equal(a.endings.steps, b.endings.steps)


def test_thinking_threads_leave_torch_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        _, fleet = moments(2, monkeypatch)
        assert fleet._mind._threads is not None
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_parts_are_a_matter_of_the_fleet_and_not_of_the_machine() -> None:
    pictures = embodiment("language-table-4").spec
    assert [groups_for(pictures, robots) for robots in (1, 2, 64, 256, 1_024)] == [1, 2, 2, 4, 8]
    assert groups_for(PointMass.spec, 1_024) == 1
