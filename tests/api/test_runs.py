"""/api/runs/"""

from typing import Any

import pytest

from practice.models import Checkpoint, Run
from tests.api.conftest import Api
from tests.factories import (
    make_checkpoint,
    make_dataset,
    make_demos,
    make_run,
    make_running,
    make_task,
    make_worker,
)


def test_stage_1_is_launched_with_a_preset_and_a_change(operator: Api) -> None:
    dataset = make_demos()
    preset = operator.get("presets/?kind=sft").body[0]["presets"][0]
    body = {
        "kind": "sft",
        "task": dataset.task.slug,
        "datasets": [dataset.pk],
        "config": {"seed": 7},
        "with_approved": True,
        "name": "First",
    }
    answer = operator.post("runs/", body)
    assert answer.status == 201, answer
    assert answer.body["state"] == "queued"
    assert answer.body["preset"] == preset["name"]
    assert answer.body["config"] == {**preset["config"], "seed": 7}
    assert answer.body["datasets"] == [dataset.pk]
    assert answer.body["with_approved"] is True
    assert answer.body["created_by"] == "otto"
    assert operator.get(f"runs/{answer.body['id']}/").body == answer.body


def test_practice_and_evaluation_start_from_checkpoints(operator: Api) -> None:
    policy = make_checkpoint()
    reward = make_checkpoint(policy.run, kind=Checkpoint.Kind.REWARD)
    common = {"task": policy.task.slug, "policy": policy.pk, "reward": reward.pk}
    practice = operator.post("runs/", {"kind": "practice", **common, "device_kind": "h100"})
    assert practice.status == 201, practice
    assert (practice.body["policy"], practice.body["reward"]) == (policy.pk, reward.pk)
    assert practice.body["device_kind"] == "h100"
    evaluation = operator.post("runs/", {"kind": "evaluation", **common})
    assert evaluation.status == 201, evaluation


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "dream"}, "kind"),
        ({"task": "nowhere"}, "task"),
        ({"preset": "best"}, "preset"),
        ({"config": {"speed": 1}}, "config"),
        ({"config": {"seed": -1}}, "config"),
        ({"config": {"seed": "one"}}, "config"),
        ({"config": {"instruction_weight": 1}}, "config"),
        ({"config": []}, "config"),
        ({"datasets": []}, "datasets"),
        ({"datasets": [999]}, "datasets"),
        ({"datasets": [9**18]}, "datasets"),
        ({"datasets": list(range(1, 200))}, "datasets"),
        ({"datasets": [True]}, "datasets"),
        ({"policy": 999}, "policy"),
        ({"policy": "x"}, "policy"),
        ({"device_kind": "Gpu; rm"}, "device_kind"),
        ({"name": "x" * 161}, "name"),
        ({"robots": 4}, "robots"),
    ],
)
def test_a_bad_value_is_named_by_its_field(
    operator: Api, change: dict[str, Any], field: str
) -> None:
    dataset = make_demos()
    body = {"kind": "sft", "task": dataset.task.slug, "datasets": [dataset.pk], **change}
    answer = operator.post("runs/", body)
    assert answer.status == 400, answer
    assert any(name.split(".")[0] == field for name in answer.error["fields"]), answer
    assert not Run.objects.exists()


def test_things_of_another_task_are_refused(operator: Api) -> None:
    dataset, policy = make_dataset(), make_checkpoint()
    body: dict[str, Any] = {"kind": "sft", "task": make_task().slug, "datasets": [dataset.pk]}
    assert "datasets" in operator.post("runs/", body).error["fields"]
    body = {"kind": "evaluation", "task": dataset.task.slug, "policy": policy.pk}
    assert "policy" in operator.post("runs/", body).error["fields"]


def test_a_run_is_paused_resumed_and_stopped(operator: Api) -> None:
    run = make_run()
    steps = [("pause", "paused"), ("resume", "queued"), ("stop", "cancelled"), ("resume", "queued")]
    for action, state in steps:
        answer = operator.post(f"runs/{run.pk}/{action}/")
        assert (answer.status, answer.body["state"]) == (200, state), action
    run.refresh_from_db()
    make_running(run)
    wished = operator.post(f"runs/{run.pk}/pause/").body
    assert (wished["state"], wished["wish"]) == ("running", "pause")
    assert operator.post(f"runs/{run.pk}/resume/").body["wish"] == ""
    assert operator.post(f"runs/{run.pk}/stop/").body["wish"] == "stop"


@pytest.mark.parametrize("action", ["pause", "stop", "resume"])
def test_a_run_that_is_over_stays_over(operator: Api, action: str) -> None:
    run = make_run(state=Run.State.SUCCEEDED)
    answer = operator.post(f"runs/{run.pk}/{action}/")
    assert (answer.status, answer.error["code"]) == (409, "conflict")
    run.refresh_from_db()
    assert run.state == Run.State.SUCCEEDED


def test_a_queued_run_says_why_it_waits(viewer: Api) -> None:
    run = make_run(device_kind="h100")
    path = f"runs/{run.pk}/"
    assert "h100" in viewer.get(path).body["waiting_reason"]
    make_worker(queues=["gpu", "gpu.h100"], name="gpu1@bench", device_kind="h100", slots=1)
    assert "free" in viewer.get(path).body["waiting_reason"]
    make_running(make_run(run.task), worker="gpu1@bench")
    assert "busy" in viewer.get(path).body["waiting_reason"]
    listed = viewer.get("runs/?state=queued").body["results"]
    assert [row["waiting_reason"] for row in listed] == [viewer.get(path).body["waiting_reason"]]
    assert viewer.get("runs/?state=running").body["results"][0]["waiting_reason"] == ""


def test_runs_are_filtered(viewer: Api) -> None:
    run = make_run()
    make_run(kind=Run.Kind.SFT, state=Run.State.SUCCEEDED)
    assert viewer.get("runs/").body["count"] == 2
    assert viewer.get("runs/?kind=sft").body["count"] == 1
    assert viewer.get("runs/?state=active").body["results"][0]["id"] == run.pk
    assert viewer.get(f"runs/?task={run.task.slug}").body["count"] == 1
    assert viewer.get("runs/?task=nowhere").body["count"] == 0
