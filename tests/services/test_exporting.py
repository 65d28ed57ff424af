"""A version leaves as a LeRobotDataset v3.0: what is in it, and what happens when something goes wrong."""

import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.utils import timezone
from pytest_django import Settings

from practice import storage
from practice.embodiments.registry import embodiment
from practice.episodes import hub
from practice.episodes.intake import take_in
from practice.episodes.recorder import write_shard
from practice.errors import ForbiddenError, InvalidError
from practice.events import DatasetChanged
from practice.models import Dataset, Episode, Export, User
from practice.rows import episode_row
from practice.services import enqueue, exporting, leases
from practice.services.edits import exclude_episodes, reword_episodes, trim_episode
from practice.services.export_files import write_version
from practice.services.exporting import delete_export, start_export, write_export
from practice.services.labels import label_episode
from practice.services.versions import freeze
from tests.examples import recorded_of
from tests.factories import (
    make_checkpoint,
    make_dataset,
    make_demos,
    make_episodes,
    make_run,
    make_task,
)
from tests.services.conftest import Committed

pytestmark = pytest.mark.django_db
META = "meta/episodes/chunk-000/file-000.parquet"


def written(export: Export, folder: Path) -> Path:
    """The exported dataset, unpacked."""
    write_export(export.pk)
    export.refresh_from_db()
    assert export.state == Export.State.READY, export.error
    with zipfile.ZipFile(storage.blobs().path(export.blob_key)) as packed:
        packed.extractall(folder)
    return folder


def test_a_version_leaves_trimmed_worded_and_noted(otto: User, tmp_path: Path) -> None:
    dataset = make_demos(count=3)
    rows = list(dataset.episodes.order_by("pk"))
    trim_episode(rows[0], by=otto, first=1, end=3)
    reword_episodes(rows[1:2], by=otto, instruction="reach the ring")
    label_episode(rows[1], by=otto, verdict="success")
    Episode.objects.filter(pk=rows[2].pk).update(
        checkpoint=make_checkpoint(), true_success=None, detector_success=None, verdict=""
    )
    export = start_export(dataset, by=otto)
    exclude_episodes(rows, by=otto, excluded=True)  # too late: the version is frozen
    root = written(export, tmp_path)
    meta = pq.read_table(root / META)
    assert meta["length"].to_pylist() == [2, rows[1].length, rows[2].length]
    assert meta["tasks"].to_pylist()[1] == ["reach the ring"]
    assert meta["label"].to_pylist() == [None, "success", None]
    assert meta["outcome"].to_pylist()[2] is None
    assert meta["checkpoint"].to_pylist()[2] == make_checkpoint_digest(rows[2])
    assert dataset.name in meta["source"].to_pylist()[0]
    info = json.loads((root / "meta/info.json").read_text())
    assert (info["total_episodes"], info["robot_type"], info["fps"]) == (3, "point-mass", 10)
    assert export.size_bytes == storage.blobs().path(export.blob_key).stat().st_size
    assert (export.progress, export.lease_owner) == (1.0, "")


def make_checkpoint_digest(row: Episode) -> str:
    row.refresh_from_db()
    assert row.checkpoint is not None
    return row.checkpoint.digest


def test_what_leaves_comes_in_again(otto: User, tmp_path: Path) -> None:
    export = start_export(make_demos(count=2), by=otto, cameras="image")
    write_export(export.pk)
    report = take_in(storage.blobs().path(storage.export_key(export.pk)), tmp_path / "again")
    assert report.ok, report.findings
    assert len(report.kept()) == 2


SPEC = embodiment("language-table-4").spec
TRUTH = "observation.environment_state"
CAMERA = next(name for name, feature in SPEC.observation.items() if len(feature.shape) == 3)


def seen(withouts: list[tuple[str, ...]]) -> Dataset:
    """A dataset of a robot with a camera, a shard per entry, of which each may lack observations."""
    task = make_task(
        embodiment=SPEC.id,
        instructions=list(SPEC.instructions),
        limits={},
        control_hz=float(round(SPEC.control_hz)),
    )
    dataset = make_dataset(task)
    for number, without in enumerate(withouts):
        key = storage.dataset_shard_key(dataset.pk, number)
        path = Path(storage.blobs().root) / key  # type: ignore[attr-defined]  # on disk in tests
        path.parent.mkdir(parents=True, exist_ok=True)
        recorded = recorded_of(SPEC, f"e{number}", without=without)
        [place] = write_shard(path, [recorded])
        episode_row(
            recorded,
            place,
            blob_key=key,
            threshold=2.0,
            task=task,
            dataset=dataset,
            kind=Episode.Kind.DEMONSTRATION,
        ).save()
    return dataset


@pytest.mark.parametrize(("cameras", "files"), [("video", 1), ("image", 0)])
def test_cameras_leave_as_asked(otto: User, tmp_path: Path, cameras: str, files: int) -> None:
    root = written(start_export(seen([()]), by=otto, cameras=cameras), tmp_path)
    info = json.loads((root / "meta/info.json").read_text())
    assert info["features"][CAMERA]["dtype"] == cameras
    assert len(list(root.glob("videos/*/chunk-000/*.mp4"))) == files
    assert TRUTH in info["features"]


def test_what_only_some_recordings_know_is_left_out(otto: User, tmp_path: Path) -> None:
    root = written(start_export(seen([(), (TRUTH,)]), by=otto), tmp_path)
    info = json.loads((root / "meta/info.json").read_text())
    assert TRUTH not in info["features"]
    assert info["total_episodes"] == 2


def test_a_version_can_be_named_and_the_job_is_sent(otto: User, committed: Committed) -> None:
    version = freeze(make_demos(count=1), by=otto)
    with committed() as sent:
        export = start_export(version, by=otto)
    assert export.version == version
    assert sent.jobs == [(enqueue.WRITE_EXPORT, export.pk, "cpu")]
    assert [event.dataset for event in sent.of(DatasetChanged)] == [version.dataset_id]


def test_practice_episodes_say_which_run_they_come_from(otto: User, tmp_path: Path) -> None:
    run = make_run()
    rows = make_episodes(run, 1)
    Episode.objects.filter(pk=rows[0].pk).update(approved=True, true_success=True)
    picked = make_dataset(run.task, kind="selection", query={"kinds": ["practice"]})
    meta = pq.read_table(written(start_export(picked, by=otto), tmp_path) / META)
    assert f"run {run.pk}" in meta["source"][0].as_py()
    assert meta["outcome"].to_pylist() == ["success"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"cameras": "gif"}, "not 'gif'"),
        ({"repo": "no-owner"}, "owner/name"),
        ({"repo": "a/b/../c"}, "owner/name"),
        ({"repo": "me/rings"}, "EFM_HUB_TOKEN"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    otto: User, settings: Settings, asked: dict[str, Any], said: str
) -> None:
    settings.EFM_HUB_TOKEN = ""
    with pytest.raises(InvalidError, match=said):
        start_export(make_demos(), by=otto, **asked)
    assert not Export.objects.exists()


def test_a_rate_that_is_not_whole_is_refused(otto: User) -> None:
    with pytest.raises(InvalidError, match=r"12\.5 Hz"):
        start_export(make_demos(make_task(control_hz=12.5)), by=otto)


def test_a_viewer_neither_exports_nor_deletes(otto: User, vera: User) -> None:
    dataset = make_demos()
    export = start_export(dataset, by=otto)
    with pytest.raises(ForbiddenError):
        start_export(dataset, by=vera)
    with pytest.raises(ForbiddenError):
        delete_export(export, by=vera)


def test_a_missing_shard_fails_with_one_sentence(otto: User) -> None:
    dataset = make_demos(count=1)
    export = start_export(dataset, by=otto)
    storage.blobs().delete(dataset.episodes.get().blob_key)
    write_export(export.pk)
    export.refresh_from_db()
    assert export.state == Export.State.FAILED
    assert "Nothing is stored under" in export.error
    assert not list(storage.blobs().list("exports/"))


def test_an_export_deleted_while_it_is_written_leaves_nothing(
    otto: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = start_export(make_demos(count=1), by=otto)
    honest = write_version

    def deleted_meanwhile(*args: Any, **kwargs: Any) -> Any:
        Export.objects.filter(pk=export.pk).delete()
        return honest(*args, **kwargs)

    monkeypatch.setattr(exporting, "write_version", deleted_meanwhile)
    write_export(export.pk)
    assert not list(storage.blobs().list("exports/"))


def test_a_deleted_export_takes_its_file_along(otto: User, committed: Committed) -> None:
    export = start_export(make_demos(count=1), by=otto)
    write_export(export.pk)
    export.refresh_from_db()
    assert list(storage.blobs().list("exports/")) == [export.blob_key]
    with committed():
        delete_export(export, by=otto)
    assert not Export.objects.exists()
    assert not list(storage.blobs().list("exports/"))


@pytest.mark.parametrize(("seconds", "state"), [(30, "writing"), (-1, "ready")])
def test_only_an_expired_lease_is_taken_over(otto: User, seconds: int, state: str) -> None:
    export = start_export(make_demos(count=1), by=otto)
    Export.objects.filter(pk=export.pk).update(
        state=Export.State.WRITING,
        lease_owner="somebody",
        lease_expires_at=timezone.now() + timedelta(seconds=seconds),
    )
    write_export(export.pk)
    export.refresh_from_db()
    assert export.state == state


def test_the_message_of_an_abandoned_export_is_sent_again(otto: User, committed: Committed) -> None:
    export = start_export(make_demos(count=1), by=otto)
    Export.objects.filter(pk=export.pk).update(
        state=Export.State.WRITING, lease_expires_at=timezone.now() - timedelta(seconds=1)
    )
    with committed() as sent:
        assert leases.requeue_expired() == 1
    assert sent.jobs == [(enqueue.WRITE_EXPORT, export.pk, "cpu")]
    export.refresh_from_db()
    assert export.state == Export.State.QUEUED


@pytest.mark.parametrize("refused", [False, True])
def test_a_push_that_fails_costs_nobody_the_download(
    otto: User, settings: Settings, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    settings.EFM_HUB_TOKEN = "hf_secret"
    settings.EFM_HUB_URL = "https://hub.example"

    def push(folder: Path, repo: str, *, token: str, endpoint: str) -> str:
        assert (folder / "meta/info.json").is_file()
        assert (repo, token, endpoint) == ("me/rings", "hf_secret", "https://hub.example")
        if refused:
            raise hub.HubError(repo, "was not pushed to the Hub: 403")
        return "https://huggingface.co/datasets/me/rings"

    monkeypatch.setattr(hub, "push_folder", push)
    export = start_export(make_demos(count=1), by=otto, repo="me/rings")
    write_export(export.pk)
    export.refresh_from_db()
    assert export.state == Export.State.READY
    assert bool(export.pushed_url) is not refused
    assert ("403" in export.error) is refused
