"""The demonstration: its steps in order, found again by a second start, and what it reports."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import connections
from pytest_django.fixtures import Settings

from efmweb import demo, group
from efmweb.errors import ServiceError
from efmweb.management.commands import demo as command
from efmweb.shows import LANGUAGE_TABLE, POINT_MASS, SHOWS, Show
from practice.embodiments.registry import embodiment
from practice.fleet.dataset import experts_of
from practice.learning.presets import presets
from practice.models import Dataset, Evaluation, Run
from practice.services.importing import import_dataset
from tests.factories import make_checkpoint, make_task

pytestmark = pytest.mark.django_db

SHORT = replace(POINT_MASS, demonstrations=20)
ORDER = ["Stage 1: SFT", "Stage 2: Self-Improvement", "Stage 1 measured", "Stage 2 measured"]
SUCCESS = {"Stage 1 measured": 0.5, "Stage 2 measured": 0.75}
FIRST_ITERATION_SECONDS = 40.0


class Clock:
    """Time that passes only while somebody waits, and whoever works meanwhile."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.now, self._work = 1000.0, work

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Each wait takes ten seconds here, however short it was to be."""
        assert seconds > 0
        self.now += 10.0
        assert self.now < 2000.0, "waits for ever"
        self._work()


def work() -> None:
    """What the workers do while the demonstration waits once: validate, or half of a run."""
    for dataset in Dataset.objects.filter(state=Dataset.State.QUEUED):
        import_dataset(dataset.pk)
    for run in Run.objects.filter(state__in=["queued", "running"]):
        if run.state == Run.State.QUEUED:
            run.state, run.progress, run.iteration = Run.State.RUNNING, 0.5, 1
        else:
            finish(run)
        run.save()


def finish(run: Run) -> None:
    """The end of a run, with what it leaves."""
    run.state, run.progress, run.iteration = Run.State.SUCCEEDED, 1.0, 2
    if run.kind == Run.Kind.EVALUATION:
        assert run.policy is not None
        rate = SUCCESS[run.name]
        Evaluation.objects.create(
            run=run, checkpoint=run.policy, episodes=64, first_seed=0, success=rate, mean_steps=20.0
        )
        return
    make_checkpoint(run, kind="policy")
    if run.kind == Run.Kind.SFT:
        make_checkpoint(run, kind="reward")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Clock:
    """The demonstration's clock, with workers that work."""
    settings.EFM_VAR = tmp_path / "var"
    clock = Clock(work)
    monkeypatch.setattr(demo, "time", clock)
    return clock


def quiet(_step: str, _share: float, _words: str) -> None:
    """Tell nobody."""


def show(*, paced: bool = False, **options: Any) -> demo.Outcome:
    """A short show."""
    return demo.run_show(SHORT, paced=paced, tell=options.pop("tell", quiet), **options)


def test_practice_comes_before_the_measurements(clock: Clock) -> None:
    told: dict[str, float] = {}
    outcome = show(tell=lambda step, share, _: told.__setitem__(step, share), since=clock.now - 5)
    assert list(Run.objects.order_by("pk").values_list("name", flat=True)) == ORDER
    assert list(told) == [f"PointMass, {name}" for name in ("Demonstrations", *ORDER)]
    assert set(told.values()) == {1.0}
    assert outcome.better
    # One wait for the dataset, two for Stage 1, one for half of practice; five seconds before.
    assert outcome.seconds_to_first_practice == FIRST_ITERATION_SECONDS + 5
    before, after = outcome.before.run, outcome.after.run
    assert before.policy == Run.objects.get(kind="sft").checkpoints.get(kind="policy")
    assert after.policy == outcome.practice.checkpoints.get()


def test_a_second_start_launches_nothing_and_waits_for_nothing(clock: Clock) -> None:
    show()
    before = clock.now
    outcome = show()
    assert Run.objects.count() == len(ORDER)
    assert Dataset.objects.count() == 1
    assert clock.now == before
    assert outcome.seconds_to_first_practice is None
    assert outcome.lift_points == 25.0


def test_demonstrations_that_failed_are_made_again(clock: Clock) -> None:
    show()
    Dataset.objects.update(state=Dataset.State.FAILED)
    show()
    states = Dataset.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [Dataset.State.FAILED, Dataset.State.READY]


@pytest.mark.parametrize(("paced", "pace"), [(True, 1.0), (False, 0.0)])
def test_only_the_watched_show_keeps_the_preset_s_pace(
    clock: Clock, paced: bool, pace: float
) -> None:
    assert show(paced=paced).practice.config["pace"] == pace


def test_a_run_that_was_stopped_ends_the_show(clock: Clock) -> None:
    show()
    Run.objects.filter(name=ORDER[1]).update(state=Run.State.CANCELLED)
    with pytest.raises(ServiceError, match=r"Stage 2: Self-Improvement is cancelled: resume it"):
        show()


def test_every_show_can_be_put_on() -> None:
    assert [each.title for each in SHOWS] == ["LanguageTable", "PointMass"]
    for each in SHOWS:
        robot = embodiment(each.embodiment)
        experts_of(robot, each.style)
        for kind in Run.Kind.values:
            assert "demo" in presets(kind, each.embodiment)


def outcome_of(show: Show, before: float, after: float) -> demo.Outcome:
    """An outcome that is written nowhere."""
    stage1, stage2 = (
        Evaluation(success=rate, mean_steps=9.0, episodes=64) for rate in (before, after)
    )
    task = make_task(slug=show.slug, name=show.name)
    practice = Run(task=task, iteration=3, episode_count=70, env_steps=900, seconds=4.0)
    return demo.Outcome(show, task, practice, stage1, stage2, 90.0, seconds_to_first_practice=30.0)


Headless = Callable[..., int]


@pytest.fixture
def headless(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Headless:
    """The command's exit status for shows that came to these outcomes, without a site."""
    settings.EFM_VAR = tmp_path
    (tmp_path / "demo").mkdir()
    monkeypatch.setattr(group, "background", lambda *_: nullcontext())
    monkeypatch.setattr(connections, "close_all", lambda: None)

    def run(*outcomes: demo.Outcome | ServiceError) -> int:
        def run_demo(**_: Any) -> Iterator[demo.Outcome]:
            for outcome in outcomes:
                if isinstance(outcome, ServiceError):
                    raise outcome
                yield outcome

        monkeypatch.setattr(demo, "run_demo", run_demo)
        return command.Command()._report("127.0.0.1", 8000, 0.0)

    return run


def test_what_is_known_is_written_though_the_second_show_fails(
    headless: Headless, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=r"It broke\. The processes' logs lie in"):
        headless(outcome_of(LANGUAGE_TABLE, 0.4, 0.65), ServiceError("It broke."))
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert (report["task"], report["others"]) == ("language-table", [])


@pytest.mark.parametrize(("point_mass_after", "status"), [(0.9, 0), (0.2, 1)])
def test_headless_reports_every_show_and_fails_if_any_is_not_better(
    headless: Headless,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    point_mass_after: float,
    status: int,
) -> None:
    outcomes = outcome_of(LANGUAGE_TABLE, 0.4, 0.65), outcome_of(POINT_MASS, 0.6, point_mass_after)
    assert headless(*outcomes) == status
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert (report["task"], report["lift_points"]) == ("language-table", 25.0)
    assert report["seconds_to_first_practice"] == 30
    (other,) = report["others"]
    assert set(other) == set(report) - {"others"}
    assert (other["task"], other["stage1"]["success"]) == ("point-mass", 0.6)
    said = capsys.readouterr()
    assert LANGUAGE_TABLE.name in said.out
    assert POINT_MASS.name in said.out
    assert ("PointMass: Stage 2 is not better" in said.err) is bool(status)
