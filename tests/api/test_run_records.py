"""/api/runs/{id}/points/, log/, episodes/, checkpoints/"""

from typing import Any

import pytest

from practice.api.views import run_records
from practice.models import Episode, Run
from tests.api.conftest import Api
from tests.factories import make_checkpoint, make_log, make_points, make_run


def episode_row(run: Run | None, number: int, **changes: Any) -> Episode:
    """An episode of a run, without a recording."""
    values: dict[str, Any] = {
        "task": run and run.task,
        "kind": Episode.Kind.PRACTICE,
        "uid": f"e{number}",
        "instruction": "go to the ring",
        "length": 20,
        "doubt": number / 10,
        "blob_key": "runs/1/episodes-000001-1.parquet",
        "first_row": 21 * number,
        "rows": 21,
    }
    return Episode.objects.create(run=run, **{**values, **changes})


def test_points_come_piece_by_piece(viewer: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    rows = make_points(run, 5)
    monkeypatch.setattr(run_records, "MOST_POINTS", 2)
    seen: list[int] = []
    after, more = 0, True
    while more:
        body = viewer.get(f"runs/{run.pk}/points/?after={after}").body
        seen += [point["iteration"] for point in body["points"]]
        after, more = body["last"], body["more"]
    assert seen == [row.iteration for row in rows]
    assert viewer.get(f"runs/{run.pk}/points/?after=99").body == {
        "points": [],
        "last": 99,
        "more": False,
    }
    assert viewer.get(f"runs/{run.pk}/points/").body["points"][0]["values"] == rows[0].values


def test_the_log_comes_piece_by_piece(viewer: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    make_log(make_run(run.task), "of another run")
    make_log(run, "one", "two", "three")
    monkeypatch.setattr(run_records, "MOST_LINES", 2)
    first = viewer.get(f"runs/{run.pk}/log/").body
    assert [line["text"] for line in first["lines"]] == ["one", "two"]
    assert first["more"] is True
    second = viewer.get(f"runs/{run.pk}/log/?after={first['last']}").body
    assert [line["text"] for line in second["lines"]] == ["three"]
    assert second["more"] is False


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "99999999999999999999"])
@pytest.mark.parametrize("what", ["points", "log"])
def test_a_bad_place_to_go_on_is_refused(viewer: Api, what: str, after: str) -> None:
    answer = viewer.get(f"runs/{make_run().pk}/{what}/?after={after}")
    assert answer.status == 400
    assert "after" in answer.error["fields"]


def test_a_run_lists_its_own_episodes_and_checkpoints(viewer: Api) -> None:
    run, other = make_run(), make_run()
    mine = [episode_row(run, number) for number in (1, 2)]
    episode_row(other, 3)
    kept = make_checkpoint(run)
    make_checkpoint(other)
    found = viewer.get(f"runs/{run.pk}/episodes/").body["results"]
    assert [row["id"] for row in found] == [mine[1].pk, mine[0].pk]
    assert viewer.get(f"runs/{run.pk}/episodes/?order=doubt&limit=1").body["count"] == 2
    found = viewer.get(f"runs/{run.pk}/checkpoints/").body["results"]
    assert [row["id"] for row in found] == [kept.pk]


@pytest.mark.parametrize("what", ["points", "log", "episodes", "checkpoints"])
def test_a_run_that_is_not_there_is_missing(viewer: Api, what: str) -> None:
    assert viewer.get(f"runs/999/{what}/").status == 404
