"""Hostile tars, plain and zipped: each is refused with the file and the reason named, and nothing stays on disk."""

import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practice.episodes import archive_tar
from practice.episodes.archive import ArchiveLimits, unpack
from practice.episodes.errors import ArchiveError
from practice.episodes.intake import take_in
from tests.episodes.golden import Golden
from tests.episodes.test_archive import refused

LONG = "meta/" + "long-" * 40 + ".json"


def entry(name: str, kind: bytes = tarfile.REGTYPE, **changes: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in changes.items():
        setattr(info, key, value)
    return info


def make(
    path: Path, *members: tuple[str | tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT
) -> Path:
    kind = "w" if path.suffix == ".tar" else "w:gz"
    with tarfile.open(path, kind, format=form) as packed:  # type: ignore[call-overload]
        for name, data in members:
            info = entry(name) if isinstance(name, str) else name
            if info.isreg():
                info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def into(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "dataset"


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.TGZ"])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_unpacks_what_a_dataset_needs_and_names_the_rest(
    tmp_path: Path, into: Path, name: str, form: int
) -> None:
    long = LONG if form != tarfile.USTAR_FORMAT else "meta/short.json"
    archive = make(
        tmp_path / name,
        (entry("./", tarfile.DIRTYPE), b""),
        (entry("./meta", tarfile.DIRTYPE), b""),
        ("./meta/info.json", b"{}"),
        (long, b"[]"),
        ("data/file.parquet", b"PAR1" * 1000),
        ("policy.pkl", b"\x80\x04evil"),
        ("._shadow.json", b"x"),
        form=form,
    )
    seen: list[tuple[int, int]] = []
    findings = unpack(archive, into, progress=lambda *at: seen.append(at))
    files = sorted(p.relative_to(into).as_posix() for p in into.rglob("*") if p.is_file())
    assert files == sorted(["data/file.parquet", "meta/info.json", long])
    assert (into / "data/file.parquet").read_bytes() == b"PAR1" * 1000
    assert {(f.file, f.severity) for f in findings} == {
        ("policy.pkl", "warning"),
        ("._shadow.json", "info"),
    }
    assert all(0 < done <= whole == archive.stat().st_size for done, whole in seen)


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
@pytest.mark.parametrize("member", ["videos/a.mp4", "left-out.bin"])
def test_a_large_member_is_told_of_piece_by_piece(
    tmp_path: Path, into: Path, name: str, member: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_tar, "CHUNK", 20_000)
    archive = make(tmp_path / name, (member, os.urandom(1_000_000)))
    told: list[tuple[int, int]] = []
    unpack(archive, into, progress=lambda *at: told.append(at))
    assert len(told) == 50
    assert told == sorted(told)
    assert told[0][0] < 0.1 * told[0][1]
    assert told[-1][0] > 0.9 * told[-1][1]


def test_a_dataset_is_taken_in_from_a_tar(tmp_path: Path) -> None:
    root = Golden().write(tmp_path / "set")
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as packed:
        packed.add(root, arcname="set")
    assert take_in(tmp_path / "set.tar.gz", tmp_path / "out").ok


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("../evil.json", "leaves the archive"),
        ("././evil.json", "not plain"),
        ("/etc/evil.json", "absolute"),
        ("C:/evil.json", "absolute"),
        ("..\\evil.json", "backslash"),
        ("meta/\u202einfo.json", "unprintable"),
        ("a/" * 600 + "b.json", "longer than 1024"),
    ],
)
def test_refuses_odd_names(tmp_path: Path, into: Path, name: str, word: str) -> None:
    archive = make(tmp_path / "a.tar", ("meta/info.json", b"{}"), (name, b"x"))
    assert word in refused(archive, into).reason
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "link"),
        (tarfile.LNKTYPE, "link"),
        (tarfile.CHRTYPE, "neither"),
        (tarfile.BLKTYPE, "neither"),
        (tarfile.FIFOTYPE, "neither"),
        (tarfile.GNUTYPE_SPARSE, "sparse"),
        (b"Z", "neither"),
    ],
)
def test_refuses_links_devices_and_holes(
    tmp_path: Path, into: Path, kind: bytes, word: str
) -> None:
    odd = entry("meta/info.json", kind, linkname="/etc/passwd")
    error = refused(make(tmp_path / "a.tar", (odd, b"")), into)
    assert (error.file, word in error.reason) == ("meta/info.json", True)


@pytest.mark.parametrize("headers", [{"GNU.sparse.major": "1"}, {"size": "-1"}, {"size": "9" * 30}])
def test_refuses_lying_extended_headers(
    tmp_path: Path, into: Path, headers: dict[str, str]
) -> None:
    odd = entry("meta/info.json", pax_headers=headers)
    assert refused(make(tmp_path / "a.tar", (odd, b"{}")), into).reason


def test_a_long_header_is_not_taken_into_memory(tmp_path: Path, into: Path) -> None:
    odd = entry("a.txt", pax_headers={"comment": "x" * 100_000})
    assert "extended header of" in refused(make(tmp_path / "a.tar", (odd, b"")), into).reason


def test_headers_without_end_are_refused(tmp_path: Path, into: Path) -> None:
    block = entry("x", tarfile.XGLTYPE).tobuf(tarfile.USTAR_FORMAT)
    (tmp_path / "a.tar").write_bytes(block * 50 + bytes(1024))
    assert "in a row" in refused(tmp_path / "a.tar", into).reason


def test_refuses_two_members_for_one_place(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a.tar", ("meta/info.json", b"{}"), ("META/Info.JSON", b"[]"))
    assert refused(archive, into).reason == "appears twice in the archive"
    archive = make(tmp_path / "a.tar", ("meta.json", b"{}"), ("meta.json/info.json", b"{}"))
    assert "which is a file" in refused(archive, into).reason
    archive = make(tmp_path / "a.tar", ("meta.json/info.json", b"{}"), ("meta.json", b"{}"))
    assert refused(archive, into).reason == "appears twice in the archive"


def test_refuses_too_much(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a.tar", *((f"{i}.txt", os.urandom(1000)) for i in range(3)))
    assert "more than 2 members" in refused(archive, into, ArchiveLimits(members=2)).reason
    error = refused(archive, into, ArchiveLimits(file_bytes=999))
    assert (error.file, error.reason) == ("0.txt", "declares 1000 bytes; at most 999 are accepted")
    assert "at most 2999" in refused(archive, into, ArchiveLimits(total_bytes=2999)).reason


def test_refuses_a_bomb_by_its_ratio(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a.tgz", ("data/bomb.parquet", bytes(32 << 20)))
    assert "more than 200 bytes per packed byte" in refused(archive, into).reason


def test_refuses_a_tail_without_end(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a.tar", ("a.txt", b"x"))
    archive.write_bytes(archive.read_bytes() + bytes(2 << 20))
    assert "after its end" in refused(archive, into).reason


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
@pytest.mark.parametrize("keep", [0, 1, 400, 600, 1100, -12000])
def test_refuses_a_truncated_tar(tmp_path: Path, into: Path, name: str, keep: int) -> None:
    archive = make(tmp_path / name, ("meta/a.txt", os.urandom(20_000)))
    archive.write_bytes(archive.read_bytes()[:keep])
    assert "cut short" in refused(archive, into).reason


def test_a_wrong_checksum_is_noticed_after_the_last_member(tmp_path: Path, into: Path) -> None:
    archive = make(tmp_path / "a.tgz", ("a.txt", b"x"))
    body = bytearray(archive.read_bytes())
    body[-8] ^= 1
    archive.write_bytes(body)
    assert "damaged" in refused(archive, into).reason


def test_what_is_no_tar_is_named(tmp_path: Path, into: Path) -> None:
    for name in ("a.tar", "a.tar.gz", "a.rar"):
        (tmp_path / name).write_bytes(b"no archive at all" * 100)
        error = refused(tmp_path / name, into)
        assert error.file == name


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_damaged_only_archive_errors_come_out(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    name = data.draw(st.sampled_from(["a.tar", "a.tgz"]))
    archive = make(folder / name, (LONG, b'{"fps": 10}' * 20), ("data/a.txt", b"abc" * 50))
    raw = bytearray(archive.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, min(len(raw), 3000) - 1))] = data.draw(st.integers(0, 255))
    archive.write_bytes(raw)
    try:
        unpack(archive, folder / "out", limits=ArchiveLimits(total_bytes=1 << 20))
    except ArchiveError:
        assert [p.name for p in folder.iterdir()] == [name]
    else:
        assert (folder / "out").is_dir()
