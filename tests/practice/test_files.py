"""Files as answers under ASGI, where each piece is fetched in a thread."""

from pathlib import Path
from typing import Any

import pytest
from django.test import AsyncRequestFactory

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
