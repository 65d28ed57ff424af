"""Pages of tasks."""

import html
import re
from typing import Any

import pytest
from django.urls import reverse

from practice.embodiments.registry import embodiment, embodiments
from practice.models import Dataset, Run, Task, User
from practice.selectors.tasks import task_page
from practice.web.forms_task import TaskForm
from tests.factories import (
    make_checkpoint,
    make_dataset,
    make_episodes,
    make_evaluation,
    make_run,
    make_running,
    make_task,
)
from tests.web.paging import assert_flat, page_of, text_of

FORM = {"name": "Reach the ring", "embodiment": "point-mass"}
pytestmark = pytest.mark.django_db


def test_an_empty_list_tells_the_next_step(otto: User, vera: User) -> None:
    assert "Define a task" in text_of(page_of(otto).get("/tasks/"))
    body = text_of(page_of(vera).get("/tasks/"))
    assert "Define a task" not in body
    assert "An operator defines the first one" in body


def test_the_list_shows_the_newest_evaluation_with_its_interval(vera: User) -> None:
    checkpoint = make_checkpoint()
    make_evaluation(checkpoint, success=0.5)
    make_evaluation(checkpoint)
    body = text_of(page_of(vera).get("/tasks/"))
    assert "92.0" in body
    assert "[85.0, 95.9]" in body
    assert "n = 100" in body


def test_archived_tasks_stand_apart(vera: User, otto: User) -> None:
    task = make_task(name="Old one")
    page = page_of(otto)
    response = page.post(reverse("web:task_archive", args=[task.slug]))
    assert response.status_code == 302
    assert "Old one" not in text_of(page_of(vera).get("/tasks/"))
    assert "Old one" in text_of(page_of(vera).get("/tasks/?archived=1"))
    page.post(reverse("web:task_archive", args=[task.slug]), {"archived": "0"})
    assert "Old one" in text_of(page_of(vera).get("/tasks/"))


def test_the_form_starts_with_the_defaults_of_the_robot(otto: User) -> None:
    body = text_of(page_of(otto).get("/tasks/new/"))
    assert "go to the ring" in body
    form = TaskForm()
    assert form["horizon"].value() == 140
    assert [field.name for field in form.limit_fields()] == ["limit_max_acceleration"]


def test_the_form_of_a_chosen_robot_brings_its_own_defaults(otto: User) -> None:
    spec = embodiment("language-table-4").spec
    body = text_of(page_of(otto).get("/tasks/new/?embodiment=language-table-4"))
    assert spec.description in html.unescape(body)
    assert spec.instructions[0] in body
    form = TaskForm(wanted="language-table-4")
    assert form["horizon"].value() == spec.horizon
    assert [f.name for f in form.limit_fields()] == [f"limit_{x.name}" for x in spec.limits]
    assert TaskForm(wanted="kite").spec.id == "point-mass", "the first, where nobody knows it"


def test_the_robot_asked_for_stands_checked_among_all(otto: User) -> None:
    body = page_of(otto).get("/tasks/new/?embodiment=language-table-4").content.decode()
    radios = re.findall(r'<input type="radio"\s+name="embodiment"\s+value="([^"]+)"\s+(\w*)', body)
    assert [value for value, checked in radios if checked] == ["language-table-4"]
    assert len(radios) == len(embodiments())


def test_another_robot_for_a_task_brings_that_robots_limits(otto: User) -> None:
    task = make_task(name="Kept name")
    form = TaskForm(task=task, wanted="language-table-4")
    assert form["name"].value() == "Kept name"
    assert form["horizon"].value() == embodiment("language-table-4").spec.horizon


def test_a_goal_that_the_robot_does_not_know_is_shown_with_its_line(otto: User) -> None:
    values = {"name": "T", "embodiment": "language-table-4", "instructions": "\n\nfly to the moon"}
    body = text_of(page_of(otto).post("/tasks/new/", values))
    assert "Line 3: " in body
    assert not Task.objects.exists()


def test_many_instructions_are_folded(vera: User) -> None:
    task = make_task(instructions=[f"push block {i}" for i in range(40)])
    body = text_of(page_of(vera).get(reverse("web:task", args=[task.slug])))
    assert "40 instructions" in body
    assert "35 more" in body
    page = task_page(task)
    assert page.first_instructions + page.more_instructions == task.instructions
    assert task_page(make_task()).more_instructions == []


def test_a_task_is_defined_with_what_is_left_out_filled_in(otto: User) -> None:
    instructions = "go to the ring\r\n\r\nreach the ring"
    response = page_of(otto).post("/tasks/new/", {**FORM, "instructions": instructions})
    task = Task.objects.get()
    assert response.status_code == 302
    assert response.url == reverse("web:task", args=[task.slug])  # type: ignore[attr-defined]
    assert task.slug == "reach-the-ring"
    assert task.instructions == ["go to the ring", "reach the ring"]
    assert task.horizon == 140


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "required"),
        ({"horizon": "0"}, "greater than or equal to 1"),
        ({"embodiment": "unicorn"}, "unicorn"),
        ({"limit_max_acceleration": "7"}, "less than or equal to 0.001"),
        ({"slug": "taken"}, "taken"),
    ],
)
def test_a_mistake_is_shown_at_its_field_and_nothing_is_lost(
    change: dict[str, Any], said: str, otto: User
) -> None:
    make_task(slug="taken")
    response = page_of(otto).post("/tasks/new/", {**FORM, "description": "Kept.", **change})
    body = text_of(response)
    assert response.status_code == 200
    assert said in body
    assert "Kept." in body
    assert Task.objects.count() == 1


def test_editing_changes_the_task_and_says_so(otto: User) -> None:
    task = make_task()
    url = reverse("web:task_edit", args=[task.slug])
    values = {**FORM, "slug": task.slug, "horizon": "90", "threshold": "1.5"}
    response = page_of(otto).post(url, values, follow=True)
    task.refresh_from_db()
    assert (task.horizon, task.threshold) == (90, 1.5)
    assert "is changed" in text_of(response)


def test_recording_is_a_setting_of_the_task_and_its_page_says_what_it_takes(otto: User) -> None:
    task = make_task()
    url = reverse("web:task_edit", args=[task.slug])
    chosen = {"recording": "sampled", "recording_share": "25", "recording_quota_mb": "3"}
    page_of(otto).post(url, {**FORM, "slug": task.slug, **chosen})
    task.refresh_from_db()
    kept = (task.recording, task.recording_share, task.recording_quota_mb)
    assert kept == ("sampled", 0.25, 3)
    make_run(task=task, recorded_bytes=5_200_000)
    body = text_of(page_of(otto).get(reverse("web:task", args=[task.slug])))
    assert "Recording is paused" in body
    assert "of 3.0 MB" in " ".join(body.split())


def step_of(task: Task) -> tuple[str, str]:
    """The page and query that the task offers next."""
    step = task_page(task).next_step
    return ("", "") if step is None else (step.page, step.query)


def test_the_next_step_is_a_question_that_an_import_asks(otto: User) -> None:
    dataset = make_dataset(state=Dataset.State.MAPPING)
    step = task_page(dataset.task).next_step
    assert step is not None
    assert step.title == "Say which feature is which"
    body = text_of(page_of(otto).get(f"/tasks/{dataset.task.slug}/"))
    assert f'href="/datasets/{dataset.pk}/">Open the dataset' in body


def test_the_next_step_leads_from_demonstrations_to_a_measured_policy() -> None:
    task = make_task()
    assert step_of(task) == ("dataset_new", "")
    dataset = make_dataset(task, state=Dataset.State.VALIDATING)
    assert step_of(task) == ("", ""), "the upload is being checked"
    Dataset.objects.filter(pk=dataset.pk).update(state=Dataset.State.READY)
    assert step_of(task) == ("run_new", "?kind=sft")
    sft = make_run(task, kind="sft")
    assert step_of(task) == ("", ""), "Stage 1 is on its way"
    Run.objects.filter(pk=sft.pk).update(state=Run.State.SUCCEEDED)
    policy = make_checkpoint(sft)
    assert step_of(task) == ("run_new", "?kind=practice")
    make_run(task, state=Run.State.SUCCEEDED)
    assert step_of(task) == ("run_new", f"?kind=evaluation&policy={policy.pk}")
    make_evaluation(policy)
    assert step_of(task) == ("", "")


def test_bests_that_a_run_left_behind_need_no_measuring() -> None:
    practice = make_run(state=Run.State.SUCCEEDED)
    make_dataset(practice.task)
    make_checkpoint(practice)
    newest = make_checkpoint(practice)
    assert step_of(practice.task) == ("run_new", f"?kind=evaluation&policy={newest.pk}")
    make_evaluation(newest)
    assert step_of(practice.task) == ("", "")


def test_the_page_shows_what_was_made_for_the_task(vera: User) -> None:
    policy = make_checkpoint()
    make_evaluation(policy)
    make_dataset(policy.task, name="pd-controller.zip")
    make_episodes(make_run(policy.task, policy=policy), 2)
    body = text_of(page_of(vera).get(reverse("web:task", args=[policy.task.slug])))
    assert "pd-controller.zip" in body
    assert "92.0" in body
    assert "0.001" in body
    assert "half-widths per substep squared" in body
    assert "Most doubtful first" in body


def test_a_viewer_is_offered_nothing_to_do(vera: User) -> None:
    body = text_of(page_of(vera).get(reverse("web:task", args=[make_task().slug])))
    assert "/datasets/new/" not in body
    assert "/runs/new/" not in body


def test_the_number_of_queries_does_not_grow(otto: User) -> None:
    task = make_task()

    def grow() -> None:
        for _ in range(2):
            sft = make_run(task, kind="sft", state=Run.State.SUCCEEDED)
            policy = make_checkpoint(sft)
            make_evaluation(policy)
            make_checkpoint(sft, kind="reward")
            make_dataset(task)
            make_episodes(make_running(make_run(task, policy=policy)), 2)
            make_task()

    grow()
    assert_flat(page_of(otto), reverse("web:task", args=[task.slug]), grow)
    assert_flat(page_of(otto), "/tasks/", grow)
