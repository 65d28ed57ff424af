"""An upload becomes rows, all or nothing, whatever is in it and whoever dies meanwhile."""

import io
import tempfile
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from practice import storage
from practice.embodiments.registry import embodiment
from practice.episodes import lerobot_rows
from practice.episodes.lerobot_write import write_dataset
from practice.episodes.recorder import read_episode
from practice.fleet.dataset import write_demonstrations
from practice.models import Dataset, Episode, Task, User
from practice.selectors.mapping import mapping_of
from practice.services import import_episodes, importing
from practice.services.datasets import receive_upload
from practice.services.importing import import_dataset
from practice.services.sources import retry_import
from tests.disks import leave_room
from tests.episodes.episodes import same_arrays
from tests.examples import recorded_of
from tests.factories import make_task

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Twenty PointMass demonstrations as a .zip."""
    path = tmp_path_factory.mktemp("demos") / "demos.zip"
    write_demonstrations(embodiment("point-mass"), path, 20)
    return path.read_bytes()


def _received(content: bytes, by: User, task: Task | None = None) -> Dataset:
    return receive_upload(task or make_task(), io.BytesIO(content), by=by, filename="demos.zip")


def _without(content: bytes, name: str, *, instead: bytes | None = None) -> bytes:
    """The same .zip with one file left out, or with other bytes in its place."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            if name not in member.filename:
                new.writestr(member.filename, old.read(member))
            elif instead is not None:
                new.writestr(member.filename, instead)
    return out.getvalue()


def test_good_episodes_become_rows_that_can_be_read(demonstrations: bytes, otto: User) -> None:
    dataset = _received(demonstrations, otto)
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert (dataset.state, dataset.episodes_kept, dataset.progress) == ("ready", 20, 1.0)
    rows = list(dataset.episodes.order_by("id"))
    assert {row.kind for row in rows} == {Episode.Kind.DEMONSTRATION}
    assert dataset.frames == sum(row.length for row in rows)
    for row in rows[:3]:
        episode = read_episode(storage.blobs().path(row.blob_key), row.first_row, row.rows)
        assert (episode.uid, episode.length) == (row.uid, row.length)
        assert episode.observation["observation.state"].shape == (row.length + 1, 6)


def test_the_original_is_kept_unchanged(demonstrations: bytes, otto: User) -> None:
    dataset = _received(demonstrations, otto)
    import_dataset(dataset.pk)
    assert storage.blobs().path(dataset.upload_key).read_bytes() == demonstrations


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ("meta/tasks.parquet", "meta/tasks.parquet"),
        ("meta/info.json", "meta/info.json"),
        ("data/", "data/chunk-000/file-000.parquet"),
    ],
)
def test_a_missing_file_is_named_and_nothing_is_kept(
    demonstrations: bytes, otto: User, broken: str, named: str
) -> None:
    dataset = _received(_without(demonstrations, broken), otto)
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert dataset.state == Dataset.State.FAILED
    assert named in dataset.error
    assert not Episode.objects.exists()
    assert not list(storage.blobs().list("datasets/"))


def test_what_is_no_archive_is_called_as_its_owner_calls_it(otto: User) -> None:
    dataset = _received(b"PK this is no archive", otto)
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert dataset.state == Dataset.State.FAILED
    assert dataset.error.startswith("demos.zip: is not a readable .zip")


def test_a_truncated_parquet_is_named(demonstrations: bytes, otto: User) -> None:
    dataset = _received(_without(demonstrations, "data/", instead=b"PAR1 cut short"), otto)
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert dataset.state == Dataset.State.FAILED
    assert "data/chunk-000/file-000.parquet" in dataset.error


def test_a_pickle_is_reported_and_never_opened(
    demonstrations: bytes, otto: User, tmp_path: Path
) -> None:
    # Whoever loads these bytes as a pickle runs `touch opened`.
    trap = f"cposix\nsystem\n(S'touch {tmp_path / 'opened'}'\ntR.".encode()
    archive = io.BytesIO(demonstrations)
    with zipfile.ZipFile(archive, "a") as zipped:
        zipped.writestr("meta/extra.pkl", trap)
    dataset = _received(archive.getvalue(), otto)
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert dataset.state == Dataset.State.READY
    assert any("extra.pkl" in finding["file"] for finding in dataset.report["findings"])
    assert not (tmp_path / "opened").exists()


def test_another_rate_than_the_task_has_waits_for_a_person(
    demonstrations: bytes, otto: User
) -> None:
    dataset = _received(demonstrations, otto, make_task(control_hz=25.0))
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert (dataset.state, dataset.episodes.count()) == (Dataset.State.MAPPING, 0)
    view = mapping_of(dataset)
    assert view is not None
    assert "25" in str(view.fit.rate)


def test_a_dataset_that_another_worker_holds_is_left_alone(
    demonstrations: bytes, otto: User
) -> None:
    dataset = _received(demonstrations, otto)
    Dataset.objects.filter(pk=dataset.pk).update(
        state=Dataset.State.VALIDATING,
        lease_owner="somebody",
        lease_expires_at=timezone.now() + timedelta(seconds=30),
    )
    import_dataset(dataset.pk)
    assert not Episode.objects.exists()


def test_an_import_whose_worker_fell_silent_is_done_again(
    demonstrations: bytes, otto: User
) -> None:
    dataset = _received(demonstrations, otto)
    Dataset.objects.filter(pk=dataset.pk).update(
        state=Dataset.State.VALIDATING,
        lease_owner="somebody",
        lease_expires_at=timezone.now() - timedelta(seconds=1),
    )
    import_dataset(dataset.pk)
    import_dataset(dataset.pk)  # and its message may come twice
    assert Episode.objects.count() == 20


def test_a_robot_that_is_no_longer_declared_is_said(demonstrations: bytes, otto: User) -> None:
    dataset = _received(demonstrations, otto)
    Task.objects.filter(pk=dataset.task_id).update(embodiment="gone")
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert dataset.state == Dataset.State.FAILED
    assert "Unknown embodiment 'gone'" in dataset.error


FULL = (
    "demos.zip: could not be stored: the disk has 99 MB left, less than the 100 MB that "
    "EFM_DISK_RESERVE_MB keeps free; make room and try again"
)


@pytest.mark.parametrize("where", ["unpacking", "storing"])
def test_an_import_stops_before_the_disk_is_full_and_leaves_nothing(
    demonstrations: bytes,
    otto: User,
    *,
    where: str,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.EFM_VAR, settings.EFM_DISK_RESERVE = tmp_path / "var", 100 << 20
    monkeypatch.setattr(importing, "TELL_SECONDS", 0.0)
    monkeypatch.setattr(import_episodes, "SHARD_EPISODES", 5)
    dataset = _received(demonstrations, otto)
    monkeypatch.setattr(lerobot_rows, "_BATCH_ROWS", 100)

    def fills() -> int:
        shards = list(storage.blobs().list("datasets/"))
        work = list(storage.work_folder().glob("*/.dataset-*/*"))
        return -1 if (shards if where == "storing" else work) else 1 << 30

    leave_room(monkeypatch, fills)
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert (dataset.state, dataset.error) == (Dataset.State.FAILED, FULL)
    assert not Episode.objects.exists()
    assert not list(storage.blobs().list("datasets/"))
    assert not list(storage.work_folder().iterdir())
    leave_room(monkeypatch, lambda: 1 << 30)
    retry_import(dataset, by=otto)
    import_dataset(dataset.pk)
    assert Episode.objects.count() == 20


SPEC = embodiment("language-table-4").spec
TRUTH = "observation.environment_state"


def _seeing(*, without: tuple[str, ...] = (), count: int = 6) -> bytes:
    """A dataset of a robot with a camera."""
    features = {n: f for n, f in SPEC.observation.items() if n not in without}
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(
            Path(folder) / "seen.zip",
            [recorded_of(SPEC, f"e{i}", without=without) for i in range(count)],
            features={**features, "action": SPEC.action},
            fps=round(SPEC.control_hz),
            robot_type=SPEC.id,
            as_zip=True,
        )
        return (Path(folder) / "seen.zip").read_bytes()


def _camera_task() -> Task:
    return make_task(embodiment=SPEC.id, instructions=list(SPEC.instructions), limits={})


@pytest.mark.parametrize("without", [(), (TRUTH,)])
def test_pictures_come_in_with_a_simulators_truth_and_without(
    otto: User, without: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_episodes, "SHARD_BYTES", 200_000)  # two episodes
    dataset = _received(_seeing(without=without), otto, _camera_task())
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert (dataset.state, dataset.episodes_kept) == ("ready", 6), dataset.error
    rows = list(dataset.episodes.order_by("id"))
    assert len({row.blob_key for row in rows}) == 3, "few are in memory together"
    for i, row in enumerate(rows):
        episode = read_episode(storage.blobs().path(row.blob_key), row.first_row, row.rows)
        assert same_arrays(recorded_of(SPEC, f"e{i}", without=without), episode)
        assert episode.success_step == 10


def test_a_task_with_a_camera_refuses_a_dataset_without(otto: User) -> None:
    camera = "observation.images.top"
    dataset = _received(_seeing(without=(camera,)), otto, _camera_task())
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    assert dataset.state == Dataset.State.FAILED
    assert f"has no camera '{camera}', which the embodiment needs" in dataset.error
