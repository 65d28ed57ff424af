"""Cameras as video: where each frame lies, what a file begins with, when a new one is begun, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from practice.episodes import lerobot_film
from practice.episodes.errors import DatasetError
from practice.episodes.lerobot_format import Feature
from practice.episodes.lerobot_write import write_dataset
from practice.episodes.notes import Notes
from practice.episodes.types import Episode
from tests.episodes.episodes import make_episode

CAMERA, STATE = "observation.images.top", "observation.state"
FPS = 30
META = "meta/episodes/chunk-000/file-000.parquet"


def features(shape: tuple[int, int, int] = (32, 48, 3)) -> dict[str, Feature]:
    return {
        CAMERA: Feature("uint8", shape),
        STATE: Feature("float32", (3,)),
        "action": Feature("float32", (2,)),
    }


def seen(number: int, steps: int, shape: tuple[int, int, int] = (32, 48, 3)) -> Episode:
    """An episode whose frame k is of one grey, 8 k + number, so that it is known again after h264."""
    episode = make_episode(number, steps=steps)
    greys = (8 * np.arange(steps + 1) + number).astype(np.uint8)
    pictures = np.broadcast_to(greys[:, None, None, None], (steps + 1, *shape)).copy()
    return replace(episode, observation={CAMERA: pictures, **episode.observation})


def write(path: Path, episodes: list[Episode], **options: Any) -> None:
    write_dataset(
        path, episodes, features=features(), fps=FPS, robot_type=None, cameras="video", **options
    )


def frames_of(path: Path) -> tuple[list[float], list[bool], NDArray[np.float64]]:
    """Times in seconds, which are keyframes, and the mean grey of each frame."""
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == FPS
        frames = list(film.decode(stream))
        greys = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
        times = [frame.time for frame in frames]
        return times, [bool(frame.key_frame) for frame in frames], np.array(greys)


def test_each_frame_is_where_its_time_says(tmp_path: Path) -> None:
    lengths = [7, 3, 20, 1]
    episodes = [seen(i, steps) for i, steps in enumerate(lengths)]
    write(tmp_path / "set", episodes)
    times, keys, greys = frames_of(tmp_path / f"set/videos/{CAMERA}/chunk-000/file-000.mp4")
    assert times == pytest.approx([k / FPS for k in range(sum(lengths))], abs=1e-6)
    first = 0
    for row, episode in zip(
        pq.read_table(tmp_path / "set" / META).to_pylist(), episodes, strict=True
    ):
        place = {name: row[f"videos/{CAMERA}/{name}"] for name in lerobot_film._PLACES}
        assert (place["chunk_index"], place["file_index"]) == (0, 0)
        assert place["from_timestamp"] == first / FPS
        assert place["to_timestamp"] == (first + episode.length) / FPS
        assert keys[first]
        shown = greys[first : first + episode.length]
        filmed = episode.observation[CAMERA][:-1].mean(axis=(1, 2, 3))
        np.testing.assert_allclose(shown, filmed, atol=3)
        first += episode.length


def test_info_declares_the_video_and_data_holds_no_picture(tmp_path: Path) -> None:
    write(tmp_path / "set", [seen(0, 3)])
    info = json.loads((tmp_path / "set/meta/info.json").read_text())
    assert info["video_path"] == lerobot_film.VIDEO_PATH
    declared = info["features"][CAMERA]
    assert (declared["dtype"], declared["shape"]) == ("video", [32, 48, 3])
    assert declared["names"] == ["height", "width", "channels"]
    assert declared["info"] == {
        "video.height": 32,
        "video.width": 48,
        "video.codec": "h264",
        "video.pix_fmt": "yuv420p",
        "video.is_depth_map": False,
        "video.fps": FPS,
        "video.channels": 3,
        "has_audio": False,
    }
    assert (
        CAMERA not in pq.read_table(tmp_path / "set/data/chunk-000/file-000.parquet").schema.names
    )
    stats = json.loads((tmp_path / "set/meta/stats.json").read_text())
    assert np.shape(stats[CAMERA]["mean"]) == (3, 1, 1)


def test_a_new_file_begins_above_the_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lerobot_film, "VIDEO_MEGABYTES", 0)
    write(tmp_path / "set", [seen(0, 4), seen(1, 5)])
    rows = pq.read_table(tmp_path / "set" / META).to_pylist()
    assert [row[f"videos/{CAMERA}/file_index"] for row in rows] == [0, 1]
    assert [row[f"videos/{CAMERA}/from_timestamp"] for row in rows] == [0.0, 0.0]
    for number, steps in enumerate([4, 5]):
        path = tmp_path / f"set/videos/{CAMERA}/chunk-000/file-{number:03d}.mp4"
        assert len(frames_of(path)[0]) == steps


def test_odd_sides_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    shape = (31, 48, 3)
    with pytest.raises(DatasetError, match=r"31 x 48 pixels; video needs even sides"):
        write_dataset(
            tmp_path / "set",
            [seen(0, 2, shape)],
            features=features(shape),
            fps=FPS,
            robot_type=None,
            cameras="video",
        )
    assert list(tmp_path.iterdir()) == []


def test_an_episode_that_does_not_fit_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        write(tmp_path / "set", [seen(0, 40), seen(1, 2, (8, 8, 3))])
    assert list(tmp_path.iterdir()) == []


def test_notes_are_columns_and_the_card_has_the_tag(tmp_path: Path) -> None:
    noted = [Notes(outcome="success", label="unsure", checkpoint="ab12", source="run 3"), Notes()]
    left = iter(noted)
    write(tmp_path / "set", [seen(0, 2), seen(1, 2)], notes=lambda _: next(left), title="Rings")
    table = pq.read_table(tmp_path / "set" / META)
    assert table["outcome"].to_pylist() == ["success", None]
    assert table["label"].to_pylist() == ["unsure", None]
    assert table["checkpoint"].to_pylist() == ["ab12", None]
    assert table["source"].to_pylist() == ["run 3", None]
    card = (tmp_path / "set/README.md").read_text()
    assert card.startswith("---\n")
    assert "- LeRobot\n" in card
    assert "data_files: data/*/*.parquet" in card
    assert "# Rings" in card
