"""Golden datasets with cameras as video: every frame is found in every layout, and clips say where."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from practice.episodes.clips import clips_of
from practice.episodes.lerobot_arrays import read_arrays
from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_format import DatasetLimits
from practice.episodes.lerobot_meta import open_dataset
from practice.episodes.lerobot_read import read_episodes
from practice.episodes.lerobot_validate import validate_dataset
from practice.episodes.types import Episode
from tests.episodes.golden import FPS, Golden, only_error
from tests.episodes.golden_video import (
    SIZE,
    TOP,
    WRIST,
    add_films,
    pictures,
    shard,
    single,
    write_v2,
    write_v3,
)

STATE = "observation.state"


def encoder(name: str) -> str:
    """The encoder itself; a PyAV without it cannot show that what it makes is read."""
    try:
        av.codec.Codec(name, "w")
    except ValueError:
        pytest.skip(f"THIS PyAV CANNOT WRITE {name}: reading it is NOT tested here")
    return name


def shows(episode: Episode, golden: Golden, camera: str, number: int) -> None:
    """The camera's frames are the golden ones, the last one twice."""
    first, steps = golden.row(number, 0), golden.lengths[number]
    due = pictures(camera)[[*range(first, first + steps), first + steps - 1]].astype(int)
    seen = episode.observation[camera]
    assert seen.dtype == np.uint8
    assert seen.shape == due.shape
    # Next to its own frame each is 10 shades off, so that the neighbour would not pass.
    middle = (slice(None), slice(4, 20), slice(4, 28))
    np.testing.assert_allclose(seen[middle].mean((1, 2)), due[middle].mean((1, 2)), atol=3)
    assert np.sqrt(((seen - due) ** 2).mean()) < 6


@pytest.mark.parametrize("codec", ["libx264", "libsvtav1"])
def test_v3_with_many_episodes_in_a_file(tmp_path: Path, codec: str) -> None:
    golden = add_films(Golden())
    root = write_v3(tmp_path, golden, encoder(codec))
    report = validate_dataset(root)
    assert report.totals.kept_episodes == 5, report.findings
    said = [(f.severity, f.file) for f in report.findings]
    assert said == ([("info", shard(TOP)), ("info", shard(WRIST))] if codec != "libx264" else [])
    read = list(read_episodes(root, report))
    for number, episode in enumerate(read):
        shows(episode, golden, TOP, number)
        shows(episode, golden, WRIST, number)
    states = np.concatenate([episode.observation[STATE][:-1] for episode in read])
    np.testing.assert_array_equal(states, golden.data[STATE])


def test_a_codec_that_browsers_lack_is_remarked_once_a_camera(tmp_path: Path) -> None:
    root = write_v3(tmp_path, add_films(Golden(), [TOP]), encoder("libsvtav1"))
    [finding] = validate_dataset(root).findings
    assert finding.reason == (
        f"camera '{TOP}' is av1; every browser plays h264 (so are 1 more);"
        " it is read as it is, and converted to be watched"
    )


@pytest.mark.parametrize("codec", ["libx264", "libsvtav1"])
@pytest.mark.parametrize("version", ["v2.1", "v2.0"])
def test_v2_with_one_episode_in_a_file(tmp_path: Path, version: str, codec: str) -> None:
    golden = add_films(Golden())
    root = write_v2(tmp_path / "d", golden, version, encoder(codec))
    report = validate_dataset(root)
    assert (report.version, report.totals.kept_episodes) == (version, 5)
    for number, episode in enumerate(read_episodes(root, report)):
        shows(episode, golden, TOP, number)
        shows(episode, golden, WRIST, number)


def test_progress_is_told_of_every_frame_and_never_falls(tmp_path: Path) -> None:
    golden = add_films(Golden())
    root = write_v3(tmp_path, golden)
    told: list[tuple[int, int]] = []
    until = [0]
    read = read_episodes(root, validate_dataset(root), progress=lambda *at: told.append(at))
    until.extend(len(told) for _ in read)
    # All episodes lie in one batch of rows: whoever waits for its end may wait for hours.
    assert (np.diff(until) > 2 * np.array(golden.lengths)).all(), "two cameras"
    assert told == sorted(told)
    assert told[-1] == (60, 60), "20 rows, and their frames of two cameras"


def test_flat_arrays_have_them_too(tmp_path: Path) -> None:
    root = write_v3(tmp_path, add_films(Golden(), [TOP]))
    arrays = read_arrays(root, validate_dataset(root))
    means = arrays.observation[TOP][:, 4:20, 4:28].mean((1, 2))
    np.testing.assert_allclose(means, pictures(TOP)[:, 4:20, 4:28].mean((1, 2)), atol=3)


def test_cameras_alone_are_enough(tmp_path: Path) -> None:
    golden = add_films(Golden(), [TOP])
    for table in (golden.info["features"], golden.data, golden.types):
        table.pop(STATE)
    root = write_v3(tmp_path, golden)
    report = validate_dataset(root)
    assert (report.totals.kept_episodes, report.findings) == (5, ())
    for number, episode in enumerate(read_episodes(root, report)):
        assert list(episode.observation) == [TOP]
        shows(episode, golden, TOP, number)


def test_colours_may_be_declared_first(tmp_path: Path) -> None:
    golden = add_films(Golden(), [TOP])
    names = ["channels", "height", "width"]
    golden.info["features"][TOP] |= {"shape": [3, *SIZE], "names": names}
    root = write_v3(tmp_path, golden)
    shows(next(read_episodes(root, validate_dataset(root))), golden, TOP, 0)


def test_only_what_the_embodiment_needs_is_decoded_in_its_size(tmp_path: Path) -> None:
    golden = add_films(Golden())
    root = write_v3(tmp_path, golden)
    (root / shard(WRIST)).write_bytes(b"no video")
    front = "observation.images.front"
    expect = Expectations(
        {front: (24, 32, 3), STATE: (3,), "action": (2,)}, FPS, mapping={front: TOP}
    )
    report = validate_dataset(root, expect=expect)
    assert [f.reason for f in report.findings] == [
        f"camera '{TOP}' of 48 x 64 pixels is resized to 24 x 32",
        f"camera '{WRIST}' is not used: the embodiment does not know it",
    ]
    read = list(read_episodes(root, report, expect=expect))
    assert len(read) == 5
    due = pictures(TOP)[7:13].reshape(6, 24, 2, 32, 2, 3).mean((2, 4))
    np.testing.assert_allclose(
        read[2].observation[front][:-1, 2:10, 2:14].mean((1, 2)),
        due[:, 2:10, 2:14].mean((1, 2)),
        atol=3,
    )


def test_the_sum_of_pictures_is_bounded(tmp_path: Path) -> None:
    root = write_v3(tmp_path, add_films(Golden(), [TOP]))
    whole = 20 * 48 * 64 * 3
    report = validate_dataset(root, limits=DatasetLimits(picture_bytes=whole - 1))
    assert f"declares {whole} bytes of pictures; at most" in only_error(report)[1]
    report = validate_dataset(root, limits=DatasetLimits(decoded_bytes=whole - 1))
    assert f"declares {whole} bytes of video, unpacked; at most" in only_error(report)[1]
    small = Expectations({TOP: (24, 32, 3), "action": (2,)})
    limits = DatasetLimits(picture_bytes=whole // 4)
    assert validate_dataset(root, expect=small, limits=limits).ok


def test_an_episode_of_too_many_pictures_is_refused_alone(tmp_path: Path) -> None:
    root = write_v3(tmp_path, add_films(Golden(), [TOP]))
    report = validate_dataset(root, limits=DatasetLimits(episode_bytes=5 * 48 * 64 * 3))
    assert [e.index for e in report.episodes if not e.kept] == [2]
    assert "bytes of pictures; at most" in report.episodes[2].reasons[0]


def test_each_file_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_v3(tmp_path, add_films(Golden()))
    report = validate_dataset(root)
    opened: list[str] = []
    real = av.open

    def noted(file: str, *args: Any, **options: Any) -> Any:
        opened.append(Path(file).name)
        return real(file, *args, **options)

    monkeypatch.setattr("av.open", noted)
    assert len(list(read_episodes(root, report))) == 5
    assert sorted(opened) == ["file-000.mp4", "file-000.mp4", "file-001.mp4"]


def test_progress_counts_cameras(tmp_path: Path) -> None:
    root = write_v3(tmp_path, add_films(Golden()))
    seen: list[tuple[int, int]] = []
    validate_dataset(root, progress=lambda *at: seen.append(at))
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {60}
    assert seen[-1] == (60, 60)


def test_clips_say_where_an_episode_stands(tmp_path: Path) -> None:
    golden = add_films(Golden())
    golden.episodes[f"videos/{WRIST}/to_timestamp"][3] = None
    dataset = open_dataset(write_v3(tmp_path / "v3", golden))
    clips = clips_of(dataset, 4)
    assert {*clips} == {TOP, WRIST}
    assert clips[TOP].file == tmp_path / "v3" / shard(TOP, 1)
    assert (clips[TOP].start, clips[TOP].end) == pytest.approx((0.2, 0.7))
    assert (clips[WRIST].start, clips[WRIST].end) == pytest.approx((1.5, 2.0))
    assert {*clips_of(dataset, 3)} == {TOP}, "its place makes no sense"
    older = open_dataset(write_v2(tmp_path / "v2", golden))
    clip = clips_of(older, 4)[WRIST]
    assert clip.file == tmp_path / "v2" / single(WRIST, 4)
    assert (clip.start, clip.end) == pytest.approx((0.0, 0.5))
