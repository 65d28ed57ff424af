"""The replay: arrays as recorded, moments worth a look, and a film that browsers may keep and ask for in pieces."""

import dataclasses
from io import BytesIO
from types import SimpleNamespace

import av
import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from practice import storage
from practice.embodiments.registry import embodiment
from practice.episodes.recorder import read_episode
from practice.models import Episode, Task, User
from practice.selectors import replay
from tests.factories import make_dataset, make_episodes, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(vera: User) -> Client:
    client = Client()
    client.force_login(vera)
    return client


def video_url(episode: Episode) -> str:
    return reverse("web:episode_video", args=[episode.pk])


def test_the_json_holds_what_was_recorded(client: Client) -> None:
    episode = make_episodes(make_run(), 4)[2]
    data = client.get(f"/episodes/{episode.pk}/replay.json").json()
    shard = storage.blobs().path(episode.blob_key)
    recorded = read_episode(shard, episode.first_row, episode.rows)
    assert data["steps"] == recorded.length == episode.length
    assert data["hz"] == episode.task.control_hz
    assert recorded.distance is not None
    np.testing.assert_allclose(data["distance"], recorded.distance, rtol=1e-4)
    state, action = data["curves"]
    assert state["channels"] == ["x", "y", "vx", "vy", "goal_x", "goal_y"]
    np.testing.assert_allclose(
        np.array(state["values"]).T, recorded.observation["observation.state"], rtol=1e-4
    )
    np.testing.assert_allclose(np.array(action["values"]).T, recorded.action, rtol=1e-4)
    assert data["moments"][-1]["step"] == episode.length


def test_channels_without_names_are_numbered_on_the_page_as_in_the_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    episode = make_episodes(make_run(), 1)[0]
    robot = embodiment(episode.task.embodiment)
    action = dataclasses.replace(robot.spec.action, names=())
    spec = dataclasses.replace(robot.spec, action=action)
    monkeypatch.setattr(replay, "embodiment", lambda _: SimpleNamespace(spec=spec))
    assert replay.curve_frames(episode)[-1] == replay.CurveFrame("action", action.unit, ("0", "1"))
    assert replay.replay_payload(episode)["curves"][-1]["channels"] == ["0", "1"]


def test_a_demonstration_without_a_reward_model_has_no_distance(client: Client) -> None:
    episode = make_episodes(dataset=make_dataset(), count=1)[0]
    Episode.objects.filter(pk=episode.pk).update(d_start=None, d_end=None, spread_end=None)
    page = client.get(f"/episodes/{episode.pk}/").content.decode()
    assert "No reward model watched this episode" in page
    assert 'data-curve="distance"' not in page
    assert 'data-curve="action"' in page


def test_the_threshold_is_the_runs_own_before_the_tasks() -> None:
    run = make_run(config={"threshold": 3.5})
    assert replay.used_threshold(make_episodes(run, 1)[0]) == 3.5
    plain = make_episodes(make_run(), 1)[0]
    assert replay.used_threshold(plain) == plain.task.threshold


def test_the_return_discounts_later_progress() -> None:
    episode = make_episodes(make_run(config={"gamma": 0.5}), 1)[0]
    distance = np.array([10.0, 8.0, 9.0, 5.0])
    assert replay.discounted_return(episode, distance) == pytest.approx(2 - 0.5 * 1 + 0.25 * 4)
    assert replay.discounted_return(episode, None) is None


def test_moments_name_detector_setback_doubt_and_end() -> None:
    distance = np.arange(40.0, -1.0, -1.0)
    distance[20:] += 15  # slipped
    distance[20:] *= np.linspace(1, 0, 21)
    spread = np.full(41, 0.5)
    spread[7] = 4.0
    named = {m.step: m.name for m in replay.named_moments(distance, spread, 2.0, 40)}
    assert named[20].startswith("setback +")
    assert named[7] == "least certain"
    first = int(np.flatnonzero(distance <= 2.0)[0])
    assert named[first] == "detector says done"
    assert named[40] == "end"


def test_moments_of_an_episode_that_never_arrives() -> None:
    distance = np.array([9.0, 6.0, 5.0, 6.0, 7.0])
    named = replay.named_moments(distance, np.full(5, 1.0), 2.0, 4)
    assert replay.Moment(2, "nearest") in named
    assert replay.named_moments(None, None, 2.0, 4) == [replay.Moment(4, "end")]
    ended = replay.named_moments(np.array([4.0, 3.0, 1.0]), np.full(3, 1.0), 2.0, 2)
    assert replay.Moment(2, "end, detector says done") in ended


def test_numbers_nobody_knows_are_null() -> None:
    assert replay._plain(np.array([1.23456789, np.nan, np.inf])) == [1.2346, None, None]


def test_the_film_shows_every_frame_and_is_the_same_each_time(client: Client) -> None:
    episode = make_episodes(make_run(), 2)[1]
    response = client.get(video_url(episode))
    assert response["Content-Type"] == "video/mp4"
    assert "immutable" in response["Cache-Control"]
    assert "private" in response["Cache-Control"]
    with av.open(BytesIO(response.content), "r") as film:
        frames = list(film.decode(video=0))
    assert len(frames) == episode.rows == episode.length + 1
    assert float(frames[1].time) == pytest.approx(1 / episode.task.control_hz)
    assert (frames[0].width, frames[0].height) == (replay.VIDEO_SIZE, replay.VIDEO_SIZE)
    assert replay.ReplayVideo(episode)._draw() == response.content


def test_two_episodes_of_a_shard_have_two_films() -> None:
    a, b = make_episodes(make_run(), 2)
    assert replay.ReplayVideo(a).tag != replay.ReplayVideo(b).tag
    assert replay.ReplayVideo(a).tag == replay.ReplayVideo(Episode.objects.get(pk=a.pk)).tag


def test_a_film_already_held_is_not_drawn(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    episode = make_episodes(make_run(), 1)[0]
    tag = client.get(video_url(episode))["ETag"]

    def fail(_: object) -> bytes:
        raise AssertionError("drawn although the browser holds it")

    monkeypatch.setattr(replay.ReplayVideo, "content", fail)
    again = client.get(video_url(episode), headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")


def test_a_lost_shard_is_a_clear_404(client: Client) -> None:
    episode = make_episodes(make_run(), 1)[0]
    storage.blobs().delete(episode.blob_key)
    for url in (video_url(episode), f"/episodes/{episode.pk}/replay.json"):
        response = client.get(url)
        assert response.status_code == 404
        assert "cannot be read" in response.content.decode()
    assert client.get(f"/episodes/{episode.pk}/").status_code == 200


def test_a_film_is_drawn_once_and_kept(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    episode = make_episodes(make_run(), 1)[0]
    first = client.get(video_url(episode)).content

    def fail(_: object) -> bytes:
        raise AssertionError("drawn although it lies ready")

    monkeypatch.setattr(replay.ReplayVideo, "_draw", fail)
    assert client.get(video_url(episode)).content == first


def test_a_robot_that_nobody_knows_any_more_has_no_film(client: Client) -> None:
    episode = make_episodes(make_run(), 1)[0]
    Task.objects.update(embodiment="retired-arm")
    response = client.get(video_url(episode))
    assert response.status_code == 404
    assert "Unknown embodiment" in response.content.decode()
