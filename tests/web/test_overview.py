"""The overview tells what goes on and what waits for a person."""

from collections import namedtuple
from datetime import timedelta

import pytest
from django.utils import timezone

from practice.models import Dataset, Run, User
from practice.querysets import WORKER_SILENT_AFTER
from practice.selectors import overview as selector
from practice.selectors.workers import crew
from tests.factories import (
    make_dataset,
    make_episodes,
    make_points,
    make_run,
    make_running,
    make_task,
    make_worker,
)
from tests.web.paging import HTMX, assert_flat, page_of, text_of

pytestmark = pytest.mark.django_db


def test_a_new_site_shows_the_four_steps_and_only_the_next_is_offered(otto: User) -> None:
    page = page_of(otto)
    first = text_of(page.get("/"))
    assert "0 of 4" in first
    assert "Define a task" in first
    task = make_task()
    second = text_of(page.get("/"))
    assert "1 of 4" in second
    assert f"/tasks/{task.slug}/datasets/new/" in second
    make_dataset(task)
    third = text_of(page.get("/"))
    assert f"/tasks/{task.slug}/runs/new/?kind=sft" in third
    assert f"/tasks/{task.slug}/runs/new/?kind=practice" not in third


def test_the_steps_go_once_somebody_has_practised(otto: User) -> None:
    make_run(state=Run.State.SUCCEEDED)
    assert "of 4" not in text_of(page_of(otto).get("/"))


def test_running_practice_is_shown_with_its_robots_and_newest_numbers(vera: User) -> None:
    run = make_running(make_run(), iteration=4, total_iterations=10, eta_seconds=90.0)
    make_points(run, 6)
    page = selector.overview(vera)
    assert page.live == run
    assert page.robots == run.config["num_robots"]
    assert page.active[0].values["mean_distance"] == 8.0
    body = text_of(page_of(vera).get("/"))
    assert f'data-run="{run.pk}"' in body
    assert "1 min 30" in body.replace("\u202f", " ")


def test_stage_1_has_no_robots(vera: User) -> None:
    make_running(make_run(kind=Run.Kind.SFT))
    page = selector.overview(vera)
    assert page.live is None
    assert page.robots == 0


def test_episodes_to_review_come_most_doubtful_first(vera: User) -> None:
    sure = make_episodes(count=1, doubt=0.1)[0]
    unsure = make_episodes(count=1, doubt=0.9)[0]
    make_episodes(count=1, doubt=1.0, verdict="success")
    waiting = selector.waiting_for_people(vera)
    assert waiting.review_count == 2
    assert [episode.pk for episode in waiting.review] == [unsure.pk, sure.pk]


def test_failures_wait_for_a_person_until_they_are_history(vera: User) -> None:
    now = timezone.now()
    failed = make_run(state=Run.State.FAILED, ended_at=now, error="It broke.")
    make_run(state=Run.State.FAILED, ended_at=now - selector.RECENT - timedelta(hours=1))
    make_run(make_task(archived_at=now), state=Run.State.FAILED, ended_at=now)
    assert selector.waiting_for_people(vera).failed == [failed]
    assert "It broke." in text_of(page_of(vera).get("/"))


def test_a_better_dataset_takes_the_place_of_a_refused_one(vera: User) -> None:
    task = make_task()
    refused = make_dataset(task, state=Dataset.State.FAILED, episodes_refused=0)
    assert selector.waiting_for_people(vera).refused == [refused]
    make_dataset(task, kind=Dataset.Kind.SELECTION)
    assert selector.waiting_for_people(vera).refused == [refused], "a selection brings nothing"
    make_dataset(task, episodes_refused=0)
    assert selector.waiting_for_people(vera).refused == []


def test_an_import_with_a_question_waits_for_a_person(vera: User) -> None:
    dataset = make_dataset(state=Dataset.State.MAPPING, episodes_refused=0)
    assert selector.waiting_for_people(vera).unmapped == [dataset]
    body = text_of(page_of(vera).get("/"))
    assert "which feature is which?" in body
    assert f'href="/datasets/{dataset.pk}/"' in body


def test_nobody_is_needed_on_a_quiet_day(vera: User) -> None:
    assert selector.waiting_for_people(vera).nothing
    assert "Nobody is needed" in text_of(page_of(vera).get("/"))


def test_a_queued_run_says_why_it_waits() -> None:
    run, wants_h100 = make_run(), make_run(device_kind="h100")
    assert "manage.py worker gpu" in crew().why_waiting(run)
    make_worker(name="gpu@bench")
    assert crew().why_waiting(run) == "A worker is free and takes it within seconds."
    assert "h100" in crew().why_waiting(wants_h100)
    busy = make_running(make_run(), worker="gpu@bench")
    assert crew().why_waiting(run) == "The only slot is busy; no runs before it in line."
    later = make_run()
    assert crew().why_waiting(later) == "The only slot is busy; 1 run before it in line."
    assert crew().why_waiting(busy) == ""


def test_a_silent_worker_is_not_counted_on() -> None:
    run = make_run()
    make_worker(seen_at=timezone.now() - WORKER_SILENT_AFTER - timedelta(seconds=5))
    assert crew().alive == []
    assert "No worker is here" in crew().why_waiting(run)


def test_device_kinds_are_those_of_workers_that_take_runs() -> None:
    make_worker(device_kind="h100", slots=2)
    make_worker(device_kind="cpu", queues=["cpu"])
    assert crew().device_kinds() == {"h100": 2}
    assert (crew().all_slots, crew().free_slots) == (2, 2)


def test_a_queue_without_a_listener_stands_out(vera: User) -> None:
    make_run(device_kind="h100")
    lines = {line.name: line for line in selector.overview(vera).queues}
    assert set(lines) == {"gpu", "gpu.h100", "cpu"}
    assert (lines["gpu.h100"].waiting, lines["gpu.h100"].listeners) == (1, 0)


def test_a_full_disk_is_said(vera: User, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(1000, 970, 30))
    assert selector.disk().tight
    assert "make room" in text_of(page_of(vera).get("/"))


def test_a_script_gets_the_panels_without_the_wall(vera: User) -> None:
    make_running(make_run())
    response = page_of(vera).get("/", headers=HTMX)
    body = text_of(response)
    assert 'id="overview-active"' in body
    assert "<html" not in body
    assert "data-wall" not in body
    assert "HX-Request" in response.headers["Vary"]


def test_the_number_of_queries_does_not_grow(vera: User) -> None:
    def grow() -> None:
        for _ in range(3):
            run = make_running(make_run())
            make_points(run, 3)
            make_run()
            make_run(state=Run.State.FAILED, ended_at=timezone.now(), error="It broke.")
            make_episodes(run, 2)
            make_dataset()
            make_worker()

    grow()
    assert_flat(page_of(vera), "/", grow)
