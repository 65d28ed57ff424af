"""/api/datasets/"""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django.fixtures import Settings

from practice import storage
from practice.models import Dataset
from tests.api.conftest import Api
from tests.factories import make_dataset, make_task


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        # A fixed time, for the clock must not make two files out of one.
        archive.writestr(zipfile.ZipInfo("meta/info.json", (2026, 1, 1, 0, 0, 0)), "{}")
    return out.getvalue()


def _file(content: bytes | None = None, name: str = "demos.zip") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, _zip() if content is None else content)


def test_an_upload_is_kept_and_waits_for_its_validation(operator: Api) -> None:
    task = make_task()
    answer = operator.upload("datasets/", task=task.slug, name="Friday", file=_file())
    assert answer.status == 202, answer
    assert answer.body["state"] == "queued"
    assert answer.body["name"] == "Friday"
    assert answer.body["task"] == task.slug
    dataset = Dataset.objects.get(pk=answer.body["id"])
    with storage.blobs().open(dataset.upload_key) as kept:
        assert kept.read() == _zip(), "The original is never changed."


def test_an_upload_without_a_name_is_called_as_its_file(operator: Api) -> None:
    answer = operator.upload("datasets/", task=make_task().slug, file=_file())
    assert answer.body["name"] == "demos.zip"


@pytest.mark.parametrize(
    ("content", "name"), [(b"", "demos.zip"), (b"x", "demos.rar"), (b"x", "demos")]
)
def test_what_is_no_archive_is_refused(operator: Api, content: bytes, name: str) -> None:
    answer = operator.upload("datasets/", task=make_task().slug, file=_file(content, name))
    assert answer.status == 400
    assert "file" in answer.error["fields"]
    assert not Dataset.objects.exists()


def test_the_same_file_is_taken_once_per_task(operator: Api) -> None:
    task = make_task()
    assert operator.upload("datasets/", task=task.slug, file=_file()).status == 202
    assert operator.upload("datasets/", task=task.slug, file=_file()).status == 400
    assert operator.upload("datasets/", task=make_task().slug, file=_file()).status == 202


def test_too_large_an_upload_is_refused_before_it_is_read(
    operator: Api, settings: Settings
) -> None:
    settings.EFM_UPLOAD_LIMIT = 1000
    big = _file(b"x" * (2 << 20))
    answer = operator.upload("datasets/", task=make_task().slug, file=big)
    assert (answer.status, answer.error["code"]) == (413, "too_large")


def test_a_little_too_large_is_refused_while_it_is_kept(operator: Api, settings: Settings) -> None:
    settings.EFM_UPLOAD_LIMIT = 1000
    answer = operator.upload("datasets/", task=make_task().slug, file=_file(b"x" * 1001))
    assert answer.status == 413
    assert "file" in answer.error["fields"]


@pytest.mark.parametrize("missing", ["task", "file"])
def test_a_missing_part_is_named(operator: Api, missing: str) -> None:
    parts = {"task": make_task().slug, "file": _file()}
    del parts[missing]
    assert missing in operator.upload("datasets/", **parts).error["fields"]


def test_an_unknown_task_is_named(operator: Api) -> None:
    assert "task" in operator.upload("datasets/", task="nowhere", file=_file()).error["fields"]


def test_an_archived_task_takes_nothing(operator: Api) -> None:
    task = make_task(slug="old")
    operator.post("tasks/old/archive/")
    assert operator.upload("datasets/", task=task.slug, file=_file()).status == 409


def test_a_broken_form_is_refused(operator: Api) -> None:
    answer = operator.send(
        "POST", "datasets/", data=b"--x\r\nbroken", content_type="multipart/form-data; boundary=x"
    )
    assert answer.status == 400
    assert answer.error["fields"].keys() >= {"task", "file"}
    missing = operator.send("POST", "datasets/", data=b"x", content_type="multipart/form-data")
    assert (missing.status, missing.error["code"]) == (400, "malformed")


def test_one_dataset_comes_with_its_report(viewer: Api) -> None:
    dataset = make_dataset()
    body = viewer.get(f"datasets/{dataset.pk}/").body
    assert body["report"] == dataset.report
    assert body["episodes_kept"] == 2
    listed = viewer.get("datasets/").body["results"][0]
    assert "report" not in listed, "Reports are long; a list leaves them out."


def test_datasets_are_filtered(viewer: Api) -> None:
    dataset = make_dataset()
    make_dataset(state=Dataset.State.FAILED)
    assert viewer.get("datasets/").body["count"] == 2
    assert viewer.get("datasets/?state=failed").body["count"] == 1
    found = viewer.get(f"datasets/?task={dataset.task.slug}").body["results"]
    assert [row["id"] for row in found] == [dataset.pk]
