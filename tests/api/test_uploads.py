"""/api/uploads/: tus 1.0 from the first byte to the dataset."""

import base64
import hashlib
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from practice import storage
from practice.models import Dataset, Task, Upload, User
from practice.services import uploads
from practice.services.housekeeping import prune
from tests.api.conftest import Answer, Api
from tests.disks import leave_room
from tests.factories import make_task

CONTENT = os.urandom(3 << 20)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TUS = {"Tus-Resumable": "1.0.0"}
TYPE = "application/offset+octet-stream"


@pytest.fixture
def task(db: None, settings: Settings, tmp_path: Path) -> Task:
    """A task to upload to, and a folder of our own for what is unfinished."""
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "uploads"
    return make_task()


def said(**values: str) -> str:
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in values.items())


def begin(api: Api, task: Task, size: int = len(CONTENT), **values: str) -> Answer:
    told = said(**{"task": task.slug, "filename": "demos.tar.gz", **values})
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": told}
    return api.send("POST", "uploads/", headers=headers)


def begun(api: Api, task: Task, **values: Any) -> str:
    """The path of a new upload, below /api/."""
    answer = begin(api, task, **values)
    assert answer.status == 201, answer
    return answer.headers["Location"].removeprefix("/api/")


def append(api: Api, path: str, offset: int, body: bytes, **headers: str) -> Answer:
    # The test client names the type of an empty body only where a header does.
    told = {**TUS, "Upload-Offset": str(offset), "Content-Type": TYPE, **headers}
    return api.send("PATCH", path, data=body, content_type=TYPE, headers=told)


def head(api: Api, path: str) -> Answer:
    return api.send("HEAD", path, headers=TUS)


def nothing_is_left() -> bool:
    return not Upload.objects.exists() and not storage.partial_uploads()


def test_a_file_in_pieces_becomes_a_dataset(operator: Api, task: Task) -> None:
    path = begun(operator, task, name="Friday", sha256=SHA256)
    half = len(CONTENT) // 2
    first = append(operator, path, 0, CONTENT[:half])
    assert (first.status, first.headers["Upload-Offset"]) == (204, str(half))
    assert "Upload-Dataset" not in first.headers
    stands = head(operator, path)
    assert stands.status == 200
    assert stands.headers["Upload-Offset"] == str(half)
    assert stands.headers["Upload-Length"] == str(len(CONTENT))
    assert stands.headers["Cache-Control"] == "no-store"
    last = append(operator, path, half, CONTENT[half:])
    dataset = Dataset.objects.get()
    assert last.headers["Upload-Dataset"] == f"/api/datasets/{dataset.pk}/"
    assert (dataset.name, dataset.sha256, dataset.size_bytes) == ("Friday", SHA256, len(CONTENT))
    assert dataset.upload_key.endswith(".tar.gz")
    assert storage.blobs().path(dataset.upload_key).read_bytes() == CONTENT
    assert not storage.partial_uploads()


def test_a_lost_last_answer_can_be_asked_for_again(operator: Api, task: Task) -> None:
    path = begun(operator, task)
    whole = append(operator, path, 0, CONTENT)
    again = append(operator, path, len(CONTENT), b"")
    assert again.headers["Upload-Dataset"] == whole.headers["Upload-Dataset"]
    assert head(operator, path).headers["Upload-Dataset"] == whole.headers["Upload-Dataset"]
    assert Dataset.objects.count() == 1


def test_a_process_that_died_before_the_dataset_was_made_loses_nothing(
    operator: Api, task: Task
) -> None:
    path = begun(operator, task)
    append(operator, path, 0, CONTENT[:-1])
    upload = Upload.objects.get()
    uploads._write(upload.pk, len(CONTENT) - 1, CONTENT[-1:])
    assert not Dataset.objects.exists()
    assert "Upload-Dataset" in append(operator, path, len(CONTENT), b"").headers


def test_what_was_written_but_not_counted_is_written_over(operator: Api, task: Task) -> None:
    path = begun(operator, task)
    append(operator, path, 0, CONTENT[:1000])
    with storage.partial_upload(Upload.objects.get().pk).open("ab") as file:
        file.write(b"torn")
    assert append(operator, path, 1000, CONTENT[1000:]).status == 204
    assert Dataset.objects.get().sha256 == SHA256


@pytest.mark.parametrize("offset", [0, 99, 101])
def test_a_wrong_offset_is_a_conflict(operator: Api, task: Task, offset: int) -> None:
    path = begun(operator, task)
    append(operator, path, 0, CONTENT[:100])
    answer = append(operator, path, offset, b"x")
    assert (answer.status, answer.error["code"]) == (409, "conflict")
    assert "stands at byte 100" in answer.error["message"]
    assert head(operator, path).headers["Upload-Offset"] == "100"


def test_too_large_a_file_is_refused_at_once(operator: Api, task: Task, settings: Settings) -> None:
    settings.EFM_UPLOAD_LIMIT = 1000
    assert begin(operator, task, size=1001).status == 413
    assert operator.send("OPTIONS", "uploads/").headers["Tus-Max-Size"] == "1000"
    assert nothing_is_left()


def test_a_file_larger_than_the_disk_is_refused(
    operator: Api, task: Task, settings: Settings
) -> None:
    settings.EFM_DISK_RESERVE = 1 << 60
    answer = begin(operator, task)
    assert answer.status == 413
    assert "0 MB for it" in answer.error["message"]
    assert nothing_is_left()


def test_uploads_under_way_are_counted_against_the_disk(
    operator: Api, admin: Api, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_room(monkeypatch, lambda: 3 * len(CONTENT) // 2)
    first = begun(operator, task)
    refused = begin(admin, task)
    assert refused.status == 413
    assert "needs 3 MB and the server's disk has 1 MB for it" in refused.error["message"]
    half = len(CONTENT) // 2
    append(operator, first, 0, CONTENT[:half])  # which this disk does not feel
    assert begin(admin, task, size=half).status == 201
    assert begin(admin, task, size=half + 2).status == 413
    Upload.objects.update(expires_at=timezone.now())
    assert begin(admin, task).status == 201, "nothing comes any more of those that waited too long"


def test_more_bytes_than_announced_are_refused(operator: Api, task: Task) -> None:
    path = begun(operator, task, size=10)
    assert append(operator, path, 0, b"x" * 11).status == 413
    assert head(operator, path).headers["Upload-Offset"] == "0"


def test_an_upload_is_its_senders_own(operator: Api, admin: Api, task: Task) -> None:
    path = begun(operator, task)
    assert head(admin, path).status == 404
    assert admin.get(path).status == 404
    assert append(admin, path, 0, CONTENT).status == 404
    assert admin.send("DELETE", path, headers=TUS).status == 404
    assert admin.get("uploads/").body["count"] == 0
    assert operator.get("uploads/").body["results"][0]["received"] == 0
    assert operator.get(path).body["task"] == task.slug


def test_a_wrong_hash_keeps_nothing(operator: Api, task: Task) -> None:
    path = begun(operator, task, sha256="0" * 64)
    answer = append(operator, path, 0, CONTENT)
    assert answer.status == 400
    assert SHA256 in answer.error["message"]
    assert nothing_is_left()
    assert not Dataset.objects.exists()


def test_the_same_file_twice_keeps_nothing_of_the_second(operator: Api, task: Task) -> None:
    append(operator, begun(operator, task), 0, CONTENT)
    Upload.objects.all().delete()
    answer = append(operator, begun(operator, task), 0, CONTENT)
    assert "already dataset" in answer.error["message"]
    assert nothing_is_left()


def test_an_upload_can_be_given_up(operator: Api, task: Task) -> None:
    path = begun(operator, task)
    assert operator.send("DELETE", path, headers=TUS).status == 204
    assert nothing_is_left()
    assert head(operator, path).status == 404


def test_an_expired_upload_is_gone_and_then_removed(operator: Api, task: Task) -> None:
    path = begun(operator, task)
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert append(operator, path, 0, CONTENT).status == 404
    assert prune() == 1
    assert nothing_is_left()


def test_bytes_that_belong_to_nobody_are_removed_when_they_are_old(
    operator: Api, task: Task
) -> None:
    begun(operator, task)
    kept = storage.partial_uploads()
    then = time.time() - uploads.KEPT.total_seconds() - 60
    for name in ("young", "old"):
        kept[0].with_name(f"{name}.part").touch()
    os.utime(kept[0].with_name("old.part"), (then, then))
    os.utime(kept[0], (then, then))
    assert prune() == 1
    assert {path.stem for path in storage.partial_uploads()} == {kept[0].stem, "young"}
    kept[0].with_name("young.part").unlink()


def test_unfinished_uploads_are_counted(
    operator: Api, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "UNFINISHED", 1)
    append(operator, begun(operator, task), 0, CONTENT)
    begun(operator, task)
    assert begin(operator, task).status == 409


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Tus-Resumable": "0.2"}, 412),
        ({"Upload-Length": "many"}, 400),
        ({"Upload-Length": "0"}, 400),
        ({"Upload-Length": "9" * 30}, 400),
        ({"Upload-Metadata": "task ###"}, 400),
        ({"Upload-Metadata": ""}, 400),
        ({"Upload-Metadata": said(task="none", filename="a.zip")}, 400),
        ({"Upload-Metadata": said(task="reach-1", filename="a.rar")}, 400),
        ({"Upload-Metadata": said(task="reach-1", filename="a.zip", sha256="x")}, 400),
    ],
)
def test_a_broken_beginning_is_refused(
    operator: Api, task: Task, headers: dict[str, str], status: int
) -> None:
    good = {"Upload-Length": "10", "Upload-Metadata": said(task=task.slug, filename="a.zip")}
    answer = operator.send("POST", "uploads/", headers={**TUS, **good, **headers})
    assert answer.status == status, answer
    assert answer.error["message"]
    assert nothing_is_left()


def test_a_piece_says_what_it_is(operator: Api, task: Task) -> None:
    path = begun(operator, task)
    plain = operator.send("PATCH", path, data=b"x", headers={**TUS, "Upload-Offset": "0"})
    assert plain.status == 415
    assert append(operator, path, 0, b"x", **{"Tus-Resumable": "2"}).status == 412
    assert append(operator, path, 0, b"x", **{"Upload-Offset": "-1"}).status == 400


def test_options_say_what_is_spoken(viewer: Api) -> None:
    answer = viewer.send("OPTIONS", "uploads/")
    assert answer.status == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Extension"] == "creation,expiration,termination"


def test_a_folder_in_the_name_is_dropped(operator: Api, task: Task) -> None:
    begun(operator, task, filename="C:\\data\\..\\demos.zip")
    assert Upload.objects.get().filename == "demos.zip"


def test_a_browser_needs_its_csrf_token_and_a_program_none(
    otto: User, otto_token: str, task: Task
) -> None:
    assert begin(Api(otto, csrf=True), task).status == 403
    assert begin(Api(token=otto_token, csrf=True), task).status == 201
