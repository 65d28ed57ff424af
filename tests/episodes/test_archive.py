"""Hostile archives: each is refused with the file and the reason named, and nothing stays on disk."""

import io
import os
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practice.episodes.archive import ArchiveLimits, unpack
from practice.episodes.errors import ArchiveError


def make(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], method: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", method) as zipped:
        for name, data in members:
            zipped.writestr(name, data)
    return path


def refused(archive: Path, into: Path, limits: ArchiveLimits | None = None) -> ArchiveError:
    """Unpacking fails, and leaves the folder as it was."""
    before = sorted(p.name for p in into.parent.iterdir())
    with pytest.raises(ArchiveError) as caught:
        unpack(archive, into, limits=limits)
    assert sorted(p.name for p in into.parent.iterdir()) == before
    return caught.value


@pytest.fixture
def into(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "dataset"


def test_unpacks_what_a_dataset_needs_and_names_the_rest(tmp_path: Path, into: Path) -> None:
    archive = make(
        tmp_path / "a.zip",
        ("meta/info.json", b"{}"),
        ("data/chunk-000/file-000.parquet", b"PAR1" * 1000),
        ("policy.pkl", b"\x80\x04evil"),
        ("weights/model.PT", b"\x80\x02evil"),
        (".gitattributes", b"*"),
        ("__MACOSX/._info.json", b"shadow"),
        ("data/._file.parquet", b"shadow"),
        method=zipfile.ZIP_DEFLATED,
    )
    seen: list[tuple[int, int]] = []
    findings = unpack(archive, into, progress=lambda *at: seen.append(at))
    files = sorted(p.relative_to(into).as_posix() for p in into.rglob("*") if p.is_file())
    assert files == ["data/chunk-000/file-000.parquet", "meta/info.json"]
    assert (into / files[0]).read_bytes() == b"PAR1" * 1000
    assert seen[-1] == (4002, 4002)
    warned = {finding.file for finding in findings if finding.severity == "warning"}
    assert warned == {"policy.pkl", "weights/model.PT"}
    assert all("never opened" in f.reason for f in findings if f.severity == "warning")
    noted = {finding.file for finding in findings if finding.severity == "info"}
    assert noted == {".gitattributes", "data/._file.parquet"}


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("../evil.json", "leaves the archive"),
        ("meta/../../evil.json", "leaves the archive"),
        ("meta/./info.json", "not plain"),
        ("meta//info.json", "not plain"),
        ("/etc/evil.json", "absolute"),
        ("C:/evil.json", "absolute"),
        ("c:evil.json", "absolute"),
        ("..\\evil.json", "backslash"),
        ("meta/in\x1bfo.json", "unprintable"),
        ("meta/\u202einfo.json", "unprintable"),
        ("a" * 300 + ".json", "too long"),
        ("a/" * 600 + "b.json", "longer than 1024"),
        ("../evil.exe", "leaves the archive"),
    ],
)
def test_refuses_odd_names(tmp_path: Path, into: Path, name: str, word: str) -> None:
    archive = make(tmp_path / "a.zip", ("meta/info.json", b"{}"), (name, b"x"))
    error = refused(archive, into)
    assert word in error.reason
    assert error.file.isprintable()
    assert not list(tmp_path.rglob("evil*"))


def test_refuses_a_name_cut_by_a_nul(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a.zip", ("meta/info.json#.txt", b"{}"))
    archive.write_bytes(archive.read_bytes().replace(b"info.json#", b"info.json\0"))
    assert "unprintable" in refused(archive, into).reason


@pytest.mark.parametrize(
    ("kind", "word"), [(stat.S_IFLNK, "symbolic link"), (stat.S_IFIFO, "neither")]
)
def test_refuses_links_and_devices(tmp_path: Path, into: Path, kind: int, word: str) -> None:
    link = zipfile.ZipInfo("meta/info.json")
    link.external_attr = (kind | 0o777) << 16
    error = refused(make(tmp_path / "a.zip", (link, b"/etc/passwd")), into)
    assert (error.file, word in error.reason) == ("meta/info.json", True)


def test_refuses_an_encrypted_member(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a.zip", ("meta/info.json", b"{}"))
    data = bytearray(archive.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    error = refused(archive, into)
    assert (error.file, "encrypted" in error.reason) == ("meta/info.json", True)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_refuses_other_packings(tmp_path: Path, into: Path, method: int) -> None:
    archive = make(tmp_path / "a.zip", ("meta/info.json", b"{}"), method=method)
    assert "use stored or deflate" in refused(archive, into).reason


@pytest.mark.parametrize("twin", ["meta/info.json", "META/Info.JSON"])
def test_refuses_two_members_for_one_place(tmp_path: Path, into: Path, twin: str) -> None:
    with warnings.catch_warnings(action="ignore"):  # zipfile warns while writing the same name
        archive = make(tmp_path / "a.zip", ("meta/info.json", b"{}"), (twin, b"[]"))
    error = refused(archive, into)
    assert (error.file, error.reason) == (twin, "appears twice in the archive")


def test_refuses_a_file_used_as_a_folder(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a.zip", ("meta.json", b"{}"), ("meta.json/info.json", b"{}"))
    assert "lies inside meta.json, which is a file" in refused(archive, into).reason


def test_refuses_too_many_members(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a.zip", *((f"{i}.txt", b"") for i in range(11)))
    error = refused(archive, into, ArchiveLimits(members=10))
    assert error.reason == "holds 11 members; at most 10 are accepted"


def test_refuses_a_table_of_contents_too_large_for_memory(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a.zip", *((f"{i}.txt", b"") for i in range(100)))
    error = refused(archive, into, ArchiveLimits(directory_bytes=2000))
    assert "table of contents" in error.reason


def test_refuses_a_bomb_by_its_ratio(tmp_path: Path, into: Path) -> None:
    bomb = ("data/bomb.parquet", bytes(8 << 20))
    archive = make(tmp_path / "a.zip", bomb, method=zipfile.ZIP_DEFLATED)
    error = refused(archive, into)
    assert error.file == "data/bomb.parquet"
    assert "more than 200 to 1" in error.reason


def test_refuses_what_declares_too_much(tmp_path: Path, into: Path) -> None:
    files = [(f"{i}.txt", os.urandom(1000)) for i in range(3)]
    archive = make(tmp_path / "a.zip", *files)
    error = refused(archive, into, ArchiveLimits(file_bytes=999))
    assert (error.file, error.reason) == ("0.txt", "declares 1000 bytes; at most 999 are accepted")
    error = refused(archive, into, ArchiveLimits(total_bytes=2999))
    assert error.reason == "unpacks to 3000 bytes; at most 2999 are accepted"


def declare(archive: Path, real: int, declared: int) -> None:
    """Let both headers of the only member lie about its unpacked size."""
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.index(signature) + offset
        assert struct.unpack_from("<I", data, place) == (real,)
        struct.pack_into("<I", data, place, declared)
    archive.write_bytes(data)


@pytest.mark.parametrize("declared", [10, 999, 5_000_000])
def test_counts_the_bytes_that_really_come_out(tmp_path: Path, into: Path, declared: int) -> None:
    archive = make(tmp_path / "a.zip", ("data.txt", os.urandom(100_000)))
    declare(archive, 100_000, declared)
    error = refused(archive, into, ArchiveLimits(ratio=10**6))
    assert error.file == "data.txt"
    assert "declared size" in error.reason


def test_a_10_gb_header_is_refused_before_anything_is_written(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a.zip", ("data.parquet", b"x" * 100))
    declare(archive, 100, 0xFFFFFFFE)
    error = refused(archive, into, ArchiveLimits(file_bytes=1 << 30))
    assert error.reason.startswith("declares 4294967294 bytes")


@pytest.mark.parametrize("keep", [0, 1, 21, 500, -1, -40])
def test_refuses_a_truncated_zip(tmp_path: Path, into: Path, keep: int) -> None:
    archive = make(tmp_path / "a.zip", ("meta/info.json", os.urandom(1000)))
    archive.write_bytes(archive.read_bytes()[:keep])
    error = refused(archive, into)
    assert (error.file, "cut short or damaged" in error.reason) == ("a.zip", True)


def test_a_damaged_member_leaves_no_earlier_member_behind(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a.zip", ("a.txt", b"good"), ("b.txt", b"0123456789"))
    archive.write_bytes(archive.read_bytes().replace(b"0123456789", b"0123x56789"))
    assert refused(archive, into).file == "b.txt"


def test_never_writes_over_a_folder(tmp_path: Path, into: Path) -> None:
    into.mkdir()
    with pytest.raises(FileExistsError, match="already there"):
        unpack(make(tmp_path / "a.zip", ("a.txt", b"")), into)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_damaged_only_archive_errors_come_out(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("meta/info.json", b'{"fps": 10}' * 20)
        zipped.writestr("data/a.txt", b"abc" * 50)
    raw = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    archive = folder / "a.zip"
    archive.write_bytes(raw)
    try:
        unpack(archive, folder / "out", limits=ArchiveLimits(total_bytes=1 << 20))
    except ArchiveError:
        assert [p.name for p in folder.iterdir()] == ["a.zip"]
    else:
        assert (folder / "out").is_dir()
