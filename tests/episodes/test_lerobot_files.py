"""Damaged, lying and missing files of a dataset: the file is named, nothing escapes, nothing large is made."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from practice.episodes.lerobot_format import DatasetLimits
from practice.episodes.lerobot_validate import validate_dataset
from tests.episodes.golden import DATA, EPISODES, INFO, TASKS, Golden, only_error


@pytest.mark.parametrize("file", [INFO, TASKS, EPISODES, DATA])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    (Golden().write(tmp_path) / file).unlink()
    found_file, reason = only_error(validate_dataset(tmp_path))
    assert found_file == file
    assert reason.startswith("is missing")


@pytest.mark.parametrize("file", [TASKS, EPISODES, DATA])
@pytest.mark.parametrize("keep", [0, 3, 0.5, -1, -30])
def test_a_truncated_parquet_is_named(tmp_path: Path, file: str, keep: float) -> None:
    path = Golden().write(tmp_path) / file
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if 0 < keep < 1 else int(keep)])
    found_file, reason = only_error(validate_dataset(tmp_path))
    assert found_file == file
    assert "cut short or damaged" in reason


@pytest.mark.parametrize("file", [TASKS, EPISODES, DATA])
def test_damage_anywhere_in_a_parquet_never_escapes(tmp_path: Path, file: str) -> None:
    path = Golden().write(tmp_path) / file
    data = path.read_bytes()
    for place in range(4, len(data) - 8, max(1, len(data) // 60)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x5A]) + data[place + 1 :])
        report = validate_dataset(tmp_path)
        assert report.ok or report.error is not None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "[" * 100_000, '{"fps": ' + "9" * 5000 + "}", "\xff"]
)
def test_info_that_is_no_json(tmp_path: Path, text: str) -> None:
    (Golden().write(tmp_path) / INFO).write_bytes(text.encode("latin-1"))
    file, reason = only_error(validate_dataset(tmp_path))
    assert file == INFO
    assert "JSON" in reason


def test_tasks_that_are_no_utf8(tmp_path: Path) -> None:
    root = Golden().write(tmp_path)
    data = (root / TASKS).read_bytes()
    assert b"go home" in data
    (root / TASKS).write_bytes(data.replace(b"go home", b"go\xff\xfeome"))
    assert only_error(validate_dataset(root))[0] == TASKS


def test_a_footer_that_declares_too_much(tmp_path: Path) -> None:
    root = Golden().write(tmp_path)
    small = DatasetLimits(data_bytes=100)
    file, reason = only_error(validate_dataset(root, limits=small))
    assert file == DATA
    assert reason.endswith("at most 100 are read")
    file, reason = only_error(validate_dataset(root, limits=DatasetLimits(state_bytes=500)))
    assert (file, reason) == (INFO, "declares 960 bytes of numbers; at most 500 are read")
    file, reason = only_error(validate_dataset(root, limits=DatasetLimits(json_bytes=50)))
    assert (file, reason.endswith("at most 50 are read")) == (INFO, True)


def test_a_million_repeated_rows_are_not_read(tmp_path: Path) -> None:
    """A column of one value packs a million rows into a few bytes: the footer's count gives it away."""
    root = Golden().write(tmp_path)
    pq.write_table(pa.table({"index": pa.nulls(10**6, pa.int64())}), root / DATA)
    assert only_error(validate_dataset(root)) == (
        DATA,
        "declares 1000000 rows; at most 20 fit here",
    )


def test_one_row_of_a_million_numbers_is_not_decoded(tmp_path: Path) -> None:
    golden = Golden()
    golden.types["action"] = pa.list_(pa.float32())
    golden.data["action"][3] = [0.0] * 10**6
    file, reason = only_error(validate_dataset(golden.write(tmp_path)))
    assert file == DATA
    assert "column 'action.list.element' declares 1000010 values" in reason
