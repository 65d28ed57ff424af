"""Replays of robots with cameras: what the model saw, beside the picture for people."""

from io import BytesIO

import av
import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from numpy.typing import NDArray

from practice.embodiments.registry import embodiment
from practice.episodes.pictures import decode_picture
from practice.models import Episode, User
from practice.selectors import sheets
from practice.selectors.sheets import camera_sheets
from tests.examples import recorded_of
from tests.factories import make_dataset, make_episodes, make_run, make_task

pytestmark = pytest.mark.django_db

SPEC = embodiment("language-table-4").spec
TOP = "observation.images.top"
TRUTH = "observation.environment_state"
H, W = SPEC.observation[TOP].shape[:2]


@pytest.fixture
def client(vera: User) -> Client:
    client = Client()
    client.force_login(vera)
    return client


def make_seen(*, length: int = 40, without: tuple[str, ...] = ()) -> Episode:
    """A demonstration of a robot with a camera."""
    task = make_task(embodiment=SPEC.id, instructions=list(SPEC.instructions), limits={})
    recordings = [recorded_of(SPEC, "e0", length=length, without=without)]
    return make_episodes(dataset=make_dataset(task), recordings=recordings)[0]


def cut(sheet: NDArray[np.uint8], columns: int, at: int, h: int, w: int) -> NDArray[np.uint8]:
    """Frame `at` as the page cuts it out."""
    y, x = h * (at // columns), w * (at % columns)
    return sheet[y : y + h, x : x + w]


def test_the_sheet_has_every_frame_to_the_pixel(client: Client) -> None:
    episode = make_seen()
    [sheet] = camera_sheets(episode)
    assert (sheet.width, sheet.height, sheet.every, sheet.columns) == (W, H, 1, 32)
    response = client.get(reverse("web:episode_camera", args=[episode.pk, 0]))
    assert response["Content-Type"] == "image/png"
    assert "immutable" in response["Cache-Control"]
    pixels = decode_picture(response.content, (2 * H, 32 * W, 3))
    seen = recorded_of(SPEC, "e0", length=40).observation[TOP]
    for frame in (0, 31, 32, 40):
        np.testing.assert_array_equal(cut(pixels, 32, frame, H, W), seen[frame])


def test_a_long_or_large_recording_is_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_SIDE", W // 2)
    monkeypatch.setattr(sheets, "MAX_PIXELS", 15 * H * W // 4)
    [sheet] = camera_sheets(make_seen())
    assert (sheet.width, sheet.height, sheet.every, sheet.frames) == (W // 2, H // 2, 3, 14)
    pixels = decode_picture(sheet.content(), (H // 2, 14 * W // 2, 3))
    seen = recorded_of(SPEC, "e0", length=40).observation[TOP]
    np.testing.assert_array_equal(cut(pixels, 14, 2, H // 2, W // 2), seen[6, ::2, ::2])


def test_the_page_says_what_the_model_saw_and_folds_no_truth_into_curves(client: Client) -> None:
    episode = make_seen()
    page = client.get(reverse("web:episode", args=[episode.pk])).content.decode()
    [sheet] = camera_sheets(episode)
    assert f"{reverse('web:episode_camera', args=[episode.pk, 0])}?v={sheet.tag}" in page
    assert f"what the model saw, {W} \N{MULTIPLICATION SIGN} {H}" in page
    assert 'data-curve="observation.state"' in page
    assert f'data-curve="{TRUTH}"' not in page
    assert f'data-curve="{TOP}"' not in page


def test_the_numbers_hold_no_pictures(client: Client) -> None:
    data = client.get(f"/episodes/{make_seen().pk}/replay.json").json()
    assert [curve["name"] for curve in data["curves"]] == ["observation.state", TRUTH, "action"]


def test_a_robot_without_cameras_has_no_sheet(client: Client) -> None:
    episode = make_episodes(make_run(), 1)[0]
    assert camera_sheets(episode) == []
    response = client.get(reverse("web:episode_camera", args=[episode.pk, 0]))
    assert response.status_code == 404
    assert "data-replay-camera" not in client.get(f"/episodes/{episode.pk}/").content.decode()


def test_a_recording_without_pictures_is_a_clear_404(client: Client) -> None:
    episode = make_seen(without=(TOP,))
    response = client.get(reverse("web:episode_camera", args=[episode.pk, 0]))
    assert response.status_code == 404
    assert f"has no pictures of {TOP}" in response.content.decode()


def test_without_a_simulators_truth_the_film_shows_what_the_camera_saw(client: Client) -> None:
    episode = make_seen(length=5, without=(TRUTH,))
    response = client.get(reverse("web:episode_video", args=[episode.pk]))
    with av.open(BytesIO(response.content), "r") as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 6
    assert not frames[0][:20].any(), "a dark band above a picture that is wider than high"
    assert frames[0][160].std() > 20
