"""Stage 1 on several devices: one run, several processes, one of which holds it."""

from __future__ import annotations

import os
import subprocess
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from practice import children
from practice.bridge import assembly
from practice.bridge.assembly import open_session
from practice.bridge.companion import Companion, TeamEars
from practice.devices import Device
from practice.learning.parallel import Team
from practice.models import Run
from tests.factories import make_dataset, make_episodes, make_run, make_running

CONFIG = {"steps": 30, "validate_every": 10, "batch_size": 32}


class Ears:
    """Wishes the same always."""

    def __init__(self, wish: str = "") -> None:
        self.wish = wish


class Led(Team):
    """The second of two; what the first says is known beforehand."""

    words: tuple[str, ...] = ()

    def told(self, word: str) -> str:
        assert not word, "only the leader hears"
        said, *rest = type(self).words
        type(self).words = tuple(rest)
        return said


def _test_database() -> str:
    """The URL of the database that this test writes to, wherever it runs."""
    place = {name: quote(str(value), safe="") for name, value in connection.settings_dict.items()}
    who = f"{place['USER']}:{place['PASSWORD']}" if place["PASSWORD"] else place["USER"]
    return f"postgres://{who}@{place['HOST']}:{place['PORT'] or 5432}/{place['NAME']}"


@pytest.mark.django_db(transaction=True)
def test_two_processes_execute_one_run(settings: Settings) -> None:
    dataset = make_dataset()
    make_episodes(count=8, dataset=dataset)
    run = make_running(make_run(dataset.task, kind="sft", datasets=(dataset,), config=CONFIG))
    child = subprocess.Popen(
        children.command(run.pk, "owner-1", processes=2),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=os.environ | {
            "DATABASE_URL": _test_database(), "EFM_BLOBS": str(settings.EFM_BLOBS),
            "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
        },
    )  # fmt: skip
    assert child.stdout is not None
    said = child.stdout.read().decode()
    assert child.wait() == 0, said[-3000:]
    run.refresh_from_db()
    assert (run.state, run.iteration, run.strikes) == ("succeeded", 30, 0), (
        run.error,
        said[-3000:],
    )
    assert sorted(run.checkpoints.values_list("kind", flat=True)) == ["policy", "reward"]
    assert run.points.count() == 3, "nobody but the leader writes"


@pytest.mark.django_db
def test_a_companion_works_until_the_leader_hears_a_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_running(make_run(kind="sft", config=CONFIG))
    steps: list[int] = []

    class Work:
        finished = False

        def step(self) -> None:
            steps.append(1)

    def build(*_args: Any, **_kwargs: Any) -> Work:
        return Work()

    monkeypatch.setattr(assembly, "build_work", build)
    monkeypatch.setattr(Led, "words", ("ready", "", "", "pause"))
    session = open_session(run, "owner-1", Ears(), Led(1, 2))
    assert isinstance(session, Companion)
    session.execute()
    assert len(steps) == 2
    run.refresh_from_db()
    assert (run.state, run.commit) == ("running", 0)
    monkeypatch.setattr(Led, "words", ("",))
    assert open_session(run, "owner-1", Ears(), Led(1, 2)) is None, "the leader never began"


def test_alone_the_wish_is_ones_own() -> None:
    assert TeamEars(Ears("pause"), Team()).wish == "pause"


@pytest.mark.django_db
def test_stage_1_alone_gets_several_devices(settings: Settings) -> None:
    settings.EFM_GPUS_PER_RUN = 4
    assert children.devices_wanted(make_run(kind="sft").pk) == 4
    assert children.devices_wanted(make_run(kind=Run.Kind.PRACTICE).pk) == 1


def test_torchrun_starts_several_and_nothing_starts_one() -> None:
    one, two = (children.command(7, "me", processes=count) for count in (1, 2))
    assert one[2:] == two[-3:] == ["execute_run", "7", "me"]
    assert two[1:6] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    h100 = [Device("h100", "NVIDIA H100", index) for index in range(2)]
    assert children._name(h100) == "2 x NVIDIA H100"
    assert children._name(h100[:1]) == "NVIDIA H100"
