"""How many queries each endpoint makes: fixed numbers, however many rows there are.

Three of each belong to the session: the session itself, the person, the role.
"""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from practice.models import Dataset, DatasetVersion, Episode, Estimate, Export, Run, Upload, User
from practice.services.edits import exclude_episodes, trim_episode
from practice.services.people import issue_token
from practice.services.selections import create_selection
from practice.services.versions import freeze
from tests.api.conftest import Api
from tests.api.test_run_records import episode_row
from tests.factories import (
    make_checkpoint,
    make_dataset,
    make_episodes,
    make_evaluation,
    make_log,
    make_points,
    make_run,
    make_worker,
)

COUNTS = {
    "me/": 3,
    "embodiments/": 3,
    "presets/": 3,
    "workers/": 5,
    "tasks/": 5,
    "tasks/{task}/": 4,
    "datasets/": 6,
    "datasets/{dataset}/": 4,
    "datasets/{dataset}/versions/": 7,
    "versions/{version}/": 6,
    "versions/{version}/episodes/": 6,
    "episodes/{corrected}/edits/": 6,
    "estimates/{estimate}/": 4,
    "exports/": 5,
    "exports/{export}/": 4,
    "uploads/": 5,
    "runs/": 9,
    "runs/{run}/": 8,
    "runs/{run}/points/": 5,
    "runs/{run}/log/": 5,
    "runs/{run}/episodes/": 6,
    "runs/{run}/checkpoints/": 7,
    "episodes/": 5,
    "episodes/{episode}/": 5,
    "checkpoints/": 6,
    "checkpoints/{checkpoint}/": 6,
    "evaluations/": 5,
    "tokens/": 5,
}


def _frozen_and_corrected(dataset: Dataset) -> tuple[DatasetVersion, Episode]:
    """Two versions with runs, a selection, and an episode with several edits."""
    maker = dataset.created_by
    for demo in make_episodes(dataset=dataset, count=2):
        exclude_episodes([demo], by=maker, excluded=True)
        exclude_episodes([demo], by=maker, excluded=False)
    version = freeze(dataset, by=maker)
    version.runs.set(dataset.runs.all())
    trim_episode(demo, by=maker, first=1, end=None)
    freeze(dataset, by=maker).runs.set(dataset.runs.all())
    create_selection(dataset.task, by=maker, name="All", query={})
    return version, demo


def _estimate(run: Run) -> Estimate:
    known = {"task": run.task, "kind": run.kind, "config": run.config, "created_by": run.created_by}
    return Estimate.objects.create(**known, queued_at=run.queued_at)


@pytest.fixture
def names(vera: User) -> dict[str, object]:
    """Several rows of everything; gives the ids that paths name."""
    for _ in range(3):
        dataset = make_dataset()
        run = make_run(dataset.task, datasets=(dataset,), kind=Run.Kind.SFT)
        make_points(run, 3)
        make_log(run, "one", "two")
        checkpoint = make_checkpoint(run)
        checkpoint.parents.add(make_checkpoint(run, kind="reward"))
        make_evaluation(checkpoint)
        make_worker()
        episodes = [episode_row(run, number) for number in range(3)]
        version, demo = _frozen_and_corrected(dataset)
        issue_token(vera, by=vera, name="script")
        export = Export.objects.create(
            version=DatasetVersion.objects.create(
                dataset=dataset,
                number=9,
                digest="0" * 64,
                episodes=2,
                frames=120,
                created_by=dataset.created_by,
            ),
            created_by=dataset.created_by,
        )
        tomorrow = timezone.now() + timedelta(days=1)
        Upload.objects.create(
            task=run.task, person=vera, filename="a.zip", size=1, expires_at=tomorrow
        )
    return {
        "export": export.pk,
        "estimate": _estimate(run).pk,
        "task": run.task.slug,
        "dataset": dataset.pk,
        "run": run.pk,
        "episode": episodes[0].pk,
        "checkpoint": checkpoint.pk,
        "version": version.pk,
        "corrected": demo.pk,
    }


@pytest.mark.parametrize("path", COUNTS)
def test_queries_are_counted(viewer: Api, names: dict[str, object], path: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = viewer.get(path.format(**names))
    assert answer.status == 200
    listed = "\n".join(query["sql"][:160] for query in queries)
    assert len(queries) == COUNTS[path], listed


def test_people_are_listed_without_a_query_each(admin: Api, viewer: Api, operator: Api) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert admin.get("people/").body["count"] == 3
    assert len(queries) == 5, "\n".join(query["sql"][:160] for query in queries)
