"""What a container's quota is worth in cores, as either version of cgroups tells it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from practice.fleet import quota
from practice.fleet.pool import available_cores

V1 = ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")


@pytest.fixture(autouse=True)
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A container that says nothing yet."""
    monkeypatch.setattr(quota, "_CGROUP", tmp_path)
    (tmp_path / "cpu").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("said", "cores"),
    [
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("10000 100000\n", 1),
        ("max 100000\n", 8),
        ("9900000 100000\n", 8),
        ("\n", 8),
    ],
)
def test_version_2_says_it_in_one_file(cgroup: Path, said: str, cores: int) -> None:
    (cgroup / "cpu.max").write_text(said)
    assert quota.allowed_cores(8) == cores


@pytest.mark.parametrize(
    ("microseconds", "period", "cores"),
    [("300000", "100000", 3), ("25000", "50000", 1), ("-1", "100000", 8), ("0", "0", 8)],
)
def test_version_1_says_it_in_two(cgroup: Path, microseconds: str, period: str, cores: int) -> None:
    for name, said in zip(V1, (microseconds, period), strict=True):
        (cgroup / name).write_text(f"{said}\n")
    assert quota.allowed_cores(8) == cores


def test_without_a_quota_all_cores_are_there() -> None:
    assert quota.allowed_cores(8) == 8


def test_a_container_does_not_simulate_on_every_core_of_its_host(
    cgroup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert available_cores() == 64
    (cgroup / "cpu.max").write_text("250000 100000\n")
    assert available_cores() == 3
