"""Quality in /api/episodes/: the field and its filters."""

import pytest

from practice.services.quality import judge_dataset
from tests.api.conftest import Api
from tests.factories import make_episodes
from tests.services.test_quality import mixed


@pytest.mark.parametrize(
    ("query", "place"),
    [("odd=duplicate", 10), ("odd=length", 11), ("clipped_over=0.5", 12)],
)
def test_episodes_are_found_by_their_quality(viewer: Api, query: str, place: int) -> None:
    dataset, rows = mixed()
    judge_dataset(dataset)
    make_episodes(count=1)  # nobody has measured it
    found = viewer.get(f"episodes/?{query}").body["results"]
    assert [episode["id"] for episode in found] == [rows[place].pk]
    assert found[0]["quality"]["length"] == rows[place].length


def test_an_unmeasured_episode_has_no_quality(viewer: Api) -> None:
    fresh = make_episodes(count=1)[0]
    assert viewer.get(f"episodes/{fresh.pk}/").body["quality"] is None


def test_a_share_above_one_is_refused(viewer: Api) -> None:
    assert "idle_over" in viewer.get("episodes/?idle_over=2").error["fields"]
