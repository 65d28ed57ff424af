"""/api/estimates/"""

from typing import Any

from practice.bridge.estimating import compute_estimate
from practice.models import Estimate
from practice.services.estimates import claim_estimate
from tests.api.conftest import Api
from tests.factories import make_demos


def asked(operator: Api) -> tuple[dict[str, Any], Any]:
    """A body that launches Stage 1, and the answer to what it would cost."""
    dataset = make_demos()
    body = {"kind": "sft", "task": dataset.task.slug, "datasets": [dataset.pk], "name": "First"}
    return body, operator.post("estimates/", body)


def test_what_a_run_would_cost_is_asked_with_what_launches_it(operator: Api, viewer: Api) -> None:
    body, answer = asked(operator)
    assert answer.status == 202, answer
    assert (answer.body["state"], answer.body["cost"]) == ("queued", None)
    pk = answer.body["id"]
    assert claim_estimate(pk, owner="me")
    compute_estimate(Estimate.objects.get(pk=pk), owner="me", seconds=0.2)
    told = viewer.get(f"estimates/{pk}/").body
    assert told["state"] == "ready"
    cost = told["cost"]
    assert cost["parameters"] == cost["trainable"] > 0
    assert cost["memory"]["moments"] == 8 * cost["trainable"]
    assert cost["seconds_low"] <= cost["seconds"] <= cost["seconds_high"]
    assert (cost["steps"], cost["problem"]) == (told["config"]["steps"], "")
    assert operator.post("estimates/", body).body["id"] == pk


def test_a_run_that_cannot_fit_is_refused_with_the_reason(operator: Api) -> None:
    body, answer = asked(operator)
    pk = answer.body["id"]
    assert claim_estimate(pk, owner="me")
    compute_estimate(Estimate.objects.get(pk=pk), owner="me", seconds=0.1)
    estimate = Estimate.objects.get(pk=pk)
    estimate.result["problem"] = "512 rows at once take 90 GB, H100 has 80 GB: raise accumulate."
    estimate.save()
    refused = operator.post("runs/", body)
    assert refused.status == 400
    assert refused.error["message"] == estimate.result["problem"]
    assert operator.post("runs/", body | {"config": {"seed": 3}}).status == 201


def test_a_bad_value_is_named_and_nothing_is_tried(operator: Api) -> None:
    body, _ = asked(operator)
    Estimate.objects.all().delete()
    for change, field in (
        ({"config": {"speed": 1}}, "config"),
        ({"datasets": [999]}, "datasets"),
        ({"robots": 4}, "robots"),
    ):
        answer = operator.post("estimates/", {**body, **change})
        assert (answer.status, field in answer.error["fields"]) == (400, True), answer
    assert not Estimate.objects.exists()


def test_an_estimate_is_stopped_once(operator: Api) -> None:
    pk = asked(operator)[1].body["id"]
    stopped = operator.post(f"estimates/{pk}/stop/")
    assert (stopped.status, stopped.body["state"]) == (200, "failed")
    assert "Stopped by otto" in stopped.body["error"]
    assert operator.post(f"estimates/{pk}/stop/").status == 409
