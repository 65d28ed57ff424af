"""The whole door: an upload becomes a folder fit to read, or a report and nothing else."""

from pathlib import Path

import pytest

from practice.episodes.archive import ArchiveLimits
from practice.episodes.intake import take_in
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_format import DatasetLimits
from practice.episodes.lerobot_read import read_episodes
from tests.episodes.golden import DATA, INFO, TASKS, Golden, zip_folder


@pytest.fixture
def into(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work" / "dataset"


def test_a_good_upload(tmp_path: Path, into: Path) -> None:
    root = Golden().write(tmp_path / "set")
    (root / "policy.pkl").write_bytes(b"\x80\x04")
    archive = zip_folder(root, tmp_path / "set.zip")
    before = archive.read_bytes()
    shares: list[float] = []
    report = take_in(archive, into, progress=shares.append)
    assert report.ok
    assert [(f.severity, f.file) for f in report.findings] == [("warning", "policy.pkl")]
    assert len(list(read_episodes(into, report))) == 5
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert archive.read_bytes() == before
    assert not list(into.rglob("*.pkl"))


def test_a_folder_zipped_with_its_name(tmp_path: Path, into: Path) -> None:
    Golden().write(tmp_path / "top" / "my-demos")
    report = take_in(zip_folder(tmp_path / "top", tmp_path / "set.zip"), into)
    assert report.ok
    assert len(list(read_episodes(into, report))) == 5


@pytest.mark.parametrize("file", [INFO, TASKS, DATA])
def test_a_missing_or_truncated_file_leaves_nothing(tmp_path: Path, into: Path, file: str) -> None:
    root = Golden().write(tmp_path / "set")
    whole = (root / file).read_bytes()
    (root / file).write_bytes(whole[: len(whole) // 2])
    report = take_in(zip_folder(root, tmp_path / "half.zip"), into)
    assert (report.ok, report.error and report.error.file) == (False, file)
    (root / file).unlink()
    report = take_in(zip_folder(root, tmp_path / "none.zip"), into)
    assert (report.ok, report.error and report.error.file) == (False, file)
    assert not list(into.parent.iterdir())


def test_a_hostile_archive_is_a_report_too(tmp_path: Path, into: Path) -> None:
    archive = zip_folder(Golden().write(tmp_path / "set"), tmp_path / "set.zip")
    report = take_in(archive, into, archive_limits=ArchiveLimits(total_bytes=100))
    assert report.error is not None
    assert report.error.file == "set.zip"
    assert report.error.reason.endswith("at most 100 are accepted")
    (tmp_path / "text.zip").write_text("no archive")
    report = take_in(tmp_path / "text.zip", into)
    assert report.error is not None
    assert report.error.reason.startswith("is not a readable .zip")
    assert not list(into.parent.iterdir())


def test_two_datasets_and_none(tmp_path: Path, into: Path) -> None:
    for name in ("one", "two"):
        Golden().write(tmp_path / "set" / name)
    report = take_in(zip_folder(tmp_path / "set", tmp_path / "two.zip"), into)
    assert report.error is not None
    assert report.error.reason == "is there 2 times (one, two); upload one dataset"
    (tmp_path / "readme").mkdir()
    (tmp_path / "readme" / "README.md").write_text("hello")
    report = take_in(zip_folder(tmp_path / "readme", tmp_path / "none.zip"), into)
    assert report.error is not None
    assert (report.error.file, "no LeRobotDataset" in report.error.reason) == (INFO, True)
    assert not list(into.parent.iterdir())


def test_what_does_not_fit_leaves_nothing(tmp_path: Path, into: Path) -> None:
    archive = zip_folder(Golden().write(tmp_path / "set"), tmp_path / "set.zip")
    assert not take_in(archive, into, expect=Expectations({"action": (7,)})).ok
    assert not take_in(archive, into, dataset_limits=DatasetLimits(frames=3)).ok
    assert not list(into.parent.iterdir())


def test_a_fault_of_ours_leaves_nothing_either(tmp_path: Path, into: Path) -> None:
    archive = zip_folder(Golden().write(tmp_path / "set"), tmp_path / "set.zip")

    def stops_halfway(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_in(archive, into, progress=stops_halfway)
    assert not list(into.parent.iterdir())
