"""Bad videos: which episode, which camera, which file, which frame, and why; the other episodes are kept."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_format import Feature
from practice.episodes.lerobot_read import read_episodes
from practice.episodes.lerobot_validate import validate_dataset
from practice.episodes.lerobot_write import write_dataset
from practice.episodes.report import Finding
from tests.episodes.episodes import make_episode
from tests.episodes.golden import EPISODES, INFO, Golden, only_error
from tests.episodes.golden_video import (
    TOP,
    WRIST,
    add_films,
    pictures,
    shard,
    shard_frames,
    single,
    write_v2,
    write_v3,
    write_video,
)

Damage = Callable[[Path], object]
FILE = shard(TOP)
"""Episodes 0, 1 and 2, frames 0-3, 4-6 and 7-12."""


def frames() -> np.ndarray:
    return shard_frames(Golden(), TOP)


def rewritten(**options: Any) -> Damage:
    return lambda root: write_video(root / FILE, **{"frames": frames(), **options})


def cut(root: Path) -> None:
    """The index is whole; the frames after the middle are gone."""
    whole = (root / FILE).read_bytes()
    (root / FILE).write_bytes(whole[: len(whole) - (len(whole) - whole.index(b"mdat")) // 2])


def placed(column: str, value: object, row: int = 1) -> Damage:
    """A cell of meta/episodes, whatever its type."""

    def put(root: Path) -> None:
        table = pq.read_table(root / EPISODES)
        name = f"videos/{TOP}/{column}"
        values = table[name].to_pylist()
        values[row] = value
        place = table.column_names.index(name)
        column_type = table.schema.field(place).type
        pq.write_table(
            table.set_column(place, name, pa.array(values, column_type)), root / EPISODES
        )

    return put


def retyped(column: str, kind: pa.DataType, value: object) -> Damage:
    """A column of meta/episodes of another type, its second cell of another value."""

    def put(root: Path) -> None:
        table = pq.read_table(root / EPISODES)
        name = f"videos/{TOP}/{column}"
        values = [*table[name].to_pylist()[:1], value, *table[name].to_pylist()[2:]]
        place = table.column_names.index(name)
        pq.write_table(table.set_column(place, name, pa.array(values, kind)), root / EPISODES)

    return put


EVENLY = list(range(0, 1300, 100))
FAULTS: list[tuple[str, Damage, list[int], int | None, str]] = [
    ("missing", lambda root: (root / FILE).unlink(), [0, 1, 2], None, "its video is missing"),
    ("text", lambda root: (root / FILE).write_text("no video"), [0, 1, 2], None, "is no mp4"),
    ("empty", lambda root: (root / FILE).write_bytes(b""), [0, 1, 2], None, "has no index"),
    ("wrong size", rewritten(frames=frames()[:, :32]), [0, 1, 2], None, "is 32 x 64 pixels; its"),
    ("wrong rate", rewritten(fps=20), [0, 1, 2], None, "runs at 20 frames per second; meta/info"),
    ("short", rewritten(frames=frames()[:11]), [2], 4, "has 4 of 6 frames from 0.700 s to 1.300 s"),
    ("all gone", rewritten(frames=frames()[:7]), [2], 0, "has 0 of 6 frames from 0.700 s"),
    ("unsteady", rewritten(ticks=[*EVENLY[:5], 525, *EVENLY[6:]]), [1], 1, "rate is not constant"),
    ("a gap", rewritten(ticks=[*EVENLY[:9], *(t + 100 for t in EVENLY[9:])]), [2], 2, "0.9000 s"),
    ("beyond", placed("to_timestamp", 9.0, 2), [2], None, "from 0.700 s to 9.000 s, which"),
    ("not a number", placed("from_timestamp", float("nan")), [1], None, "from nan s to 0.7 s"),
    ("infinite", placed("to_timestamp", float("inf")), [1], None, "to inf s"),
    ("backwards", placed("to_timestamp", 0.1), [1], None, "from 0.4 s to 0.1 s"),
    ("nowhere", placed("file_index", None), [1], None, "chunk 0, file -1"),
    ("huge", retyped("file_index", pa.uint64(), 2**64 - 1), [1], None, "chunk 0, file -1"),
    ("coarse", retyped("to_timestamp", pa.float32(), 1e30), [1], None, "to 1e+30 s"),
    ("elsewhere", placed("file_index", 7), [1], None, "its video is missing"),
]


@pytest.mark.parametrize(
    ("damage", "refused", "frame", "reason"), [pytest.param(*f[1:], id=f[0]) for f in FAULTS]
)
def test_a_bad_video_refuses_the_episodes_that_use_it(
    tmp_path: Path, damage: Damage, refused: list[int], frame: int | None, reason: str
) -> None:
    root = write_v3(tmp_path, add_films(Golden()))
    damage(root)
    report = validate_dataset(root)
    assert report.ok
    assert [e.index for e in report.episodes if not e.kept] == refused
    found = [f for f in report.findings if f.severity == "error"]
    assert [f.episode for f in found] == refused
    for finding in found:
        assert reason in finding.reason
        assert finding.reason.startswith(f"camera '{TOP}'")
        assert finding.frame == frame
        assert finding.file.endswith((".mp4", ".parquet"))
    assert len(list(read_episodes(root, report))) == 5 - len(refused)


def test_a_recording_without_its_index_names_the_file(tmp_path: Path) -> None:
    root = write_v3(tmp_path, add_films(Golden()))
    path = write_video(root / FILE, frames(), movflags={})
    path.write_bytes(path.read_bytes().partition(b"moov")[0][:-4])
    report = validate_dataset(root)
    assert [e.index for e in report.kept()] == [3, 4]
    assert {f.file for f in report.findings} == {FILE}
    reason = f"camera '{TOP}': its video has no index (moov): its recording was cut short"
    assert report.episodes[0].reasons == (reason,)


def test_a_video_cut_short_loses_only_what_is_gone(tmp_path: Path) -> None:
    golden = add_films(Golden())
    root = write_v3(tmp_path, golden)
    cut(root)
    report = validate_dataset(root)
    kept = [e.index for e in report.kept()]
    assert {3, 4} <= {*kept}
    assert 0 < len(kept) < 5
    assert 2 not in kept
    assert [e.uid for e in read_episodes(root, report)] == [f"e{i}" for i in kept]


def test_in_the_older_layout_too(tmp_path: Path) -> None:
    root = write_v2(tmp_path / "d", add_films(Golden()))
    (root / single(TOP, 1)).unlink()
    write_video(root / single(WRIST, 3), pictures(WRIST)[13:15], fps=20)
    report = validate_dataset(root)
    assert [(f.file, f.episode) for f in report.findings] == [
        (single(TOP, 1), 1),
        (single(WRIST, 3), 3),
    ]
    assert [e.index for e in report.kept()] == [0, 2, 4]


@pytest.mark.parametrize(("count", "said"), [(5, "shown twice"), (7, "not read")])
def test_one_frame_more_or_less_is_a_warning(tmp_path: Path, count: int, said: str) -> None:
    root = write_v2(tmp_path / "d", add_films(Golden(), [TOP]))
    write_video(root / single(TOP, 2), pictures(TOP)[7 : 7 + count])
    if count > 6:  # the older layout says where an episode ends by its length alone
        root = write_v3(tmp_path / "v3", add_films(Golden(), [TOP]))
        placed("to_timestamp", 0.8)(root)
    report = validate_dataset(root)
    assert report.totals.kept_episodes == 5
    [finding] = report.findings
    assert (finding.severity, said in finding.reason) == ("warning", True)
    episodes = list(read_episodes(root, report))
    assert [e.observation[TOP].shape[0] for e in episodes] == [5, 4, 7, 3, 6]
    if count < 6:
        last = episodes[2].observation[TOP]
        np.testing.assert_array_equal(last[4], last[5])


def spoil(root: Path) -> None:
    """Bytes within the frames of episode 1 are turned over; every size and time stays as it was."""
    path = root / FILE
    data = bytearray(path.read_bytes())
    with_noise = data.index(b"mdat") + 4
    middle = with_noise + (len(data) - with_noise) * 5 // 13
    data[middle : middle + 400] = bytes(byte ^ 0xFF for byte in data[middle : middle + 400])
    path.write_bytes(data)


def test_a_frame_that_cannot_be_decoded_drops_its_episode_alone(tmp_path: Path) -> None:
    root = write_v3(tmp_path, add_films(Golden()))
    noise = np.random.default_rng(1).integers(0, 256, frames().shape, np.uint8)
    write_video(root / FILE, noise)
    spoil(root)
    report = validate_dataset(root)
    assert report.totals.kept_episodes == 5, "packets alone look well"
    told: list[Finding] = []
    read = [episode.uid for episode in read_episodes(root, report, refused=told.append)]
    assert read == ["e0", "e2", "e3", "e4"]
    [finding] = told
    assert (finding.severity, finding.file, finding.episode) == ("error", FILE, 1)
    assert finding.frame == 1, "the fifth of 13 frames"
    assert finding.reason.startswith(f"camera '{TOP}' cannot be decoded on the way to 0.500 s")
    after = report.refusing(told)
    assert [f"e{e.index}" for e in after.kept()] == read
    assert after.totals.kept_frames == sum(e.length for e in after.kept())
    assert after.findings == (*report.findings, finding)
    with pytest.raises(DatasetError, match=r"file-000\.mp4"):
        list(read_episodes(root, report))


def test_when_the_last_episode_is_dropped_the_report_is_an_error(tmp_path: Path) -> None:
    report = validate_dataset(Golden().write(tmp_path))
    found = [Finding("error", FILE, "is damaged", episode, 0) for episode in range(5)]
    after = report.refusing(found)
    assert not after.ok
    assert after.error is not None
    assert after.error.reason == "no episode can be used; the last: is damaged"


@pytest.mark.parametrize("column", ["chunk_index", "from_timestamp"])
def test_a_camera_without_places_refuses_a_dataset_that_needs_it(
    tmp_path: Path, column: str
) -> None:
    golden = add_films(Golden())
    golden.episodes.pop(f"videos/{TOP}/{column}")
    root = write_v3(tmp_path, golden)
    file, reason = only_error(validate_dataset(root))
    assert file == "meta/episodes"
    assert reason.startswith(f"has no columns videos/{TOP}/chunk_index, file_index")
    needs = Expectations({WRIST: (48, 64, 3), "action": (2,)})
    assert validate_dataset(root, expect=needs).ok


def test_only_the_documented_path_is_followed(tmp_path: Path) -> None:
    golden = add_films(Golden())
    golden.info["video_path"] = "/etc/{video_key}.mp4"
    file, reason = only_error(validate_dataset(write_v3(tmp_path, golden)))
    assert (file, reason.startswith("video_path is '/etc/{video_key}.mp4'; v3.0 has")) == (
        INFO,
        True,
    )


def test_what_we_write_as_video_we_read(tmp_path: Path) -> None:
    features = {TOP: Feature("uint8", (48, 64, 3)), "action": Feature("float32", (2,))}
    episodes = []
    for number, steps in enumerate([4, 9, 1]):
        seen = pictures(TOP)[[*range(number, number + steps), 19]]
        made = make_episode(number, steps=steps)
        episodes.append(replace(made, observation={TOP: seen}))
    root = tmp_path / "set"
    write_dataset(
        root, episodes, features=features, fps=10, robot_type=None, cameras="video", title="x"
    )
    report = validate_dataset(root)
    assert (report.totals.kept_episodes, report.findings) == (3, ())
    for before, after in zip(episodes, read_episodes(root, report), strict=True):
        error = (before.observation[TOP].astype(float) - after.observation[TOP])[:-1]
        assert 10 * np.log10(255**2 / (error**2).mean()) > 35
        np.testing.assert_array_equal(after.observation[TOP][-1], before.observation[TOP][-1])
        np.testing.assert_array_equal(after.action, before.action)
