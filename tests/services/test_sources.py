"""Datasets that nobody uploads: what lies in an allowed folder, what is on the Hub; stopping, and trying again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from practice.embodiments.registry import embodiment
from practice.episodes.archive import unpack
from practice.episodes.lerobot_validate import validate_dataset
from practice.errors import ConflictError, ForbiddenError, InvalidError
from practice.fleet.dataset import write_demonstrations
from practice.models import Dataset, Task, User
from practice.selectors.folders import found_datasets
from practice.services import import_episodes, importing
from practice.services.fetching import source_of
from practice.services.importing import import_dataset
from practice.services.sources import receive_folder, receive_hub, retry_import, stop_import
from tests.episodes.hub_stand_in import COMMIT, StandInHub
from tests.factories import make_task

pytestmark = pytest.mark.django_db

REPO = "lab/rings"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve PointMass demonstrations as a folder."""
    folder = tmp_path_factory.mktemp("demos")
    write_demonstrations(embodiment("point-mass"), folder / "demos.zip", 12)
    unpack(folder / "demos.zip", folder / "rings")
    return folder / "rings"


@pytest.fixture
def allowed(written: Path, settings: Settings) -> Path:
    """The same, in a folder that is allowed."""
    settings.EFM_IMPORT_FOLDERS = (written.parent,)
    return written


@pytest.fixture
def hub(written: Path, settings: Settings) -> Iterator[StandInHub]:
    """A Hub that has it."""
    with StandInHub.of_folder(REPO, written).running() as running:
        settings.EFM_HUB_URL, settings.EFM_HUB_TOKEN = running.endpoint, "hf_secret"
        yield running


def _imported(dataset: Dataset) -> Dataset:
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    return dataset


def test_a_folder_is_read_where_it_lies(allowed: Path, otto: User) -> None:
    before = {path: path.stat().st_mtime_ns for path in allowed.rglob("*")}
    dataset = _imported(receive_folder(make_task(), str(allowed), by=otto))
    assert (dataset.state, dataset.episodes_kept, dataset.name) == ("ready", 12, "rings")
    assert dataset.source == {"kind": "folder", "path": str(allowed)}
    assert {path: path.stat().st_mtime_ns for path in allowed.rglob("*")} == before


def test_allowed_folders_show_what_they_hold(allowed: Path) -> None:
    [found] = found_datasets()
    assert (found.path, found.version, found.episodes, found.fps) == (str(allowed), "v3.0", 12, 10)


@pytest.mark.parametrize(
    "path", ["/etc", "/", "", "..", "/nowhere\0", "x" * 5000, "{inside}/../.."]
)
def test_only_allowed_folders_are_read(path: str, allowed: Path, otto: User) -> None:
    with pytest.raises(InvalidError, match="none of the allowed folders"):
        receive_folder(make_task(), path.format(inside=allowed.parent), by=otto)


def test_without_allowed_folders_none_is_read(
    written: Path, otto: User, settings: Settings
) -> None:
    settings.EFM_IMPORT_FOLDERS = ()
    with pytest.raises(InvalidError, match="EFM_IMPORT_FOLDERS"):
        receive_folder(make_task(), str(written), by=otto)


def test_a_link_leads_nowhere_else(
    written: Path, tmp_path: Path, otto: User, settings: Settings
) -> None:
    settings.EFM_IMPORT_FOLDERS = (tmp_path,)
    (tmp_path / "linked").symlink_to(written)
    with pytest.raises(InvalidError, match="none of the allowed folders"):
        receive_folder(make_task(), str(tmp_path / "linked"), by=otto)
    inside = tmp_path / "inside"
    (inside / "meta").mkdir(parents=True)
    (inside / "meta" / "info.json").write_bytes((written / "meta/info.json").read_bytes())
    (inside / "meta" / "tasks.parquet").symlink_to(written / "meta/tasks.parquet")
    dataset = _imported(receive_folder(make_task(), str(inside), by=otto))
    assert dataset.state == "failed"
    assert dataset.error == ("meta/tasks.parquet: is a link to a file outside the allowed folders")


def test_looking_for_links_is_told_of_file_by_file(
    allowed: Path, tmp_path: Path, otto: User
) -> None:
    dataset = receive_folder(make_task(), str(allowed), by=otto)
    told: list[float] = []
    assert source_of(dataset, tmp_path).tables(told.append) == allowed
    files = [path for path in allowed.glob("*/**/*") if path.is_file()]
    assert told == [0.0] * len(files) + [1.0]


def test_what_did_not_change_is_not_imported_twice(allowed: Path, otto: User) -> None:
    task = make_task()
    _imported(receive_folder(task, str(allowed), by=otto))
    with pytest.raises(InvalidError, match="This very folder is already dataset"):
        receive_folder(task, str(allowed), by=otto)


def test_the_hub_gives_one_commit(hub: StandInHub, otto: User) -> None:
    task = make_task()
    dataset = _imported(receive_hub(task, REPO, by=otto))
    assert (dataset.state, dataset.episodes_kept, dataset.error) == ("ready", 12, "")
    assert dataset.source["commit"] == COMMIT
    assert dataset.size_bytes == sum(
        len(content) for name, content in hub.files.items() if "/" in name
    )
    assert hub.tokens == {"Bearer hf_secret"}
    again = _imported(receive_hub(task, REPO, "v1", by=otto))
    assert again.state == "failed"
    assert f"is already dataset {dataset.pk}" in again.error


@pytest.mark.parametrize(
    ("repo", "revision", "said"),
    [
        (
            "lab/other",
            "",
            "lab/other: is not on the Hub, or only its owners may see it (EFM_HUB_TOKEN)",
        ),
        (REPO, "v9", f"{REPO}: has no revision 'v9'"),
    ],
)
def test_what_is_not_on_the_hub_is_said(
    repo: str, revision: str, said: str, hub: StandInHub, otto: User
) -> None:
    dataset = _imported(receive_hub(make_task(), repo, revision, by=otto))
    assert (dataset.state, dataset.error) == ("failed", said)


def test_what_is_larger_than_allowed_is_not_fetched(
    hub: StandInHub, otto: User, settings: Settings
) -> None:
    settings.EFM_UPLOAD_LIMIT = 1000
    dataset = _imported(receive_hub(make_task(), REPO, by=otto))
    assert "EFM_UPLOAD_MB allows" in dataset.error
    assert not hub.fetched


def test_a_changed_file_is_not_believed(hub: StandInHub, otto: User) -> None:
    name = next(name for name in hub.files if name.startswith("data/"))
    hub.listed[name] = len(hub.files[name]) + 1
    dataset = _imported(receive_hub(make_task(), REPO, by=otto))
    assert dataset.error.startswith(f"{REPO}/{name}: arrived with")


def test_a_name_that_leaves_the_folder_is_refused(hub: StandInHub, otto: User) -> None:
    hub.files["data/../../evil.parquet"] = b"x"
    dataset = _imported(receive_hub(make_task(), REPO, by=otto))
    assert dataset.state == "failed"
    assert "evil.parquet" in dataset.error
    assert not hub.fetched


@pytest.mark.parametrize("repo", ["", "rings", "a/b/c", "../x", "https://huggingface.co/a/b"])
def test_a_repository_has_an_owner_and_a_name(repo: str, otto: User) -> None:
    with pytest.raises(InvalidError, match="owner/name"):
        receive_hub(make_task(), repo, by=otto)


def test_an_import_can_be_stopped_and_tried_again(
    allowed: Path,
    otto: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    dataset = receive_folder(make_task(), str(allowed), by=otto)
    monkeypatch.setattr(importing, "TELL_SECONDS", 0.0)

    def stopped_meanwhile(*args: object, **kwargs: object) -> object:
        stop_import(Dataset.objects.get(pk=dataset.pk), by=otto)
        return validate_dataset(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(importing, "validate_dataset", stopped_meanwhile)
    _imported(dataset)
    assert (dataset.state, dataset.episodes.count()) == ("failed", 0)
    assert dataset.error == f"Stopped by {otto}."
    monkeypatch.undo()
    with django_capture_on_commit_callbacks() as sent:
        retry_import(dataset, by=otto)
    assert sent
    assert _imported(dataset).state == "ready"
    for verb in (stop_import, retry_import):
        with pytest.raises(ConflictError):
            verb(dataset, by=otto)


def test_a_full_disk_is_said(allowed: Path, otto: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(import_episodes, "write_shard", full)
    dataset = _imported(receive_folder(make_task(), str(allowed), by=otto))
    assert dataset.error == (
        "rings: could not be stored: No space left on device; make room and try again"
    )


def test_viewers_bring_nothing(allowed: Path, vera: User) -> None:
    task: Task = make_task()
    with pytest.raises(ForbiddenError):
        receive_folder(task, str(allowed), by=vera)
    with pytest.raises(ForbiddenError):
        receive_hub(task, REPO, by=vera)
