"""/api/episodes/"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from practice.models import AuditEntry, Episode, Label, User
from practice.selectors import replay
from practice.selectors.replay import EpisodeArrays
from tests.api.conftest import Api
from tests.api.test_run_records import episode_row
from tests.factories import make_dataset, make_run


def test_episodes_are_filtered_and_ordered(viewer: Api) -> None:
    run = make_run()
    episode_row(run, 1, doubt=0.2, verdict="success", detector_success=True, true_success=False)
    doubtful = episode_row(run, 2, doubt=0.9)
    dataset = make_dataset()
    demo = Episode.Kind.DEMONSTRATION
    shared = {"dataset": dataset, "task": dataset.task, "kind": demo, "length": 200}
    newest = episode_row(None, 3, **shared, approved=True, detector_success=True)
    queries = {
        "": 3,
        "?kind=practice": 2,
        "?kind=demonstration": 1,
        "?verdict=success": 1,
        "?verdict=none": 2,
        "?approved=true": 1,
        "?approved=false": 0,
        "?approved=none": 2,
        f"?run={run.pk}": 2,
        f"?dataset={dataset.pk}": 1,
        f"?task={run.task.slug}": 2,
        f"?task={run.task.slug}&verdict=none": 1,
        "?run=999": 0,
        "?words=RING": 3,
        "?words=nowhere": 0,
        "?shortest=1": 3,
        "?shortest=100000": 0,
        "?longest=0": 0,
        "?outcome=success": 1,
        "?outcome=failure": 1,
        "?outcome=unknown": 1,
    }
    counts = {query: viewer.get(f"episodes/{query}").body["count"] for query in queries}
    assert counts == queries
    assert viewer.get("episodes/").body["results"][0]["id"] == newest.pk
    assert viewer.get("episodes/?order=doubt").body["results"][0]["id"] == doubtful.pk
    longest = viewer.get("episodes/?order=long").body["results"][0]
    assert (longest["id"], longest["seconds"]) == (newest.pk, 20.0)


@pytest.mark.parametrize(
    "query", ["outcome=maybe", "shortest=-1", "longest=x", "words=" + 201 * "a", "words=%00"]
)
def test_a_filter_that_means_nothing_is_refused(viewer: Api, query: str) -> None:
    answer = viewer.get(f"episodes/?{query}")
    assert (answer.status, [*answer.error["fields"]]) == (400, [query.split("=", maxsplit=1)[0]])


def test_a_label_is_a_row_and_an_earlier_one_stays(operator: Api, otto: User) -> None:
    episode = episode_row(make_run(), 1)
    first = operator.post(f"episodes/{episode.pk}/label/", {"verdict": "success"})
    assert first.status == 201, first
    assert first.body["by"] == "otto"
    operator.post(f"episodes/{episode.pk}/label/", {"verdict": "unsure", "note": "too dark"})
    body = operator.get(f"episodes/{episode.pk}/").body
    assert body["verdict"] == "unsure"
    assert [label["verdict"] for label in body["labels"]] == ["unsure", "success"]
    assert body["labels"][0]["note"] == "too dark"
    assert Label.objects.filter(by=otto).count() == 2


@pytest.mark.parametrize("verdict", ["", "perhaps", None, 1])
def test_a_verdict_is_one_of_three(operator: Api, verdict: Any) -> None:
    episode = episode_row(make_run(), 1)
    answer = operator.post(f"episodes/{episode.pk}/label/", {"verdict": verdict})
    assert "verdict" in answer.error["fields"]
    assert not Label.objects.exists()


def test_an_approval_can_be_given_refused_and_taken_back(operator: Api, otto: User) -> None:
    episode = episode_row(make_run(), 1)
    for approved in (True, False, None):
        answer = operator.post(f"episodes/{episode.pk}/approve/", {"approved": approved})
        assert (answer.status, answer.body["approved"]) == (200, approved)
    assert AuditEntry.objects.filter(by=otto, verb="episode.approved").count() == 3
    assert operator.post(f"episodes/{episode.pk}/approve/", {}).status == 400


def test_many_are_approved_at_once_or_none(operator: Api) -> None:
    run = make_run()
    ids = [episode_row(run, number).pk for number in range(3)]
    refused = operator.post("episodes/approve/", {"episodes": [*ids, 10**9], "approved": True})
    assert "1000000000" in refused.error["message"]
    assert not Episode.objects.filter(approved=True).exists()
    body = {"episodes": [*ids[:2], ids[0]], "approved": True}
    assert operator.post("episodes/approve/", body).body == {"changed": 2}
    assert Episode.objects.filter(approved=True).count() == 2
    assert operator.post("episodes/approve/", {"episodes": [], "approved": True}).status == 400
    too_many = {"episodes": list(range(1, 1002)), "approved": True}
    assert operator.post("episodes/approve/", too_many).status == 400


def test_a_replay_shows_the_arrays(viewer: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from practice.episodes.types import Episode as Recorded  # noqa: PLC0415 - beside its namesake

    recorded = Recorded(
        uid="e1",
        robot=0,
        instruction="go to the ring",
        seed=1,
        observation={"observation.state": np.arange(18, dtype=np.float32).reshape(3, 6)},
        action=np.ones((2, 2), dtype=np.float32),
        distance=np.array([5, np.nan, 1], dtype=np.float32),
        spread=np.array([1, 2, 0.5], dtype=np.float32),
        ended_by="detector",
        detector_success=True,
        true_success=True,
        iteration=1,
    )
    monkeypatch.setattr(replay, "episode_arrays", lambda *_: EpisodeArrays(recorded, 2.0, 10.0))
    body = viewer.get(f"episodes/{episode_row(make_run(), 1).pk}/replay/").body
    assert body["steps"] == 2
    assert body["distance"] == [5.0, None, 1.0], "What is not a number is null on the wire."
    assert body["discounted_return"] is None
    assert body["spread"] == [1.0, 2.0, 0.5]
    assert all(0 <= moment["step"] <= 2 for moment in body["moments"])
    assert body["moments"]
    action = body["curves"][-1]
    assert action["name"] == "action"
    assert action["values"] == [[1.0, 1.0], [1.0, 1.0]]


def test_a_lost_recording_is_missing(viewer: Api, tmp_path: Path) -> None:
    answer = viewer.get(f"episodes/{episode_row(make_run(), 1).pk}/replay/")
    assert (answer.status, answer.error["code"]) == (404, "not_found")
    assert str(tmp_path) not in answer.error["message"]
