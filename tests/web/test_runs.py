"""Pages of runs: the list, one run live, its controls."""

from typing import Any

import pytest
from django.urls import reverse

from practice.models import Run, User
from practice.selectors.runs import settings_of
from tests.factories import (
    make_checkpoint,
    make_episodes,
    make_evaluation,
    make_log,
    make_points,
    make_run,
    make_running,
    make_worker,
)
from tests.web.paging import HTMX, assert_flat, page_of, text_of

pytestmark = pytest.mark.django_db


def practice(**changes: Any) -> Run:
    """A running practice run with everything around it."""
    policy = make_checkpoint()
    reward = make_checkpoint(policy.run, kind="reward")
    make_evaluation(policy, success=0.63, ci_low=0.53, ci_high=0.72)
    run = make_running(make_run(policy.task, policy=policy, reward=reward), **changes)
    make_points(run, 11)
    make_log(run, "Queued by otto.", "iteration 1")
    make_episodes(run, 2)
    make_checkpoint(run, iteration=5)
    return run


def url_of(run: Run, name: str = "run") -> str:
    """The address of a run's page."""
    return reverse(f"web:{name}", args=[run.pk])


def test_the_page_shows_the_run_whole(vera: User) -> None:
    run = practice(iteration=11, total_iterations=20, eta_seconds=45.0)
    body = text_of(page_of(vera).get(url_of(run))).replace("\u202f", " ")
    for expected in (
        "45 s left",
        "97.0 %",
        "95 % interval 91.0 %",
        "Bench CPU (2 cores)",
        "iteration 1",
        "r0-e0",
        "63.0 %",
        'id="figure-success"',
        f'data-run="{run.pk}"',
        "gamma",
    ):
        assert expected in body, expected


@pytest.mark.parametrize("kind", Run.Kind.values)
@pytest.mark.parametrize("state", Run.State.values)
def test_every_kind_in_every_state_has_a_page(kind: str, state: str, vera: User) -> None:
    policy = make_checkpoint()
    run = make_run(policy.task, kind=kind, state=state, policy=policy, error="It broke.")
    assert page_of(vera).get(url_of(run)).status_code == 200


CONTROLS = {
    ("queued", ""): {"pause", "stop"},
    ("running", ""): {"pause", "stop"},
    ("running", "pause"): {"resume", "stop"},
    ("running", "stop"): set(),
    ("paused", ""): {"resume", "stop"},
    ("succeeded", ""): set(),
    ("failed", ""): {"resume"},
    ("cancelled", ""): {"resume"},
}


@pytest.mark.parametrize(("state", "wish"), CONTROLS)
def test_only_what_can_be_done_is_offered(state: str, wish: str, otto: User, vera: User) -> None:
    run = make_run(state=state, wish=wish)
    verbs = ("pause", "resume", "stop")
    body = text_of(page_of(otto).get(url_of(run)))
    assert {verb for verb in verbs if url_of(run, f"run_{verb}") in body} == CONTROLS[state, wish]
    seen = text_of(page_of(vera).get(url_of(run)))
    assert not any(url_of(run, f"run_{verb}") in seen for verb in verbs)


def test_stopping_asks_first(otto: User) -> None:
    body = text_of(page_of(otto).get(url_of(make_run())))
    assert 'data-confirm="Stop Stage 2' in body


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("pause", "queued", "paused"),
        ("stop", "paused", "cancelled"),
        ("resume", "cancelled", "queued"),
    ],
)
def test_controls_work_with_and_without_a_script(
    verb: str, before: str, after: str, otto: User
) -> None:
    plain = make_run(state=before)
    response = page_of(otto).post(url_of(plain, f"run_{verb}"))
    assert response.status_code == 302
    plain.refresh_from_db()
    assert plain.state == after
    scripted = make_run(state=before)
    response = page_of(otto).post(url_of(scripted, f"run_{verb}"), headers=HTMX)
    body = text_of(response)
    assert f'data-state="{after}"' in body
    assert 'id="run-controls"' in body
    assert "<html" not in body


def test_a_run_that_waits_says_why(vera: User) -> None:
    run = make_run(device_kind="h100")
    assert "No worker with a device of kind h100" in text_of(page_of(vera).get(url_of(run)))
    make_worker(device_kind="h100", queues=["gpu", "gpu.h100"])
    assert "A worker is free" in text_of(page_of(vera).get(url_of(run)))


def test_a_failed_run_shows_its_reason(vera: User) -> None:
    run = make_run(state="failed", error="The policy loss is no longer a number.")
    assert "no longer a number" in text_of(page_of(vera).get(url_of(run)))


@pytest.mark.parametrize(
    ("part", "held", "left_out"),
    [
        ("status", "run-progress", "run-results"),
        ("results", "run-results", "run-progress"),
    ],
)
def test_a_script_gets_the_part_it_asks_for(
    part: str, held: str, left_out: str, vera: User
) -> None:
    body = text_of(page_of(vera).get(f"{url_of(practice())}?part={part}", headers=HTMX))
    assert f'id="{held}"' in body
    assert left_out not in body


def test_a_panel_that_not_every_run_fills_is_marked(vera: User) -> None:
    """The browser hides a marked panel that it has no points to draw in."""
    run = make_run(kind="sft")
    make_points(run, 3)
    body = text_of(page_of(vera).get(url_of(run)))
    assert body.count('data-optional="yes"') == 2
    assert body.count('data-optional="no"') == 2
    assert "grounding_error_mm" not in body
    run.points.filter(iteration=1).update(values={"grounding_error_mm": 7.25})
    assert "7.25" in text_of(page_of(vera).get(url_of(run)))


def test_a_third_objective_is_told_where_there_is_one(vera: User) -> None:
    losses = {"loss_instruction": 1.625, "val_loss_instruction": 1.75}
    run = make_run(kind="sft", config={"base": "smolvlm", "instruction_weight": 0.5})
    make_points(run, 3)
    run.points.filter(iteration=3).update(values=losses)
    Run.objects.filter(pk=run.pk).update(state="succeeded", result=losses)
    body = text_of(page_of(vera).get(url_of(run)))
    assert body.count("Instruction loss") == 2, "as the newest figure and as the result"
    assert body.count("1.625") >= 2
    assert body.count("validation 1.75") >= 1
    plain = make_run(kind="sft")
    make_points(plain, 3)
    assert "Instruction loss" not in text_of(page_of(vera).get(url_of(plain)))


def test_the_log_is_told_from_a_line_on(vera: User) -> None:
    run = practice()
    first, second = run.log.order_by("pk")
    page = page_of(vera)
    body = text_of(page.get(f"{url_of(run, 'run_log')}?after={first.pk}", headers=HTMX))
    assert f'data-line="{second.pk}"' in body
    assert first.text not in body
    whole = page.get(url_of(run, "run_log"))
    assert whole.headers["Content-Type"].startswith("text/plain")
    assert whole.content.decode().count("\n") == 2


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 30])
def test_a_bad_line_number_breaks_nothing(after: str, vera: User) -> None:
    url = f"{url_of(practice(), 'run_log')}?after={after}"
    assert page_of(vera).get(url, headers=HTMX).status_code == 200


def test_the_settings_show_where_they_depart_from_the_preset() -> None:
    run = make_run(config={"gamma": 0.5})
    departing = [setting for setting in settings_of(run) if setting.departs]
    assert [(s.fact.name, s.text, s.preset_text) for s in departing] == [("gamma", "0.5", "0.9")]


def test_settings_are_exact_to_the_last_digit() -> None:
    run = make_run(config={"learning_rate": 1.5e-7, "threshold": 2.0})
    texts = {setting.fact.name: setting.text for setting in settings_of(run)}
    assert texts["learning_rate"] == "1.5e-07"
    assert texts["threshold"] == "2 steps"
    assert texts["carry_optimizer"] == "yes"


def test_no_base_is_none_and_no_wish_of_the_task() -> None:
    texts = {setting.fact.name: setting.text for setting in settings_of(make_run(kind="sft"))}
    assert texts["base"] == texts["pretrained"] == "none"


def test_what_it_runs_on_follows_its_state(vera: User) -> None:
    run = practice()
    part = text_of(page_of(vera).get(f"{url_of(run)}?part=status", headers=HTMX))
    for expected in ("Bench CPU (2 cores)", run.worker, "a killed run goes on from the newest"):
        assert expected in part, expected


def test_a_preset_that_is_gone_departs_from_nothing(vera: User) -> None:
    run = make_run()
    Run.objects.filter(pk=run.pk).update(preset="forgotten")
    run.refresh_from_db()
    assert not any(setting.departs for setting in settings_of(run))
    assert page_of(vera).get(url_of(run)).status_code == 200


def test_the_list_is_filtered(vera: User) -> None:
    sft = make_run(kind="sft", state="succeeded", name="First SFT")
    make_run(sft.task, name="First practice")
    page = page_of(vera)
    assert "First SFT" not in text_of(page.get("/runs/?state=active"))
    assert "First practice" not in text_of(page.get("/runs/?kind=sft"))
    assert "First practice" in text_of(page.get(f"/runs/?task={sft.task.slug}"))
    assert "No run fits" in text_of(page.get("/runs/?state=failed"))
    assert text_of(page.get("/runs/", headers=HTMX)).startswith('<div id="run-rows">')


def test_the_number_of_queries_does_not_grow(vera: User) -> None:
    run = practice()

    def grow() -> None:
        make_episodes(run, 3)
        make_evaluation(make_checkpoint(run, iteration=run.checkpoints.count() + 5))
        make_log(run, *"abc")
        practice()

    grow()
    assert_flat(page_of(vera), url_of(run), grow)
    assert_flat(page_of(vera), "/runs/", grow)
