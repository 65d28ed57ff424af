"""Checkpoints in and out over REST."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from practice.services.checkpoint_imports import import_checkpoint
from tests.api.conftest import Api
from tests.factories import make_checkpoint, make_task
from tests.models_store.outside import packed, small


def test_a_download_is_brought_to_another_task(operator: Api, viewer: Api) -> None:
    first, second = make_task(), make_task()
    file = SimpleUploadedFile("c.zip", packed(small().files))
    given = operator.upload("checkpoints/", task=first.slug, file=file)
    assert (given.status, given.body["state"], given.body["checkpoint"]) == (202, "queued", None)
    assert viewer.upload("checkpoints/", task=first.slug, file=file).status == 403
    import_checkpoint(given.body["id"])
    done = viewer.get(f"checkpoints/imports/{given.body['id']}/").body
    assert (done["state"], done["source"]["filename"]) == ("done", "c.zip")
    shown = viewer.get(f"checkpoints/{done['checkpoint']}/").body
    assert (shown["run"], shown["digest"]) == (None, small().digest)
    whole = viewer.get(f"checkpoints/{done['checkpoint']}/download/").body
    assert b"README.md" in whole
    again = operator.upload(
        "checkpoints/", task=second.slug, file=SimpleUploadedFile("d.zip", whole), kind="reward"
    )
    import_checkpoint(again.body["id"])
    found = viewer.get(f"checkpoints/?task={second.slug}&kind=reward").body["results"]
    assert [row["digest"] for row in found] == [shown["digest"]]
    assert operator.delete(f"checkpoints/imports/{again.body['id']}/").status == 400


def test_a_checkpoint_of_the_hub_is_named_instead_of_uploaded(operator: Api, viewer: Api) -> None:
    given = {"task": make_task().slug, "repo": "lab/reacher", "revision": "v1", "kind": "reward"}
    assert viewer.post("checkpoints/", given).status == 403
    answer = operator.post("checkpoints/", given)
    assert (answer.status, answer.body["state"], answer.body["progress"]) == (202, "queued", 0.0)
    assert answer.body["source"] == {"kind": "hub", "repo": "lab/reacher", "revision": "v1"}
    for wrong in ({"repo": "nowhere"}, {"repo": ""}, {"task": "none"}, {"kind": "judge"}):
        assert operator.post("checkpoints/", given | wrong).status == 400
    assert operator.post("checkpoints/", [given]).status == 400


@pytest.mark.parametrize(("name", "kind"), [("c.tar", "policy"), ("c.zip", "judge")])
def test_what_is_no_checkpoint_is_refused(operator: Api, name: str, kind: str) -> None:
    file = SimpleUploadedFile(name, b"x")
    answer = operator.upload("checkpoints/", task=make_task().slug, file=file, kind=kind)
    assert answer.status == 400


def test_pushes(operator: Api, viewer: Api, settings: Settings) -> None:
    settings.EFM_HUB_TOKEN = "hf_secret"
    address = f"checkpoints/{make_checkpoint().pk}/push/"
    assert viewer.post(address, {"repo": "owner/name"}).status == 403
    assert operator.post(address, {"repo": "nowhere"}).status == 400
    given = operator.post(address, {"repo": "owner/name"})
    assert (given.status, given.body["state"]) == (202, "queued")
    assert [row["id"] for row in viewer.get(address).body] == [given.body["id"]]
    assert operator.delete(f"checkpoints/pushes/{given.body['id']}/").status == 204
    assert viewer.get(address).body == []
