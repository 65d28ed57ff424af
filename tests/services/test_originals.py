"""Videos that an import came with are kept for people, as browsers can play them, and every episode knows its place in them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from pytest_django import Settings

from practice import storage
from practice.embodiments.registry import embodiment
from practice.episodes.lerobot_format import Feature
from practice.episodes.lerobot_write import write_dataset
from practice.episodes.types import Episode as Recorded
from practice.episodes.video_read import VideoReader, playable, probe
from practice.models import Dataset, Episode, User
from practice.services import originals
from practice.services.importing import import_dataset
from practice.services.sources import receive_folder
from tests.examples import recorded_of
from tests.factories import make_task

pytestmark = pytest.mark.django_db

CAMERA = "observation.images.top"
SHAPE = (32, 48, 3)
FPS = 10


def _episodes(count: int) -> Iterator[Recorded]:
    """Frame k of episode n is of one grey, 40 n + 2 k."""
    for number in range(count):
        episode = recorded_of(embodiment("point-mass").spec, f"r{number}", length=12)
        greys = (40 * number + 2 * np.arange(13)).astype(np.uint8)
        pictures = np.broadcast_to(greys[:, None, None, None], (13, *SHAPE)).copy()
        yield replace(episode, observation={**episode.observation, CAMERA: pictures})


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """Three demonstrations with a camera that the robot does not know, as video, in an allowed folder."""
    spec = embodiment("point-mass").spec
    features = {n: Feature(f.dtype, f.shape, list(f.names)) for n, f in spec.observation.items()}
    features["action"] = Feature(spec.action.dtype, spec.action.shape, list(spec.action.names))
    features[CAMERA] = Feature("uint8", SHAPE)
    target = tmp_path / "data" / "rings"
    target.parent.mkdir()
    write_dataset(
        target, _episodes(3), features=features, fps=FPS, robot_type=None, cameras="video"
    )
    settings.EFM_IMPORT_FOLDERS = (tmp_path / "data",)
    return target


def _imported(folder: Path, by: User) -> Dataset:
    dataset = receive_folder(make_task(), str(folder), by=by)
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert dataset.state == "ready", dataset.error
    return dataset


def _greys(dataset: Dataset) -> list[list[int]]:
    """The grey of each frame of each episode, by the place that its row names."""
    found = []
    for row in dataset.episodes.order_by("pk"):
        place = row.videos[CAMERA]
        assert place["fps"] == FPS
        times = place["start"] + np.arange(row.length) / place["fps"]
        with VideoReader(storage.blobs().path(place["key"])) as video:
            found.append([round(float(np.mean(frame))) for frame in video.frames(times, 0.01)])
    return found


def test_every_episode_knows_its_place_in_the_original(folder: Path, otto: User) -> None:
    dataset = _imported(folder, otto)
    expected = [[40 * number + 2 * k for k in range(12)] for number in range(3)]
    assert np.abs(np.array(_greys(dataset)) - expected).max() <= 2
    [key] = {row.videos[CAMERA]["key"] for row in dataset.episodes.all()}
    [original] = folder.glob("videos/**/*.mp4")
    assert storage.blobs().path(key).read_bytes() == original.read_bytes()
    assert not storage.blobs().path(key).samefile(original), "Others may write to what lies there."


def test_what_browsers_cannot_play_is_kept_as_h264(
    folder: Path, otto: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    [original] = folder.glob("videos/**/*.mp4")
    _recode(original, "mpeg4")
    assert playable(probe(original))
    dataset = _imported(folder, otto)
    row = dataset.episodes.first()
    assert row is not None
    stored = storage.blobs().path(row.videos[CAMERA]["key"])
    assert playable(probe(stored)) is None
    expected = [[40 * number + 2 * k for k in range(12)] for number in range(3)]
    assert np.abs(np.array(_greys(dataset)) - expected).max() <= 4


def test_a_large_video_is_told_of_piece_by_piece(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [original] = folder.glob("videos/**/*.mp4")
    monkeypatch.setattr(originals, "PIECE", 100)
    told: list[float] = []
    [row] = rows = [Episode(uid="e0")]
    assert originals.keep_originals(folder, rows, told.append, ours=True) == []
    assert len(told) > original.stat().st_size / 100
    assert (min(told), max(told)) == (0.0, 1.0)
    kept = storage.blobs().path(row.videos[CAMERA]["key"])
    assert kept.samefile(original), "What is ours needs no copy."


def test_a_damaged_video_of_an_unknown_camera_costs_no_episode(folder: Path, otto: User) -> None:
    [original] = folder.glob("videos/**/*.mp4")
    original.write_bytes(original.read_bytes()[:200])
    dataset = receive_folder(make_task(), str(folder), by=otto)
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert (dataset.state, dataset.episodes_kept) == ("ready", 3), dataset.report["findings"]
    assert {str(row.videos) for row in dataset.episodes.all()} == {"{}"}
    said = [f["reason"] for f in dataset.report["findings"] if f["file"].endswith(".mp4")]
    assert said, dataset.report["findings"]
    assert any("not kept for people to watch" in reason for reason in said), said


def _recode(path: Path, codec: str) -> None:
    """The same frames at the same times in another codec."""
    with av.open(str(path)) as source:
        frames = [
            (f.pts, f.time_base, f.to_ndarray(format="rgb24")) for f in source.decode(video=0)
        ]
    with av.open(str(path), "w", format="mp4") as out:
        stream: Any = out.add_stream(codec, rate=FPS)
        stream.height, stream.width, stream.pix_fmt = SHAPE[0], SHAPE[1], "yuv420p"
        for pts, base, pixels in frames:
            assert pts is not None
            assert base is not None
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = pts, base
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
