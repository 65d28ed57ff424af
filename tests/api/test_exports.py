"""/api/exports/ and /api/datasets/{id}/exports/"""

import io
import zipfile

import pytest

from practice.models import Export, User
from practice.services.exporting import start_export, write_export
from tests.api.conftest import Api
from tests.factories import make_dataset, make_demos


def test_an_export_is_asked_for_followed_and_downloaded(operator: Api, viewer: Api) -> None:
    dataset = make_demos()
    asked = operator.post(f"datasets/{dataset.pk}/exports/", {"cameras": "image"})
    assert asked.status == 202, asked
    assert asked.body["state"] == "queued"
    assert (asked.body["dataset"], asked.body["version"]) == (dataset.pk, 1)
    pk = asked.body["id"]
    assert viewer.get(f"exports/{pk}/download/").status == 409
    write_export(pk)
    ready = viewer.get(f"exports/{pk}/").body
    assert (ready["state"], ready["progress"], ready["episodes"]) == ("ready", 1.0, 2)
    sent = viewer.send("GET", f"exports/{pk}/download/", headers={"Accept": "*/*"})
    assert sent.status == 200
    assert len(sent.body) == ready["size_bytes"]
    with zipfile.ZipFile(io.BytesIO(sent.body)) as packed:
        assert "meta/info.json" in packed.namelist()


def test_cameras_are_video_when_nothing_is_said(operator: Api) -> None:
    answer = operator.post(f"datasets/{make_demos().pk}/exports/", {})
    assert answer.body["cameras"] == "video"


@pytest.mark.parametrize(
    ("body", "field"),
    [({"cameras": "gif"}, "cameras"), ({"repo": "nobody"}, "repo"), ({"colour": 1}, "colour")],
)
def test_a_wrong_field_is_named(operator: Api, body: dict[str, object], field: str) -> None:
    answer = operator.post(f"datasets/{make_demos().pk}/exports/", body)
    assert answer.status == 400
    assert field in answer.error["fields"]


def test_an_empty_dataset_is_refused(operator: Api) -> None:
    answer = operator.post(f"datasets/{make_dataset().pk}/exports/", {})
    assert answer.status == 400
    assert "holds no episode" in answer.error["message"]


def test_exports_are_listed_by_dataset_and_state(viewer: Api, otto: User) -> None:
    first = start_export(make_demos(), by=otto)
    start_export(make_demos(), by=otto)
    dataset = first.version.dataset_id
    listed = viewer.get(f"exports/?dataset={dataset}&state=queued").body
    assert [row["id"] for row in listed["results"]] == [first.pk]
    assert viewer.get("exports/?state=ready").body["count"] == 0
    assert viewer.get("exports/?state=gone").status == 400


def test_an_export_is_deleted_by_operators_only(operator: Api, viewer: Api, otto: User) -> None:
    export = start_export(make_demos(), by=otto)
    assert viewer.delete(f"exports/{export.pk}/").status == 403
    assert operator.delete(f"exports/{export.pk}/").status == 204
    assert not Export.objects.exists()
    assert operator.get(f"exports/{export.pk}/").status == 404
