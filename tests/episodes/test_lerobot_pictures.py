"""Cameras in and out of LeRobotDataset v3.0: the way back to the pixel, what is refused and with which words."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from practice.episodes.errors import DatasetError
from practice.episodes.intake import take_in
from practice.episodes.lerobot_arrays import read_arrays
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_format import DatasetLimits, Feature
from practice.episodes.lerobot_read import read_episodes
from practice.episodes.lerobot_validate import validate_dataset
from practice.episodes.lerobot_write import write_dataset
from practice.episodes.pictures import decode_picture, encode_png
from practice.episodes.types import Episode
from tests.episodes.episodes import make_episode, same_arrays
from tests.episodes.golden import CAMERA, DATA, EPISODES, INFO, Golden, add_camera, only_error

STATE, TRUTH = "observation.state", "observation.environment_state"
SHAPE = (6, 8, 3)
FEATURES = {
    CAMERA: Feature("uint8", SHAPE, ["height", "width", "channel"]),
    STATE: Feature("float32", (3,)),
    "action": Feature("float32", (2,)),
}
EXPECT = Expectations(
    {CAMERA: SHAPE, STATE: (3,), TRUTH: (4,), "action": (2,)}, 10, frozenset({TRUTH})
)


def seen(number: int, **options: Any) -> Episode:
    """An episode with a camera."""
    episode = make_episode(number, **options)
    rng = np.random.default_rng(number)
    pictures = rng.integers(0, 256, (episode.length + 1, *SHAPE), np.uint8)
    return replace(episode, observation={CAMERA: pictures, **episode.observation})


def pictures() -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (20, *SHAPE), np.uint8)


def write(path: Path, episodes: list[Episode], **options: Any) -> None:
    write_dataset(path, episodes, features=FEATURES, fps=10, robot_type="table", **options)


@pytest.mark.parametrize("group_bytes", [1, 1 << 20])
def test_there_and_back(tmp_path: Path, group_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("practice.episodes.lerobot_write._GROUP_BYTES", group_bytes)
    episodes = [replace(seen(i, steps=3 + i % 4), success_step=1 + i % 3) for i in range(9)]
    episodes[4] = seen(4, success=False)
    write(tmp_path / "set.zip", episodes, as_zip=True)
    report = take_in(tmp_path / "set.zip", tmp_path / "set", expect=EXPECT)
    assert report.ok, report.findings
    read = list(read_episodes(tmp_path / "set", report, expect=EXPECT))
    for before, after in zip(episodes, read, strict=True):
        assert same_arrays(before, after)
        assert after.success_step == before.success_step
        assert after.true_success is before.true_success


def test_on_disk_a_camera_is_what_lerobot_has(tmp_path: Path) -> None:
    write(tmp_path / "set", [seen(0, steps=2), seen(1, steps=3)])
    info = json.loads((tmp_path / "set" / INFO).read_text())
    axes = ["height", "width", "channels"]
    assert info["features"][CAMERA] == {"dtype": "image", "shape": [6, 8, 3], "names": axes}
    table = pq.read_table(tmp_path / "set" / DATA)
    assert str(table.schema.field(CAMERA).type) == "struct<bytes: binary, path: string>"
    cell = table[CAMERA][1].as_py()
    np.testing.assert_array_equal(
        decode_picture(cell["bytes"], SHAPE), seen(0, steps=2).observation[CAMERA][1]
    )
    last = pq.read_table(tmp_path / "set" / EPISODES)[f"final/{CAMERA}"][1].as_py()["bytes"]
    np.testing.assert_array_equal(
        decode_picture(last, SHAPE), seen(1, steps=3).observation[CAMERA][-1]
    )


def test_success_is_true_from_the_step_that_reached_the_goal(tmp_path: Path) -> None:
    episodes = [replace(seen(0, steps=5), success_step=3), seen(1, steps=2)]
    write(tmp_path / "set", episodes)
    table = pq.read_table(tmp_path / "set" / DATA)
    assert table["next.success"].to_pylist() == [False, False, True, True, True, False, True]


def test_statistics_are_per_colour_in_0_to_1(tmp_path: Path) -> None:
    episode = seen(0, steps=20)
    episode.observation[CAMERA][...] = (0, 51, 255)
    write(tmp_path / "set", [episode])
    stats = json.loads((tmp_path / "set/meta/stats.json").read_text())[CAMERA]
    for name in ("min", "max", "mean", "q50"):
        np.testing.assert_allclose(stats[name], [[[0.0]], [[0.2]], [[1.0]]])
    np.testing.assert_allclose(stats["std"], np.zeros((3, 1, 1)), atol=1e-9)
    assert stats["count"] == [3], "every 8th frame"


def test_an_episode_with_other_pictures_is_not_written(tmp_path: Path) -> None:
    for wrong in (np.zeros((5, 6, 9, 3), np.uint8), np.zeros((5, *SHAPE), np.float32)):
        odd = replace(seen(0), observation={**seen(0).observation, CAMERA: wrong})
        with pytest.raises(DatasetError, match=r"observation\.images\.top"):
            write(tmp_path / "set", [odd])
    with pytest.raises(DatasetError, match=r"pictures are \(height, width, 3\)"):
        write_dataset(
            tmp_path / "set",
            [seen(0)],
            features={**FEATURES, CAMERA: Feature("uint8", (6, 8, 4))},
            fps=10,
            robot_type=None,
        )


def test_a_dataset_of_others_is_read(tmp_path: Path) -> None:
    root = add_camera(Golden(), pictures()).write(tmp_path)
    report = validate_dataset(root, expect=EXPECT)
    assert report.ok, report.findings
    assert [f.severity for f in report.findings] == ["info"], (
        "only the simulator's truth is lacking"
    )
    assert "only drawings for people use it" in report.findings[0].reason
    third = list(read_episodes(root, report, expect=EXPECT))[2]
    np.testing.assert_array_equal(third.observation[CAMERA], pictures()[[*range(7, 13), 12]])
    np.testing.assert_array_equal(read_arrays(root, report).observation[CAMERA], pictures())


def test_colours_may_be_declared_first(tmp_path: Path) -> None:
    golden = add_camera(Golden(), pictures())
    golden.info["features"][CAMERA] |= {
        "shape": [3, 6, 8],
        "names": ["channels", "height", "width"],
    }
    assert validate_dataset(golden.write(tmp_path), expect=EXPECT).ok


Bend = Callable[[Golden], object]


def cell(row: int, data: bytes | None) -> Bend:
    return lambda golden: golden.data[CAMERA][row].update(bytes=data)


GOOD = encode_png(pictures()[0])
FAULTS: list[tuple[str, Bend, int, int, str]] = [
    ("bomb", cell(8, encode_png(np.zeros((600, 600, 3), np.uint8), level=9)), 2, 1, "is 600 x 600"),
    ("cut short", cell(0, GOOD[:-9]), 0, 0, "was cut short"),
    ("other format", cell(19, b"BM rest"), 4, 4, "is neither PNG nor JPEG"),
    ("other shape", cell(5, encode_png(pictures()[0][:, :4])), 1, 1, "is 6 x 4 pixels"),
    ("path only", cell(5, None), 1, 1, "is not embedded"),
    ("no cell", lambda g: g.data[CAMERA].__setitem__(5, None), 1, 1, "is not embedded"),
]


@pytest.mark.parametrize(
    ("bend", "episode", "frame", "reason"), [pytest.param(*f[1:], id=f[0]) for f in FAULTS]
)
def test_a_bad_picture_refuses_its_episode_and_is_named(
    tmp_path: Path, bend: Bend, episode: int, frame: int, reason: str
) -> None:
    golden = add_camera(Golden(), pictures())
    bend(golden)
    report = validate_dataset(golden.write(tmp_path), expect=EXPECT)
    assert report.ok
    assert [e.index for e in report.episodes if not e.kept] == [episode]
    [found] = [f for f in report.findings if f.severity == "error"]
    assert (found.file, found.episode, found.frame) == (DATA, episode, frame)
    assert found.reason.startswith(f"the picture of {CAMERA} ")
    assert reason in found.reason


def test_a_bad_picture_after_the_last_action_is_named(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write(root, [seen(i) for i in range(3)])
    table = pq.read_table(root / EPISODES)
    rows = table[f"final/{CAMERA}"].to_pylist()
    rows[1]["bytes"] = b"nothing"
    place = table.column_names.index(f"final/{CAMERA}")
    column = pa.array(rows, table.schema.field(place).type)
    pq.write_table(table.set_column(place, f"final/{CAMERA}", column), root / EPISODES)
    report = validate_dataset(root, expect=EXPECT)
    assert [e.index for e in report.kept()] == [0, 2]
    assert "after the last action is neither PNG nor JPEG" in report.episodes[1].reasons[0]


def stored_as(**changes: Any) -> Bend:
    return lambda golden: golden.info["features"][CAMERA].update(changes)


REFUSED: list[tuple[str, Bend, str, str]] = [
    ("video", stored_as(dtype="video"), INFO, "video_path is None; v3.0 has 'videos/{video_key}"),
    ("grey", stored_as(shape=[6, 8, 1]), INFO, "pictures are read as (height, width, 3)"),
    ("huge", stored_as(shape=[10**6, 10**6, 3]), INFO, "declares pictures of (1000000, 1000000"),
    ("lacking", lambda g: g.info["features"].pop(CAMERA), INFO, f"has no camera '{CAMERA}'"),
    ("numbers", stored_as(dtype="float32"), INFO, f"has no camera '{CAMERA}'"),
    (
        "no structs",
        lambda g: g.types.update({CAMERA: pa.int64()}) or g.data.update({CAMERA: [1] * 20}),
        DATA,
        "images are structs of bytes and path",
    ),
    (
        "a cell of 3 MB",
        cell(5, bytes(3_000_000)),
        DATA,
        "declares 6 values in",
    ),
]


@pytest.mark.parametrize(
    ("bend", "file", "reason"), [pytest.param(*f[1:], id=f[0]) for f in REFUSED]
)
def test_a_camera_that_cannot_be_read_refuses_the_dataset_in_one_sentence(
    tmp_path: Path, bend: Bend, file: str, reason: str
) -> None:
    golden = add_camera(Golden(), pictures())
    bend(golden)
    found_file, said = only_error(validate_dataset(golden.write(tmp_path), expect=EXPECT))
    assert (found_file, reason in said) == (file, True), said


@pytest.mark.parametrize(
    ("size", "severity", "reason"),
    [
        ((3, 4), "info", "of 6 x 8 pixels is resized to 3 x 4"),
        ((3, 8), "warning", "of 6 x 8 pixels is resized to 3 x 8, which squeezes what it shows by"),
    ],
)
def test_a_camera_of_another_size_is_resized_and_said(
    tmp_path: Path, size: tuple[int, int], severity: str, reason: str
) -> None:
    root = add_camera(Golden(), pictures()).write(tmp_path)
    expect = Expectations({CAMERA: (*size, 3), STATE: (3,), "action": (2,)}, 10)
    report = validate_dataset(root, expect=expect)
    assert [(f.severity, reason in f.reason) for f in report.findings] == [(severity, True)]
    read = np.concatenate(
        [e.observation[CAMERA][:-1] for e in read_episodes(root, report, expect=expect)]
    )
    high, wide = 6 // size[0], 8 // size[1]
    means = pictures().reshape(20, size[0], high, size[1], wide, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(read, means, atol=1)


def test_the_picture_after_the_last_action_is_resized_too(tmp_path: Path) -> None:
    write(tmp_path / "set", [seen(0)])
    expect = Expectations({CAMERA: (3, 4, 3), STATE: (3,), "action": (2,)}, 10)
    report = validate_dataset(tmp_path / "set", expect=expect)
    [read] = read_episodes(tmp_path / "set", report, expect=expect)
    means = seen(0).observation[CAMERA].reshape(5, 3, 2, 4, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(read.observation[CAMERA], means, atol=1)


def test_more_pictures_than_can_be_read(tmp_path: Path) -> None:
    root = add_camera(Golden(), pictures()).write(tmp_path)
    report = validate_dataset(root, expect=EXPECT, limits=DatasetLimits(picture_bytes=1000))
    assert "declares 2880 bytes of pictures; at most 1000" in only_error(report)[1]


def test_cameras_that_the_embodiment_lacks_cost_nothing(tmp_path: Path) -> None:
    golden = add_camera(Golden(), pictures(), name="observation.images.wrist")
    golden.data["observation.images.wrist"][0] = {"bytes": b"damaged", "path": None}
    expect = Expectations({STATE: (3,), "action": (2,)}, 10)
    root = golden.write(tmp_path)
    report = validate_dataset(root, expect=expect)
    assert report.totals.kept_episodes == 5
    reason = "camera 'observation.images.wrist' is not used: the embodiment does not know it"
    assert [f.reason for f in report.findings] == [reason]
    assert list(next(read_episodes(root, report, expect=expect)).observation) == [STATE]


def test_equal_datasets_are_equal_files(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write(tmp_path / name, [seen(i) for i in range(5)], as_zip=True)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
