"""What is kept of practice: every row always, frames as the task wants them and as quota and disk allow."""

from typing import Any

import pytest

from practice import storage
from practice.bridge.rows import record_episodes
from practice.episodes.types import Episode as Recorded
from practice.learning.work import Report
from practice.models import Run, Task
from practice.selectors.recording import recorded_bytes, why_not_recorded
from tests.examples import recorded
from tests.factories import make_run

pytestmark = pytest.mark.django_db


def _report(*episodes: Recorded) -> Report:
    return Report(
        iteration=1,
        total=1,
        env_steps=1,
        episodes_total=len(episodes),
        values={},
        episodes=list(episodes),
    )


def _set(run: Run, **recording: Any) -> None:
    Task.objects.filter(pk=run.task_id).update(**recording)


SURE = [recorded(f"e{i}", robot=i) for i in range(40)]
"""Detector and simulator agree, far from the threshold."""
DOUBTED = recorded("doubted", detector_success=True, true_success=False)


def test_by_default_every_episode_keeps_its_frames() -> None:
    made = record_episodes(make_run(), 1, [_report(*SURE[:3])])
    assert [row.rows for row in made.rows] == [13, 13, 13]
    assert made.paused == ""
    assert all(0 <= row.quality["idle_share"] <= 1 for row in made.rows)
    assert made.size_bytes == storage.blobs().path(made.rows[0].blob_key).stat().st_size


def test_flagged_keeps_the_frames_of_the_doubtful_alone_and_the_row_of_each() -> None:
    run = make_run()
    _set(run, recording=Task.Recording.FLAGGED)
    run.task.threshold = 4.0
    made = record_episodes(run, 1, [_report(SURE[0], DOUBTED, SURE[1])])
    assert [(row.uid, bool(row.blob_key)) for row in made.rows] == [
        ("e0", False),
        ("doubted", True),
        ("e1", False),
    ]
    assert made.rows[1].first_row == 0
    assert made.rows[0].rows == 0


def test_a_sample_is_the_share_asked_for_and_the_same_when_lived_again() -> None:
    run = make_run()
    run.task.threshold = 4.0
    _set(run, recording=Task.Recording.SAMPLED, recording_share=0.5)
    first = record_episodes(run, 1, [_report(*SURE)])
    again = record_episodes(run, 2, [_report(*reversed(SURE))])
    kept = {row.uid for row in first.rows if row.blob_key}
    assert kept == {row.uid for row in again.rows if row.blob_key}
    assert 8 <= len(kept) <= 32


def test_a_share_of_nothing_keeps_the_doubtful() -> None:
    run = make_run()
    run.task.threshold = 4.0
    _set(run, recording=Task.Recording.SAMPLED, recording_share=0.0)
    made = record_episodes(run, 1, [_report(SURE[0], DOUBTED)])
    assert [bool(row.blob_key) for row in made.rows] == [False, True]


def test_evaluations_are_recorded_whole() -> None:
    run = make_run(kind=Run.Kind.EVALUATION)
    _set(run, recording=Task.Recording.FLAGGED)
    run.task.threshold = 4.0
    made = record_episodes(run, 1, [_report(SURE[0])])
    assert made.rows[0].blob_key


def test_a_full_quota_pauses_recording_but_loses_no_row() -> None:
    run = make_run()
    _set(run, recording_quota_mb=1)
    Run.objects.filter(pk=run.pk).update(recorded_bytes=1 << 20)
    made = record_episodes(run, 1, [_report(*SURE[:2])])
    assert [row.blob_key for row in made.rows] == ["", ""]
    assert "the 1 MB of its quota" in made.paused
    _set(run, recording_quota_mb=2)
    assert record_episodes(run, 2, [_report(SURE[0])]).paused == ""
    assert recorded_bytes(run.task) == 1 << 20


def test_a_disk_that_fills_pauses_recording(settings: Any) -> None:
    run = make_run()
    assert why_not_recorded(run.task) == ""
    settings.EFM_DISK_RESERVE = 1 << 62
    said = why_not_recorded(run.task)
    assert "EFM_DISK_RESERVE_MB" in said
    assert record_episodes(run, 1, [_report(SURE[0])]).paused == said
