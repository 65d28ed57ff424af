"""Quality beside the rows: measured after an import, on demand, and for practice as it is recorded."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from practice import events, storage
from practice.models import Dataset, Episode
from practice.selectors.membership import EpisodeQuery
from practice.services import enqueue
from practice.services.leases import requeue_expired
from practice.services.quality import (
    episode_quality,
    judge_dataset,
    judge_dataset_by_id,
    judge_of,
    unjudged,
)
from tests.examples import recorded
from tests.factories import make_dataset, make_episodes, make_run
from tests.services.conftest import Committed

pytestmark = pytest.mark.django_db


def mixed() -> tuple[Dataset, list[Episode]]:
    """Ten demonstrations that merely vary, then one that repeats the third, one far too long, one at its bounds."""
    lived = [recorded(f"e{n:02}", length=20 + n, robot=n) for n in range(10)]
    repeated = replace(lived[2], uid="again")
    clipped = recorded("hard", length=23, robot=41)
    clipped = replace(clipped, action=np.where(np.arange(23)[:, None] < 12, 1e-3, clipped.action))
    clipped = replace(clipped, action=clipped.action.astype(np.float32))
    lived += [repeated, recorded("long", length=400, robot=40), clipped]
    dataset = make_dataset()
    return dataset, make_episodes(dataset=dataset, recordings=lived)


def test_a_dataset_is_measured_and_compared() -> None:
    dataset, rows = mixed()
    assert judge_dataset(dataset) == len(rows)
    found = {row.uid: row.quality for row in Episode.objects.filter(dataset=dataset)}
    assert {uid: q["duplicate_of"] for uid, q in found.items() if q["duplicate_of"]} == {
        "again": rows[2].pk
    }
    assert [uid for uid, q in found.items() if q["odd_length"]] == ["long"]
    assert found["hard"]["clipped_share"] > 0.5 > found["e01"]["clipped_share"]
    assert all(len(q["start"]) == 2 for q in found.values())
    assert not unjudged(Episode.objects.all()).exists()


def test_pages_are_told(committed: Committed) -> None:
    dataset, _ = mixed()
    with committed() as sent:
        judge_dataset(dataset)
    assert sent.of(events.DatasetChanged)


def test_a_shard_that_is_gone_leaves_its_episodes_unmeasured() -> None:
    dataset, rows = mixed()
    storage.blobs().delete(rows[0].blob_key)
    assert judge_dataset(dataset) == 0
    assert unjudged(Episode.objects.all()).count() == len(rows)


def test_a_dataset_that_is_gone_is_left_alone() -> None:
    assert judge_dataset_by_id(12345) == 0


def test_a_lost_message_is_sent_again_until_the_dataset_is_measured(committed: Committed) -> None:
    dataset, rows = mixed()
    past = timezone.now() - timedelta(seconds=1)
    Dataset.objects.filter(pk=dataset.pk).update(lease_expires_at=past)
    with committed() as sent:
        assert [requeue_expired(), requeue_expired()] == [1, 0]
    assert sent.jobs == [(enqueue.JUDGE_QUALITY, dataset.pk, "cpu")]
    assert judge_dataset_by_id(dataset.pk) == len(rows)
    assert judge_dataset_by_id(dataset.pk) == 0, "a second message finds nothing to do"
    assert requeue_expired() == 0


def test_a_measurement_leaves_the_lease_of_an_import_alone() -> None:
    dataset, _ = mixed()
    held = timezone.now()
    Dataset.objects.filter(pk=dataset.pk).update(
        state=Dataset.State.VALIDATING, lease_expires_at=held
    )
    judge_dataset(dataset)
    dataset.refresh_from_db()
    assert dataset.lease_expires_at == held


def test_a_selection_without_duplicates_takes_the_unmeasured() -> None:
    dataset, rows = mixed()
    judge_dataset(dataset)
    fresh = make_episodes(dataset=dataset, count=1)
    chosen = Episode.objects.filter(EpisodeQuery(duplicates=False).where(), dataset=dataset)
    assert {*chosen} == {*rows, *fresh} - {rows[10]}


def test_the_command_measures_what_is_left() -> None:
    dataset, rows = mixed()
    practised = make_episodes(make_run(dataset.task), 2)
    out = StringIO()
    call_command("judge_quality", task=dataset.task.slug, stdout=out)
    assert out.getvalue() == f"{len(rows) + 2} of {len(rows) + 2} episodes measured.\n"
    practised[0].refresh_from_db()
    assert practised[0].quality["length_z"] is None
    again = StringIO()
    call_command("judge_quality", stdout=again)
    assert again.getvalue() == "0 of 0 episodes measured.\n"
    call_command("judge_quality", dataset=dataset.pk, stdout=again)
    assert f"{len(rows)} of {len(rows)}" in again.getvalue()
    with pytest.raises(CommandError, match="no task 'nowhere'"):
        call_command("judge_quality", task="nowhere")
    with pytest.raises(CommandError, match="no dataset 12345"):
        call_command("judge_quality", dataset=12345)


def test_an_episode_in_memory_is_measured_for_its_row() -> None:
    run = make_run()
    told = episode_quality(recorded("r0-e0"), judge_of(run.task))
    assert told["length"] == 12
    assert told["duplicate_of"] is None


def test_a_robot_nobody_knows_any_more_has_no_bounds() -> None:
    run = make_run()
    run.task.embodiment = "gone"
    assert judge_of(run.task)(recorded("r0-e0")).clipped_share is None
