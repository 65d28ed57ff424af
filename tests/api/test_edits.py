"""/api/episodes/: leave out, trim, reword; /api/edits/"""

from typing import Any

import pytest

from practice.models import Episode, EpisodeEdit
from tests.api.conftest import Api
from tests.api.test_run_records import episode_row
from tests.factories import make_run


def an_episode() -> Episode:
    return episode_row(make_run(), 1, length=12)


def test_many_are_left_out_at_once_or_none(operator: Api) -> None:
    run = make_run()
    ids = [episode_row(run, number).pk for number in range(3)]
    body = {"episodes": [*ids, 10**9], "excluded": True}
    assert "1000000000" in operator.post("episodes/exclude/", body).error["message"]
    assert not EpisodeEdit.objects.exists()
    body = {"episodes": ids[:2], "excluded": True, "reason": "shaky"}
    assert operator.post("episodes/exclude/", body).body == {"changed": 2}
    assert operator.post("episodes/exclude/", body).body == {"changed": 0}
    assert operator.get("episodes/?corrected=excluded").body["count"] == 2
    assert operator.get("episodes/?corrected=included").body["results"][0]["id"] == ids[2]
    assert operator.get("episodes/?corrected=trimmed").body["count"] == 0
    assert EpisodeEdit.objects.filter(reason="shaky").count() == 2


def test_an_episode_is_trimmed_and_all_steps_count_again(operator: Api) -> None:
    where = f"episodes/{an_episode().pk}/trim/"
    answer = operator.post(where, {"first": 2, "end": 9})
    assert answer.status == 200, answer
    assert (answer.body["trim_first"], answer.body["trim_end"]) == (2, 9)
    answer = operator.post(where, {"first": None, "end": None})
    assert (answer.body["trim_first"], answer.body["trim_end"]) == (None, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"first": 9, "end": 2}, "end"),
        ({"first": 0, "end": 2**40}, "end"),
        ({"first": -1, "end": 2}, "first"),
        ({"end": 2}, "first"),
        ({"first": 0, "end": 2, "reason": "x" * 201}, "reason"),
        ({"first": 0, "end": 2, "last": 3}, "last"),
    ],
)
def test_what_is_no_trim_is_named(operator: Api, body: dict[str, Any], field: str) -> None:
    answer = operator.post(f"episodes/{an_episode().pk}/trim/", body)
    assert answer.status == 400
    assert field in answer.error["fields"]
    assert not EpisodeEdit.objects.exists()


def test_another_instruction_and_back(operator: Api) -> None:
    episode = an_episode()
    answer = operator.post(f"episodes/{episode.pk}/reword/", {"instruction": "go slowly"})
    assert answer.body["instruction"] == "go slowly"
    edits = operator.get(f"episodes/{episode.pk}/edits/").body
    assert edits["count"] == 1
    edit = edits["results"][0]
    assert (edit["by"], edit["undone_at"]) == ("otto", None)
    assert edit["before"] == {"instruction": episode.instruction}
    undone = operator.post(f"edits/{edit['id']}/undo/")
    assert undone.status == 200
    assert undone.body["undone_at"]
    assert operator.get(f"episodes/{episode.pk}/").body["instruction"] == episode.instruction
    assert operator.post(f"edits/{edit['id']}/undo/").status == 409
    assert operator.post("edits/4711/undo/").status == 404


@pytest.mark.parametrize("text", ["", " ", "go\x00on", None])
def test_an_instruction_is_text(operator: Api, text: Any) -> None:
    answer = operator.post(f"episodes/{an_episode().pk}/reword/", {"instruction": text})
    assert "instruction" in answer.error["fields"]
