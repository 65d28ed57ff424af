"""/api/tasks/"""

from typing import Any

import pytest

from practice.models import AuditEntry, Task, User
from tests.api.conftest import Api
from tests.factories import make_dataset, make_task

BODY: dict[str, Any] = {
    "name": "Reach the ring",
    "slug": "reach",
    "embodiment": "point-mass",
    "instructions": ["go to the ring", "touch the ring"],
    "control_hz": 10,
    "horizon": 120,
    "threshold": 2.5,
}


def test_an_operator_defines_a_task(operator: Api, otto: User) -> None:
    answer = operator.post("tasks/", BODY)
    assert answer.status == 201, answer
    assert {name: answer.body[name] for name in BODY} == BODY
    assert answer.body["created_by"] == "otto"
    assert answer.body["limits"], "The embodiment's limits are filled in."
    task = Task.objects.get(slug="reach")
    assert task.created_by == otto
    assert AuditEntry.objects.filter(by=otto, verb="task.created").exists()


def test_what_is_left_out_comes_from_the_embodiment(operator: Api) -> None:
    body = {"name": "Reach", "slug": "reach", "embodiment": "point-mass", "threshold": None}
    made = operator.post("tasks/", body).body
    spec = operator.get("embodiments/").body[0]
    assert made["horizon"] == spec["horizon"]
    assert made["control_hz"] == spec["control_hz"]
    assert made["threshold"] == spec["default_threshold"]
    assert made["instructions"] == spec["instructions"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("slug", "a b"),
        ("embodiment", "kite"),
        ("control_hz", 0),
        ("control_hz", "fast"),
        ("horizon", 0),
        ("horizon", 10**9),
        ("threshold", -1),
        ("limits", {"warp": 9}),
        ("limits", {"max_acceleration": -1}),
        ("instructions", "go"),
    ],
)
def test_a_bad_value_is_named_by_its_field(operator: Api, field: str, value: Any) -> None:
    answer = operator.post("tasks/", {**BODY, field: value})
    assert answer.status == 400
    assert field in answer.error["fields"], answer
    assert not Task.objects.exists()


def test_a_slug_is_taken_once(operator: Api) -> None:
    assert operator.post("tasks/", BODY).status == 201
    assert "slug" in operator.post("tasks/", BODY).error["fields"]


def test_a_change_leaves_the_rest_alone(operator: Api) -> None:
    made = operator.post("tasks/", BODY).body
    answer = operator.patch("tasks/reach/", {"threshold": 3, "slug": "ring"})
    assert answer.status == 200, answer
    changed = {**made, "threshold": 3.0, "slug": "ring", "updated_at": answer.body["updated_at"]}
    assert answer.body == changed
    assert operator.get("tasks/reach/").status == 404
    assert operator.get("tasks/ring/").body["threshold"] == 3.0


def test_a_task_with_datasets_keeps_its_embodiment(operator: Api) -> None:
    task = make_dataset().task
    Task.objects.filter(pk=task.pk).update(embodiment="older")
    answer = operator.patch(f"tasks/{task.slug}/", {"embodiment": "point-mass"})
    assert "embodiment" in answer.error["fields"]


def test_tasks_are_searched_filtered_and_paged(viewer: Api) -> None:
    for number in range(5):
        make_task(name=f"Push {number}", slug=f"push-{number}", description="blue block")
    make_task(name="Pull", slug="pull")
    assert viewer.get("tasks/").body["count"] == 6
    assert viewer.get("tasks/?search=BLUE").body["count"] == 5
    assert viewer.get("tasks/?search=pul").body["results"][0]["slug"] == "pull"
    assert viewer.get("tasks/?embodiment=aloha").body["count"] == 0
    page = viewer.get("tasks/?search=push&limit=2&offset=2").body
    assert [task["slug"] for task in page["results"]] == ["push-2", "push-3"]
    assert "offset=4" in page["next"]
    assert page["previous"]


def test_an_archived_task_is_put_away_and_comes_back(operator: Api) -> None:
    make_task(slug="reach")
    assert operator.post("tasks/reach/archive/").body["archived_at"]
    assert operator.get("tasks/").body["count"] == 0
    assert operator.get("tasks/?archived=yes").body["count"] == 1
    assert operator.get("tasks/?archived=all").body["count"] == 1
    assert operator.get("tasks/reach/").status == 200
    assert operator.post("tasks/reach/restore/").body["archived_at"] is None
    assert operator.get("tasks/").body["count"] == 1
