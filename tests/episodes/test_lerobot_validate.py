"""Bad datasets: which file, which episode, which frame, and why."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_format import DatasetLimits
from practice.episodes.lerobot_validate import validate_dataset
from practice.episodes.report import DatasetReport
from tests.episodes.golden import DATA, EPISODES, INFO, INSTRUCTIONS, TASKS, Golden, only_error

Bend = Callable[[Golden], object]


def put(table: str, key: str, place: int, value: Any) -> Bend:
    return lambda golden: getattr(golden, table)[key].__setitem__(place, value)


def info(key: str, value: Any) -> Bend:
    return lambda golden: golden.info.__setitem__(key, value)


def feature(name: str, **changes: Any) -> Bend:
    return lambda golden: golden.info["features"].setdefault(name, {}).update(changes)


def drop_row(golden: Golden) -> None:
    for column in golden.data.values():
        del column[5]


def ragged(golden: Golden) -> None:
    golden.types["action"] = pa.list_(pa.float32())
    golden.data["action"][8] = [1.0]


def swap_rows(golden: Golden) -> None:
    """Episode 3's second row comes after episode 4."""
    for name in ("episode_index", "frame_index", "index", "timestamp", "task_index"):
        golden.data[name].append(golden.data[name].pop(14))


# Rows: episode 0 is 0-3, episode 1 is 4-6, episode 2 is 7-12, episode 3 is 13-14, episode 4 is 15-19.
EPISODE_FAULTS: list[tuple[str, Bend, int, int | None, str]] = [
    (
        "nan state",
        put("data", "observation.state", 9, [0.0, float("nan"), 0.0]),
        2,
        2,
        "[1] is nan",
    ),
    ("inf action", put("data", "action", 19, [float("-inf"), 0.0]), 4, 4, "action[0] is -inf"),
    ("null cell", put("data", "action", 4, None), 1, 0, "is empty or has not the shape (2,)"),
    ("ragged cell", ragged, 2, 1, "action is empty or has not the shape (2,)"),
    ("time goes back", put("data", "timestamp", 6, 0.05), 1, 2, "does not come after 0.1 s"),
    ("time is off", put("data", "timestamp", 17, 0.2002), 4, 2, "timestamp is 0.2002 s"),
    ("time is nan", put("data", "timestamp", 0, float("nan")), 0, 0, "timestamp is nan s"),
    ("frame_index", put("data", "frame_index", 12, 6), 2, 5, "frame_index is 6, not 5"),
    ("index", put("data", "index", 13, 14), 3, 0, "index is 14; by the metadata this row is 13"),
    ("row lacking", drop_row, 1, None, "has 2 rows; the metadata says 3"),
    ("rows apart", swap_rows, 3, None, "do not stand together"),
    ("two tasks", put("data", "task_index", 2, 1), 0, 2, "ambiguous: task_index 0 becomes 1"),
    ("metadata differs", put("episodes", "tasks", 4, ["fly"]), 4, None, "metadata 'fly'"),
    (
        "two in metadata",
        put("episodes", "tasks", 0, ["fly", INSTRUCTIONS[0]]),
        0,
        None,
        "ambiguous",
    ),
    ("span", put("episodes", "dataset_to_index", 4, 21), 4, None, "does not span 5 rows"),
    ("start", put("episodes", "dataset_from_index", 3, 12), 3, None, "is 12, not 13"),
]


@pytest.mark.parametrize(
    ("bend", "episode", "frame", "reason"),
    [pytest.param(*fault[1:], id=fault[0]) for fault in EPISODE_FAULTS],
)
def test_a_bad_episode_is_named_and_the_others_are_kept(
    tmp_path: Path, bend: Bend, episode: int, frame: int | None, reason: str
) -> None:
    golden = Golden()
    bend(golden)
    report = validate_dataset(golden.write(tmp_path))
    assert report.ok
    assert [e.index for e in report.episodes if not e.kept] == [episode]
    found = [(f.file, f.episode, f.frame) for f in report.findings if reason in f.reason]
    assert found == [(DATA, episode, frame)]
    assert any(reason in text for text in report.episodes[episode].reasons)
    assert report.totals.kept_frames == 20 - golden.lengths[episode]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1", "is the number 1"),
        ("  ", "its text is empty"),
        (None, "its text is empty"),
        ("x" * 1001, "1001 characters"),
        ("push\0it", "'push\\x00it' holds a NUL byte or half a character: write it without"),
    ],
)
def test_an_instruction_that_is_none(tmp_path: Path, text: str | None, reason: str) -> None:
    golden = Golden()
    golden.tasks["__index_level_0__"][1] = text
    report = validate_dataset(golden.write(tmp_path))
    assert [e.index for e in report.kept()] == [0, 2, 4]
    assert all(reason in report.episodes[i].reasons[0] for i in (1, 3))
    assert report.episodes[1].instruction is None


def test_an_unknown_task(tmp_path: Path) -> None:
    golden = Golden()
    golden.data["task_index"][13:15] = [7, 7]
    report = validate_dataset(golden.write(tmp_path))
    assert report.episodes[3].reasons == (
        "the instruction is missing: task_index 7 is not in meta/tasks.parquet",
    )


def test_a_failed_demonstration_is_kept_with_a_warning(tmp_path: Path) -> None:
    golden = Golden()
    golden.data["next.success"][golden.row(2, 5)] = False
    report = validate_dataset(golden.write(tmp_path))
    assert report.totals.kept_episodes == 5
    assert [(f.severity, f.episode) for f in report.findings] == [("warning", 2)]
    assert report.episodes[2].success is False


HUGE = {"dtype": "float32", "shape": [10**6, 10**6], "names": None}

DATASET_FAULTS: list[tuple[str, Bend, str, str]] = [
    ("unknown version", info("codebase_version", "v9"), INFO, "codebase_version is 'v9'"),
    ("older version", info("codebase_version", "v1.6"), INFO, "reads v2.0, v2.1, v3.0"),
    ("10 GB of frames", info("total_frames", 10**12), INFO, "total_frames is 1000000000000"),
    ("frames as float", info("total_frames", 1e12), INFO, "total_frames is 1000000000000"),
    ("negative", info("total_episodes", -1), INFO, "total_episodes is -1; it must be a whole"),
    ("no fps", info("fps", None), INFO, "fps is None"),
    ("boolean fps", info("fps", True), INFO, "fps is True"),
    ("huge shape", feature("observation.state", **HUGE), INFO, "declares 1000000000000 numbers"),
    ("odd shape", feature("action", shape=[0]), INFO, "has shape [0]"),
    ("odd dtype", feature("action", dtype="object"), INFO, "has dtype 'object'"),
    ("slash in name", feature("a/b", **HUGE), INFO, "without '/'"),
    ("path template", info("data_path", "../{chunk_index}"), INFO, "data_path is '../{chunk"),
    ("no action", lambda g: g.info["features"].pop("action"), INFO, "no numeric 'action'"),
    ("no state", lambda g: g.info["features"].pop("observation.state"), INFO, "no 'observation.'*"),
    ("NUL in a name", feature("action", names=["a\0", "b"]), INFO, "names that are neither text"),
    ("NaN in a name", feature("action", names=[float("nan")]), INFO, "names that are neither text"),
    ("NUL in the robot", info("robot_type", "arm\0"), INFO, "robot_type is 'arm\\x00'"),
    ("no timestamp", lambda g: g.info["features"].pop("timestamp"), INFO, "lacks 'timestamp'"),
    ("frames differ", info("total_frames", 21), INFO, "lengths add up to 20"),
    ("episodes differ", info("total_episodes", 6), INFO, "meta/episodes has 5 rows"),
    ("tasks differ", info("total_tasks", 3), INFO, "has 2 rows"),
    ("too many episodes", info("total_episodes", 4), EPISODES, "declares 5 rows; at most 4"),
    ("gap", put("episodes", "episode_index", 2, 3), EPISODES, "episode 2 is missing or out of"),
    ("impossible length", put("episodes", "length", 1, 0), "meta/episodes", "episode 1 cannot"),
    ("length as text", lambda g: g.episodes.update(length=["1"] * 5), EPISODES, "holds string"),
    ("column lacking", lambda g: g.episodes.pop("length"), EPISODES, "no column 'length'"),
    ("no pandas", lambda g: g.pandas.clear(), TASKS, "has no pandas metadata"),
    ("pandas range", lambda g: g.pandas.update(index_columns=[{}]), TASKS, "pandas index [{}]"),
    ("pandas elsewhere", lambda g: g.pandas.update(index_columns=["x"]), TASKS, "no column 'x'"),
    ("task order", lambda g: g.tasks.update(task_index=[1, 0]), TASKS, "row 0 has task_index 1"),
    (
        "dims differ",
        lambda g: (
            g.types.update(action=pa.list_(pa.float32(), 2)) or feature("action", shape=[3])(g)
        ),
        DATA,
        "fixed_size_list<element: float>[2]",
    ),
    (
        "text as number",
        lambda g: g.types.update(action=pa.string()) or g.data.update(action=["x"] * 20),
        DATA,
        "column 'action' holds string",
    ),
    ("float as integer", feature("action", dtype="int64"), DATA, "meta/info.json says int64"),
    ("stranger", put("data", "episode_index", 19, 99), DATA, "has a row of episode 99"),
    ("no column", lambda g: g.data.pop("action"), DATA, "has no column 'action'"),
    (
        "file elsewhere",
        lambda g: g.episodes.update({"data/file_index": [0, 0, 0, 0, 1]}),
        "data/chunk-000/file-001.parquet",
        "is missing",
    ),
]


@pytest.mark.parametrize(
    ("bend", "file", "reason"), [pytest.param(*f[1:], id=f[0]) for f in DATASET_FAULTS]
)
def test_a_bad_dataset_is_refused_with_file_and_reason(
    tmp_path: Path, bend: Bend, file: str, reason: str
) -> None:
    golden = Golden()
    bend(golden)
    found_file, found_reason = only_error(validate_dataset(golden.write(tmp_path)))
    assert found_file == file
    assert reason in found_reason


def test_nothing_is_kept_when_every_episode_is_bad(tmp_path: Path) -> None:
    golden = Golden()
    golden.data["action"] = [[float("nan"), 0.0]] * 20
    report = validate_dataset(golden.write(tmp_path))
    assert not report.ok
    assert report.error is not None
    assert report.error.reason == "no episode can be used; the first: frame 0: action[0] is nan"


def test_a_flood_of_findings_is_cut_but_every_episode_keeps_its_reasons(tmp_path: Path) -> None:
    golden = Golden()
    golden.data["action"] = [[float("nan"), 0.0]] * 15 + [[0.0, 0.0]] * 5
    report = validate_dataset(golden.write(tmp_path), limits=DatasetLimits(findings=2))
    assert [f.reason for f in report.findings][-1].startswith("has 2 more findings")
    assert [bool(e.reasons) for e in report.episodes] == [True, True, True, True, False]


def test_the_embodiment_decides_what_fits(tmp_path: Path) -> None:
    root = Golden().write(tmp_path)
    state, action = "observation.state", "action"
    fits = validate_dataset(root, expect=Expectations({state: (3,), action: (2,)}, 10.0))
    assert (fits.ok, fits.findings) == (True, ())
    wrong = {state: (6,), "observation.force": (1,)}
    report = validate_dataset(root, expect=Expectations(wrong, 20))
    assert [f.reason for f in report.findings] == [
        "observation.state has shape (3,); the embodiment has (6,)",
        "has no numeric feature 'observation.force', which the embodiment needs",
        "fps is 10; the embodiment is controlled at 20 per second",
        "feature 'action' is not used: the embodiment does not know it",
    ]
    assert (report.ok, report.episodes) == (False, ())


def test_what_is_left_alone_is_said(tmp_path: Path) -> None:
    golden = Golden()
    camera = {"dtype": "video", "shape": [480, 640, 1], "names": ["height", "width", "channels"]}
    golden.info["features"]["observation.images.depth"] = camera
    golden.info["video_path"] = (
        "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    )
    root = golden.write(tmp_path)
    (root / "meta/stats.json").write_text("{broken")
    spare = root / "data/chunk-000/file-007.parquet"
    spare.write_bytes(b"anything")
    report = validate_dataset(root)
    assert report.ok
    assert {(f.severity, f.file) for f in report.findings} == {
        ("info", INFO),
        ("warning", "meta/stats.json"),
        ("warning", "data/chunk-000/file-007.parquet"),
    }
    assert "camera 'observation.images.depth' is not read" in report.findings[0].reason


def test_a_report_survives_json(tmp_path: Path) -> None:
    golden = Golden()
    golden.data["action"][0] = [float("nan"), 0.0]
    report = validate_dataset(golden.write(tmp_path))
    assert DatasetReport.from_json(json.loads(json.dumps(report.to_json()))) == report
    assert str(report.findings[0]) == f"{DATA}, episode 0, frame 0: action[0] is nan"
