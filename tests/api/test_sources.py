"""/api/datasets/folders/, /api/datasets/hub/, and the verbs of an import"""

from pathlib import Path

import pytest
from pytest_django import Settings

from practice.models import Dataset
from tests.api.conftest import Api
from tests.examples import dataset_report
from tests.factories import make_dataset, make_demos, make_task


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """An allowed folder with something that says it is a dataset."""
    settings.EFM_IMPORT_FOLDERS = (tmp_path,)
    meta = tmp_path / "rings" / "meta"
    meta.mkdir(parents=True)
    (meta / "info.json").write_text('{"codebase_version": "v2.1", "total_episodes": 7, "fps": 10}')
    return meta.parent


def test_folders_are_listed_and_imported(operator: Api, folder: Path) -> None:
    [found] = operator.get("datasets/folders/").body
    assert found == {
        "path": str(folder),
        "version": "v2.1",
        "episodes": 7,
        "frames": 0,
        "fps": 10.0,
    }
    task = make_task()
    answer = operator.post("datasets/folders/", {"task": task.slug, "path": str(folder)})
    assert answer.status == 202, answer
    assert answer.body["source"] == {"kind": "folder", "path": str(folder)}


def test_viewers_do_not_see_what_lies_on_the_server(viewer: Api, folder: Path) -> None:
    assert viewer.get("datasets/folders/").status == 403


def test_other_folders_are_refused_by_name(operator: Api, folder: Path) -> None:
    given = {"task": make_task().slug, "path": "/etc"}
    answer = operator.post("datasets/folders/", given)
    assert answer.status == 400
    assert "/etc" in answer.error["message"]
    assert "path" in answer.error["fields"]


def test_the_hub_is_asked_by_a_worker(operator: Api) -> None:
    given = {"task": make_task().slug, "repo": "lab/rings"}
    answer = operator.post("datasets/hub/", given)
    assert answer.status == 202, answer
    assert answer.body["state"] == "queued"
    assert answer.body["name"] == "lab/rings"
    assert answer.body["source"] == {"kind": "hub", "repo": "lab/rings", "revision": ""}
    assert operator.post("datasets/hub/", {**given, "repo": "rings"}).status == 400


def test_an_import_is_stopped_and_tried_again(operator: Api) -> None:
    dataset = make_dataset(state=Dataset.State.QUEUED)
    stopped = operator.post(f"datasets/{dataset.pk}/stop/", {})
    assert (stopped.status, stopped.body["state"]) == (200, "failed")
    assert operator.post(f"datasets/{dataset.pk}/stop/", {}).status == 409
    again = operator.post(f"datasets/{dataset.pk}/retry/", {})
    assert (again.status, again.body["state"]) == (202, "queued")
    assert operator.post(f"datasets/{dataset.pk}/retry/", {}).status == 409


FEATURES = {
    "observation.pose": {"dtype": "float32", "shape": [6], "names": None},
    "action": {"dtype": "float32", "shape": [2], "names": None},
}


def test_a_mapping_is_asked_for_and_given(operator: Api) -> None:
    report = {**dataset_report(), "features": FEATURES, "fps": 10, "findings": [], "episodes": []}
    dataset = make_dataset(state=Dataset.State.MAPPING, report=report)
    asked = operator.get(f"datasets/{dataset.pk}/mapping/")
    state = next(f for f in asked.body["features"] if f["feature"] == "observation.state")
    assert (asked.body["fits"], state["chosen"]) == (True, "observation.pose")
    assert state["candidates"] == ["observation.pose"]
    wrong = {"mapping": {"observation.state": "observation.nothing"}}
    refused = operator.send("PUT", f"datasets/{dataset.pk}/mapping/", wrong)
    assert (refused.status, "observation.nothing" in refused.error["message"]) == (400, True)
    given = operator.send("PUT", f"datasets/{dataset.pk}/mapping/", {"mapping": {}})
    assert (given.status, given.body["state"]) == (202, "queued")
    assert given.body["mapping"]["observation.state"] == "observation.pose"
    assert operator.get(f"datasets/{dataset.pk}/mapping/").status == 409


def test_a_dataset_is_reworded(operator: Api) -> None:
    dataset = make_demos(count=3)
    old = dataset.episodes.values_list("instruction", flat=True).first()
    answer = operator.post(
        f"datasets/{dataset.pk}/reword/", {"instruction": old, "to": "roll to the ring"}
    )
    assert answer.body == {"changed": 3}
    assert (
        operator.post(f"datasets/{dataset.pk}/reword/", {"instruction": old, "to": "x"}).status
        == 400
    )
