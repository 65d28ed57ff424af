"""/api/episodes/{id}/videos/{camera}/"""

import pytest

from practice import storage
from practice.models import Episode
from tests.api.conftest import Api
from tests.factories import make_dataset, make_episodes
from tests.films import OTHERS, give_videos

FRONT = "observation.images.front"


@pytest.fixture
def filmed(db: None) -> Episode:
    return give_videos(make_episodes(dataset=make_dataset(), count=1)[0], "front", "wrist")


def test_an_episode_names_its_videos_and_they_come_in_ranges(viewer: Api, filmed: Episode) -> None:
    named = viewer.get(f"episodes/{filmed.pk}/").body["videos"]
    assert named[0] == {
        "camera": FRONT,
        "url": f"/api/episodes/{filmed.pk}/videos/{FRONT}/",
        "start": OTHERS / 10,
        "fps": 10.0,
    }
    whole = storage.blobs().path(filmed.videos[FRONT]["key"]).read_bytes()
    path = named[0]["url"].removeprefix("/api/")
    sent = viewer.send("GET", path, headers={"Accept": "*/*"})
    assert (sent.status, sent.body) == (200, whole)
    assert sent.headers["Content-Type"] == "video/mp4"
    asked = {"Accept": "*/*", "Range": "bytes=100-"}
    part = viewer.send("GET", path, headers=asked)
    assert (part.status, part.body) == (206, whole[100:])


def test_an_unknown_camera_is_not_found(viewer: Api, filmed: Episode) -> None:
    answer = viewer.get(f"episodes/{filmed.pk}/videos/back/")
    assert (answer.status, answer.error["code"]) == (404, "not_found")
    assert f"it has {FRONT}, observation.images.wrist" in answer.error["message"]


def test_an_episode_without_videos_has_an_empty_list(viewer: Api) -> None:
    episode = make_episodes(dataset=make_dataset(), count=1)[0]
    assert viewer.get(f"episodes/{episode.pk}/").body["videos"] == []
