"""The cameras' original videos: bytes in ranges, who may have them, and their tiles on the page."""

from io import BytesIO
from typing import Any

import av
import pytest
from django.test import Client
from django.urls import reverse

from practice import storage
from practice.models import Episode, User
from practice.selectors.videos import camera_video, camera_videos
from practice.web import episodes as pages
from tests.factories import make_dataset, make_episodes
from tests.films import OTHERS, give_videos

pytestmark = pytest.mark.django_db

FRONT, WRIST = "observation.images.front", "observation.images.wrist.left"


@pytest.fixture
def client(vera: User) -> Client:
    client = Client()
    client.force_login(vera)
    return client


@pytest.fixture
def filmed() -> Episode:
    """A demonstration of 12 steps, seen by two cameras."""
    return give_videos(make_episodes(dataset=make_dataset(), count=1)[0], "front", "wrist.left")


def address(episode: Episode, camera: str) -> str:
    return reverse("web:episode_original", args=[episode.pk, camera])


def stored(episode: Episode, camera: str) -> bytes:
    return storage.blobs().path(episode.videos[camera]["key"]).read_bytes()


def test_the_mp4_comes_as_it_is_stored_and_holds_the_episode(
    client: Client, filmed: Episode
) -> None:
    response: Any = client.get(address(filmed, FRONT))
    assert response["Content-Type"] == "video/mp4"
    assert "immutable" in response["Cache-Control"]
    content = response.getvalue()
    assert content == stored(filmed, FRONT)
    with av.open(BytesIO(content), "r") as film:
        assert film.streams.video[0].frames == filmed.length + 2 * OTHERS


def test_a_player_gets_a_piece_and_asks_again(
    client: Client, filmed: Episode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_AT_ONCE", 1000)
    whole = stored(filmed, WRIST)
    response: Any = client.get(address(filmed, WRIST), headers={"Range": "bytes=0-"})
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes 0-999/{len(whole)}"
    assert response["Cache-Control"] == "private, no-store", (
        "Else it asks for all the rest by its end."
    )
    assert response.getvalue() == whole[:1000]
    rest: Any = client.get(address(filmed, WRIST), headers={"Range": "bytes=1000-1099"})
    assert rest.getvalue() == whole[1000:1100]


def test_what_the_browser_holds_is_not_sent_again(client: Client, filmed: Episode) -> None:
    tag = client.get(address(filmed, FRONT))["ETag"]
    again = client.get(address(filmed, FRONT), headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(address(filmed, WRIST), headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    "camera", ["back", "front", "..", "%2e%2e", "films-of-tests", FRONT + ".", "x" * 500]
)
def test_an_unknown_camera_is_one_sentence(client: Client, filmed: Episode, camera: str) -> None:
    response = client.get(address(filmed, camera))
    assert response.status_code == 404
    said = response.content.decode()
    assert "has no video of a camera" in said
    assert f"it has {FRONT}, {WRIST}" in said
    assert len(said) < 20_000


def test_an_episode_without_videos_says_so(client: Client) -> None:
    episode = make_episodes(dataset=make_dataset(), count=1)[0]
    response = client.get(address(episode, FRONT))
    assert response.status_code == 404
    assert "it has none at all" in response.content.decode()
    assert "data-camera-video" not in client.get(f"/episodes/{episode.pk}/").content.decode()


def test_a_lost_video_is_a_clear_404_and_costs_the_page_nothing(
    client: Client, filmed: Episode
) -> None:
    storage.blobs().delete(filmed.videos[FRONT]["key"])
    response = client.get(address(filmed, FRONT))
    assert response.status_code == 404
    assert "import its dataset again" in response.content.decode()
    assert client.get(f"/episodes/{filmed.pk}/").status_code == 200


def test_strangers_and_people_without_a_role_get_no_byte(filmed: Episode, vera: User) -> None:
    assert Client().get(address(filmed, FRONT)).status_code == 302
    vera.groups.clear()
    client = Client()
    client.force_login(vera)
    assert client.get(address(filmed, FRONT)).status_code == 403


def test_a_name_is_a_strangers_text_and_never_a_path(client: Client, filmed: Episode) -> None:
    odd = '"><b>& front\N{SNOWMAN}'
    place = filmed.videos[FRONT]
    filmed.videos = {odd: place, "a/../../b": place, "": place}
    filmed.save()
    [video] = camera_videos(filmed)
    assert (video.name, video.short_name) == (odd, odd)
    response: Any = client.get(address(filmed, odd))
    assert response.getvalue() == stored(filmed, odd)
    page = client.get(f"/episodes/{filmed.pk}/")
    assert page.status_code == 200
    assert odd not in page.content.decode()
    assert "&quot;&gt;&lt;b&gt;&amp; front" in page.content.decode()


def test_the_page_has_a_tile_per_camera(client: Client, filmed: Episode) -> None:
    page = client.get(f"/episodes/{filmed.pk}/").content.decode()
    assert page.count("data-camera-video=") == 2
    for camera in (FRONT, WRIST):
        video = camera_video(filmed, camera)
        assert f'data-camera-video="{address(filmed, camera)}?v={video.tag}"' in page
    assert f'data-start="{OTHERS / 10:f}"' in page
    assert 'data-fps="10.000000"' in page
    assert "wrist.left" in page
