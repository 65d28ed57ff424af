"""Pretrainings by name: stored once, listed, chosen by runs of Stage 1."""

import json
from typing import Any

import pytest
from django.urls import reverse

from practice import storage
from practice.bridge.assembly import load_pretraining
from practice.errors import ConflictError, InvalidError, MissingError, PracticeError
from practice.models import Run, User
from practice.selectors.pretrainings import check_stored, pretrainings
from practice.services.pretrainings import keep_pretraining
from practice.services.runs import launch_run
from tests.factories import make_demos, make_task
from tests.web.paging import page_of

FILES = {
    "manifest.json": json.dumps({"config": {"embodiment": "table", "variant": "joint"}}).encode(),
    "model.safetensors": b"weights",
}


def test_a_name_is_given_once() -> None:
    assert pretrainings() == []
    keep_pretraining("eyes.1", FILES)
    assert [str(one) for one in pretrainings()] == ["eyes.1 (joint, table)"]
    with storage.blobs().open("pretrained/eyes.1/model.safetensors") as kept:
        assert kept.read() == b"weights"
    check_stored("eyes.1")
    with pytest.raises(ConflictError, match=r"There is a pretraining 'eyes\.1' already"):
        keep_pretraining("eyes.1", FILES)


def test_one_without_its_manifest_is_not_there() -> None:
    keep_pretraining("half", FILES)
    storage.blobs().delete("pretrained/half/manifest.json")
    assert pretrainings() == []
    keep_pretraining("half", FILES)


@pytest.mark.parametrize("name", ["../secret", "a/b", ".x", "", "a b"])
def test_names_lead_nowhere_else(name: str) -> None:
    for act in (check_stored, load_pretraining, lambda name: keep_pretraining(name, FILES)):
        with pytest.raises(InvalidError, match="is no name of a pretraining"):
            act(name)


def test_what_is_not_there_is_named_with_what_is() -> None:
    with pytest.raises(MissingError, match=r"known: none yet\. Make one with manage\.py pretrain"):
        check_stored("mine")
    keep_pretraining("eyes", FILES)
    with pytest.raises(MissingError, match="There is no pretraining 'mine'; known: eyes"):
        check_stored("mine")


def asked() -> dict[str, Any]:
    task = make_task()
    return {"task": task, "kind": Run.Kind.SFT, "datasets": [make_demos(task)]}


@pytest.mark.django_db
def test_a_run_begins_only_with_one_that_is_there(otto: User) -> None:
    with pytest.raises(PracticeError, match="There is no pretraining 'eyes'") as refused:
        launch_run(by=otto, config={"pretrained": "eyes"}, **asked())
    assert set(refused.value.fields) == {"config"}
    keep_pretraining("eyes", FILES)
    run = launch_run(by=otto, config={"pretrained": "eyes"}, **asked())
    assert run.config["pretrained"] == "eyes"
    assert launch_run(by=otto, **asked()).config["pretrained"] is None


@pytest.mark.django_db
def test_the_form_offers_those_that_are_there(otto: User) -> None:
    given = asked()
    url = reverse("web:run_new", args=[given["task"].slug]) + "?kind=sft"
    keep_pretraining("eyes", FILES)
    body = page_of(otto).get(url).content.decode()
    assert "eyes (joint, table)" in body
    sent = {"preset": "fast", "shown_preset": "fast", "datasets": [given["datasets"][0].pk]}
    groups = page_of(otto).get(url + "&preset=fast").context["form"].setting_groups()
    settings = [field for fields in groups.values() for field in fields]
    values = {f.name: f.value() for f in settings if f.value() not in (None, False)}
    page_of(otto).post(url, {**sent, **values, "set_pretrained": "eyes"})
    assert Run.objects.get().config["pretrained"] == "eyes"
