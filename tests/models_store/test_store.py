"""Blobs on disk: whole or absent, and no key leaves the folder."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from models_store.errors import LearningError
from models_store.store import DiskBlobStore


def test_put_open_list_delete(tmp_path: Path) -> None:
    store = DiskBlobStore(tmp_path / "blobs")
    assert list(store.list()) == []
    (tmp_path / "source").write_bytes(b"from a path")
    store.put("runs/7/a.bin", io.BytesIO(b"one"))
    store.put("runs/7/a.bin", io.BytesIO(b"two"))
    store.put("runs/8/b.bin", tmp_path / "source")
    with store.open("runs/7/a.bin") as file:
        assert file.read() == b"two"
    assert store.path("runs/8/b.bin").read_bytes() == b"from a path"
    assert list(store.list()) == ["runs/7/a.bin", "runs/8/b.bin"]
    assert list(store.list("runs/8/")) == ["runs/8/b.bin"]
    assert list(store.list("runs/8")) == ["runs/8/b.bin"]
    assert list(store.list("exports/")) == []
    store.delete("runs/7/a.bin")
    store.delete("runs/7/a.bin")
    assert not store.exists("runs/7/a.bin")
    assert not (tmp_path / "blobs/runs/7").exists(), "empty folders go as well"
    with pytest.raises(LearningError, match=r"runs/7/a\.bin"):
        store.open("runs/7/a.bin")


@pytest.mark.parametrize(
    "key",
    ["../x", "a/../x", "/etc/passwd", "a//b", "", "a/", ".hidden", "a\\b", "a b", "a\0b", "ä"],
)
def test_keys_that_could_leave_the_folder_are_refused(key: str, tmp_path: Path) -> None:
    store = DiskBlobStore(tmp_path)
    for verb in (store.open, store.exists, store.delete, store.path):
        with pytest.raises(LearningError, match="no valid storage key"):
            verb(key)
    with pytest.raises(LearningError):
        store.put(key, io.BytesIO(b""))


def test_a_source_that_breaks_leaves_the_older_blob(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("cable pulled")

    store = DiskBlobStore(tmp_path)
    store.put("a", io.BytesIO(b"old"))
    with pytest.raises(OSError, match="cable"):
        store.put("a", Broken())
    assert list(store.list()) == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert store.path("a").read_bytes() == b"old"


def test_a_finished_file_is_adopted_without_a_copy(tmp_path: Path) -> None:
    store = DiskBlobStore(tmp_path / "blobs")
    source = tmp_path / "whole.part"
    source.write_bytes(b"whole")
    store.adopt("uploads/ab/file.zip", source)
    assert store.path("uploads/ab/file.zip").stat().st_ino == source.stat().st_ino
    source.unlink()
    assert store.path("uploads/ab/file.zip").read_bytes() == b"whole"
    assert list(store.list()) == ["uploads/ab/file.zip"]


def test_a_file_on_another_disk_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(*_places: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("models_store.store.os.link", elsewhere)
    source = tmp_path / "whole.part"
    source.write_bytes(b"whole")
    store = DiskBlobStore(tmp_path / "blobs")
    store.adopt("uploads/file.zip", source)
    assert store.path("uploads/file.zip").read_bytes() == b"whole"


def test_a_list_looks_into_the_folder_that_is_asked_for_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DiskBlobStore(tmp_path)
    for key in ("runs/7/a.bin", "checkpoints/ab/model.bin"):
        store.put(key, io.BytesIO(b"x"))
    seen: list[Path] = []
    honest = Path.rglob

    def watched(place: Path, pattern: str) -> list[Path]:
        found = list(honest(place, pattern))
        seen.extend(found)
        return found

    monkeypatch.setattr(Path, "rglob", watched)
    assert list(store.list("runs/")) == ["runs/7/a.bin"]
    assert all(path.is_relative_to(tmp_path / "runs") for path in seen)
