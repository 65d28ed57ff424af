"""Files as answers under ASGI, where each piece is fetched in a thread."""

from pathlib import Path
from typing import Any

import pytest
from django.test import AsyncRequestFactory, RequestFactory

from practice import files


@pytest.mark.parametrize(
    ("asked", "first", "last"), [("", 0, 99), ("bytes=10-49", 10, 49), ("bytes=90-500", 90, 99)]
)
async def test_pieces_come_in_order_and_none_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, first: int, last: int
) -> None:
    monkeypatch.setattr(files, "PIECE", 7)
    path = tmp_path / "file.zip"
    path.write_bytes(bytes(range(100)))
    request = AsyncRequestFactory().get("/", headers={"Range": asked} if asked else {})
    response: Any = files.download(
        request, path, tag="t", filename="file.zip", content_type="application/zip"
    )
    assert (response.status_code, response.is_async) == (206 if asked else 200, True)
    pieces = [piece async for piece in response]
    assert b"".join(pieces) == bytes(range(first, last + 1))
    assert max(len(piece) for piece in pieces) <= 7
    assert response.headers["Content-Length"] == str(last + 1 - first)


@pytest.mark.parametrize("asgi", [True, False])
def test_a_download_gives_the_database_back_before_its_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asgi: bool
) -> None:
    given_back: list[bool] = []
    monkeypatch.setattr(files, "close_old_connections", lambda: given_back.append(True))
    (tmp_path / "file.zip").write_bytes(b"many")
    request = (AsyncRequestFactory() if asgi else RequestFactory()).get("/")
    files.download(
        request, tmp_path / "file.zip", tag="t", filename="file.zip", content_type="application/zip"
    )
    assert given_back == [True] * asgi


BYTES = bytes(range(100))


@pytest.mark.parametrize(
    ("asked", "status", "expected", "content_range"),
    [
        ("bytes=0-", 206, BYTES, "bytes 0-99/100"),
        ("bytes=10-19", 206, BYTES[10:20], "bytes 10-19/100"),
        ("bytes=90-500", 206, BYTES[90:], "bytes 90-99/100"),
        ("bytes=-7", 206, BYTES[-7:], "bytes 93-99/100"),
        ("bytes=-700", 206, BYTES, "bytes 0-99/100"),
        ("bytes=100-", 416, b"", "bytes */100"),
        ("bytes=20-10", 416, b"", "bytes */100"),
        ("bytes=-0", 416, b"", "bytes */100"),
        ("bytes=-", 200, BYTES, None),
        ("bytes=0-1,5-6", 200, BYTES, None),
        ("lines=0-1", 200, BYTES, None),
    ],
)
def test_ranges(asked: str, status: int, expected: bytes, content_range: str | None) -> None:
    request = RequestFactory().get("/", headers={"Range": asked})
    response: Any = files.ranged(request, BYTES, tag="t", content_type="video/mp4")
    assert (response.status_code, response.content) == (status, expected)
    assert response.get("Content-Range") == content_range


def test_a_range_of_another_film_gets_the_whole() -> None:
    headers = {"Range": "bytes=10-19", "If-Range": '"old"'}
    request = RequestFactory().get("/", headers=headers)
    response: Any = files.ranged(request, BYTES, tag="t", content_type="video/mp4")
    assert (response.status_code, response.content) == (200, BYTES)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=10-", 10, 29), ("bytes=90-", 90, 99), ("bytes=10-69", 10, 69), ("bytes=-50", 50, 99)],
)
def test_a_range_without_an_end_is_answered_in_parts(
    tmp_path: Path, asked: str, first: int, last: int
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(BYTES)
    request = RequestFactory().get("/", headers={"Range": asked})
    response: Any = files.streamed(request, path, tag="t", content_type="video/mp4", most=20)
    assert response.status_code == 206
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/100"
    assert response.getvalue() == BYTES[first : last + 1]
    past = RequestFactory().get("/", headers={"Range": "bytes=100-"})
    refused = files.streamed(past, path, tag="t", content_type="video/mp4", most=20)
    assert refused.status_code == 416
