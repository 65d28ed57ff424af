"""Defining a task: defaults from the embodiment, refusals by field, nothing ever deleted."""

from dataclasses import replace
from typing import Any

import pytest

from practice.embodiments.registry import embodiment
from practice.errors import ForbiddenError, InvalidError
from practice.models import AuditEntry, Task, User
from practice.services.tasks import TaskFields, archive_task, create_task, update_task
from tests.factories import make_dataset, make_task

FIELDS = TaskFields(name="Reach the ring", slug="reach-the-ring", embodiment="point-mass")
pytestmark = pytest.mark.django_db


def test_what_is_left_out_comes_from_the_embodiment(otto: User) -> None:
    spec = embodiment("point-mass").spec
    task = create_task(FIELDS, by=otto)
    assert task.instructions == list(spec.instructions)
    assert (task.control_hz, task.horizon) == (spec.control_hz, spec.horizon)
    assert task.threshold == spec.default_threshold
    assert task.limits == spec.default_limits()
    assert AuditEntry.objects.get(verb="task.created").by == otto


def test_what_is_given_is_kept_and_tidied(otto: User) -> None:
    given = replace(
        FIELDS,
        name="  Reach ",
        instructions=["go left ", "", "go right", "go left"],
        horizon=60,
        threshold=0.0,
        limits={"max_acceleration": 5e-4},
    )
    task = create_task(given, by=otto)
    assert task.name == "Reach"
    assert task.instructions == ["go left", "go right"]
    assert (task.horizon, task.threshold) == (60, 0.0)
    assert task.limits == {"max_acceleration": 5e-4}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"embodiment": "unicorn"}, "embodiment"),
        ({"name": " "}, "name"),
        ({"slug": "no spaces"}, "slug"),
        ({"control_hz": 0.0}, "control_hz"),
        ({"horizon": 0}, "horizon"),
        ({"horizon": 10**6}, "horizon"),
        ({"threshold": -1.0}, "threshold"),
        ({"limits": {"max_joy": 1.0}}, "limits"),
        ({"limits": {"max_acceleration": -1.0}}, "limits"),
        ({"limits": {"max_acceleration": float("nan")}}, "limits"),
        ({"instructions": [f"go to {i}" for i in range(501)]}, "instructions"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, Any], field: str, otto: User) -> None:
    with pytest.raises(InvalidError) as refusal:
        create_task(replace(FIELDS, **change), by=otto)
    assert field in refusal.value.fields
    assert not Task.objects.exists()


def test_two_tasks_cannot_share_a_slug(otto: User) -> None:
    create_task(FIELDS, by=otto)
    with pytest.raises(InvalidError, match="reach-the-ring") as refusal:
        create_task(replace(FIELDS, name="Another"), by=otto)
    assert "slug" in refusal.value.fields
    assert Task.objects.count() == 1


def test_a_change_is_recorded_by_field(otto: User) -> None:
    task = create_task(FIELDS, by=otto)
    update_task(task, replace(FIELDS, horizon=50), by=otto)
    task.refresh_from_db()
    assert task.horizon == 50
    assert AuditEntry.objects.get(verb="task.changed").detail == {"changed": ["horizon"]}


def test_archiving_and_back(otto: User) -> None:
    task = make_task()
    archive_task(task, by=otto, archived=True)
    assert task not in Task.objects.current()
    archive_task(task, by=otto, archived=False)
    assert task in Task.objects.current()
    assert AuditEntry.objects.filter(subject=f"task:{task.pk}").count() == 2


def test_a_viewer_changes_no_task(vera: User) -> None:
    task = make_task()
    with pytest.raises(ForbiddenError):
        create_task(FIELDS, by=vera)
    with pytest.raises(ForbiddenError):
        update_task(task, FIELDS, by=vera)
    with pytest.raises(ForbiddenError):
        archive_task(task, by=vera, archived=True)


def test_the_robot_cannot_change_under_its_demonstrations(otto: User) -> None:
    task = make_task(embodiment="retired-arm")
    update_task(task, replace(FIELDS, slug=task.slug), by=otto)
    assert task.embodiment == "point-mass"
    Task.objects.filter(pk=task.pk).update(embodiment="retired-arm")
    task.refresh_from_db()
    make_dataset(task)
    with pytest.raises(InvalidError, match="new task"):
        update_task(task, replace(FIELDS, slug=task.slug), by=otto)


TABLE = TaskFields(name="Push blocks", slug="push-blocks", embodiment="language-table-4")


def test_every_instruction_that_a_robot_comes_with_is_accepted(otto: User) -> None:
    task = create_task(TABLE, by=otto)
    assert task.instructions == list(embodiment("language-table-4").spec.instructions)


def test_an_instruction_that_the_robot_does_not_understand_is_named_with_its_line(
    otto: User,
) -> None:
    texts = [embodiment("language-table-4").spec.instructions[0], "", "make me a sandwich"]
    with pytest.raises(InvalidError) as caught:
        create_task(replace(TABLE, instructions=texts), by=otto)
    assert caught.value.message.startswith("Line 3: ")
    assert "make me a sandwich" in caught.value.fields["instructions"]
    assert not Task.objects.exists()
