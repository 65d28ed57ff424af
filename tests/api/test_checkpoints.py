"""/api/checkpoints/ and /api/evaluations/"""

import asyncio
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import AsyncRequestFactory
from rest_framework.request import Request

from practice import storage
from practice.api import zip_stream
from practice.api.streams import stream
from practice.api.zip_stream import zipped
from practice.models import Checkpoint
from tests.api.conftest import Api
from tests.factories import make_checkpoint, make_evaluation

WEIGHTS = b"weights" * 1000
MANIFEST = json.dumps({"sha256": {"model.safetensors": "0" * 64}}).encode()


def store(checkpoint: Checkpoint, **files: bytes) -> None:
    """Put files where the checkpoint's row says."""
    names = {"manifest": "manifest.json", "model": "model.safetensors"}
    for name, content in files.items():
        storage.blobs().put(f"{checkpoint.blob_key}/{names[name]}", io.BytesIO(content))


def test_a_checkpoint_names_its_parents_and_evaluations(viewer: Api) -> None:
    parent, child = make_checkpoint(), make_checkpoint()
    child.parents.add(parent)
    evaluation = make_evaluation(child)
    body = viewer.get(f"checkpoints/{child.pk}/").body
    assert body["parents"] == [
        {"id": parent.pk, "kind": "policy", "name": parent.name, "digest": parent.digest}
    ]
    assert [row["id"] for row in body["evaluations"]] == [evaluation.pk]
    assert body["evaluations"][0]["ci_low"] == evaluation.ci_low
    listed = {row["id"]: row for row in viewer.get("checkpoints/").body["results"]}
    assert listed[child.pk]["parents"] == [parent.pk]
    assert viewer.get(f"checkpoints/?digest={child.digest}").body["count"] == 1
    assert viewer.get(f"checkpoints/?run={child.run_id}&kind=reward").body["count"] == 0


def test_evaluations_are_filtered(viewer: Api) -> None:
    evaluation = make_evaluation()
    make_evaluation()
    assert viewer.get("evaluations/").body["count"] == 2
    for query in (
        f"checkpoint={evaluation.checkpoint.pk}",
        f"task={evaluation.checkpoint.task.slug}",
        f"run={evaluation.run.pk}",
    ):
        found = viewer.get(f"evaluations/?{query}").body["results"]
        assert [row["id"] for row in found] == [evaluation.pk], query


def test_the_download_holds_the_files_as_they_are(
    viewer: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = make_checkpoint()
    store(checkpoint, manifest=MANIFEST, model=WEIGHTS)
    monkeypatch.setattr(zip_stream, "PIECE", 1000)
    answer = viewer.get(f"checkpoints/{checkpoint.pk}/download/")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/zip"
    assert checkpoint.digest[:12] in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", "model.safetensors"]
        assert archive.read("model.safetensors") == WEIGHTS
        assert archive.read("manifest.json") == MANIFEST


def test_the_download_is_made_piece_by_piece(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = make_checkpoint()
    store(checkpoint, manifest=MANIFEST, model=WEIGHTS)
    monkeypatch.setattr(zip_stream, "PIECE", 1000)
    pieces = list(
        zipped(checkpoint.blob_key, ["manifest.json", "model.safetensors"], storage.blobs())
    )
    assert len(pieces) >= 8
    assert max(len(piece) for piece in pieces) < 2000
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.read("model.safetensors") == WEIGHTS


@pytest.mark.django_db
def test_a_download_streams_under_asgi() -> None:
    asked: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(3):
            asked.append(number)
            yield b"x" * number

    request = Request(AsyncRequestFactory().get("/api/"))
    response = stream(request, pieces(), filename="a.zip", content_type="application/zip")
    assert response.is_async, "A plain iterator would be collected before the first byte is sent."

    async def read() -> list[tuple[bytes, int]]:
        content: Any = response.streaming_content
        return [(piece, len(asked)) async for piece in content]

    assert asyncio.run(read()) == [(b"", 1), (b"x", 2), (b"xx", 3)]


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"{}",
        b"not json",
        json.dumps({"sha256": {"../../secret_key": ""}}).encode(),
        json.dumps({"sha256": {"/etc/passwd": ""}}).encode(),
        json.dumps({"sha256": {"gone.safetensors": ""}}).encode(),
    ],
)
def test_a_damaged_checkpoint_is_missing(viewer: Api, tmp_path: Path, manifest: bytes) -> None:
    checkpoint = make_checkpoint()
    store(checkpoint, manifest=manifest)
    (tmp_path / "secret_key").write_text("secret")
    answer = viewer.get(f"checkpoints/{checkpoint.pk}/download/")
    assert (answer.status, answer.error["code"]) == (404, "not_found")
    assert str(tmp_path) not in answer.error["message"]


def test_weights_that_are_not_there_are_missing(viewer: Api) -> None:
    answer = viewer.get(f"checkpoints/{make_checkpoint().pk}/download/")
    assert answer.status == 404
