"""/api/datasets/selections/, PATCH of a selection, versions and their episodes"""

from typing import Any

import pytest

from practice.models import Dataset, User
from practice.services.edits import trim_episode
from practice.services.versions import freeze
from tests.api.conftest import Api
from tests.factories import make_demos, make_episodes, make_run


def test_a_selection_is_made_changed_and_learned_from(operator: Api) -> None:
    demos = make_demos(count=3)  # 12, 13 and 14 steps
    body = {"task": demos.task.slug, "name": "Long", "query": {"shortest": 13, "idle": None}}
    answer = operator.post("datasets/selections/", body)
    assert answer.status == 201, answer
    assert (answer.body["kind"], answer.body["state"]) == ("selection", "ready")
    assert answer.body["query"] == {"shortest": 13}
    assert (answer.body["episodes_kept"], answer.body["frames"]) == (2, 27)
    where = f"datasets/{answer.body['id']}/"
    assert operator.get(where).body["episodes_kept"] == 2
    assert operator.get("datasets/?kind=selection").body["results"][0]["episodes_kept"] == 2
    assert operator.get(f"episodes/?dataset={answer.body['id']}").body["count"] == 2
    renamed = operator.patch(where, {"name": "Longest"}).body
    assert (renamed["name"], renamed["query"]) == ("Longest", {"shortest": 13})
    changed = operator.patch(where, {"query": {"shortest": 14}}).body
    assert (changed["name"], changed["episodes_kept"]) == ("Longest", 1)
    launch = {"kind": "sft", "task": demos.task.slug, "datasets": [answer.body["id"]]}
    run = operator.post("runs/", launch)
    assert run.status == 201, run
    versions = operator.get(f"{where}versions/").body["results"]
    assert [version["id"] for version in versions] == run.body["versions"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"speed": 3}, "query.speed"),
        ({"kinds": ["evaluation"]}, "query.kinds.0"),
        ({"kinds": []}, "query.kinds"),
        ({"idle": 1.5}, "query.idle"),
        ({"shortest": 2**40}, "query.shortest"),
        ({"datasets": [-1]}, "query.datasets.0"),
        ({"words": "a\x00b"}, "query.words"),
        ([], "query"),
    ],
)
def test_what_is_no_filter_is_named(operator: Api, query: Any, field: str) -> None:
    demos = make_demos()
    body = {"task": demos.task.slug, "name": "Odd", "query": query}
    answer = operator.post("datasets/selections/", body)
    assert answer.status == 400
    assert field in answer.error["fields"], answer
    assert Dataset.objects.count() == 1


def test_an_import_has_no_filter(operator: Api) -> None:
    answer = operator.patch(f"datasets/{make_demos().pk}/", {"name": "Mine"})
    assert (answer.status, answer.error["code"]) == (409, "conflict")


def test_versions_say_what_was_frozen_whatever_happens_after(viewer: Api, otto: User) -> None:
    demos = make_demos(count=2)
    first, second = demos.episodes.order_by("pk")
    trim_episode(first, by=otto, first=3, end=None)
    version = freeze(demos, by=otto)
    version.runs.add(run := make_run(demos.task))
    make_episodes(dataset=demos, count=1)
    freeze(demos, by=otto)
    body = viewer.get(f"datasets/{demos.pk}/versions/").body
    assert [row["number"] for row in body["results"]] == [2, 1]
    shown = viewer.get(f"versions/{version.pk}/").body
    assert shown == body["results"][1]
    assert (shown["runs"], shown["digest"]) == ([run.pk], version.digest)
    assert (shown["episodes"], shown["frames"]) == (2, 9 + 13)
    members = viewer.get(f"versions/{version.pk}/episodes/").body["results"]
    text = first.instruction
    assert members == [
        {"episode": first.pk, "first": 3, "end": 12, "instruction": text},
        {"episode": second.pk, "first": 0, "end": 13, "instruction": text},
    ]
    assert viewer.get("versions/4711/episodes/").status == 404
