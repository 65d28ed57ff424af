"""A dataset that calls things otherwise waits for a person; what the person says is how it is read."""

import json
from pathlib import Path

import numpy as np
import pytest
from pytest_django import Settings

from practice import storage
from practice.embodiments.registry import embodiment
from practice.episodes.archive import unpack
from practice.episodes.recorder import read_episode
from practice.errors import ConflictError, ForbiddenError, InvalidError
from practice.fleet.dataset import write_demonstrations
from practice.models import Dataset, User
from practice.selectors.mapping import mapping_of
from practice.services.importing import import_dataset
from practice.services.mapping import map_dataset
from practice.services.sources import receive_folder
from tests.episodes.rename import rename_features
from tests.factories import make_task

pytestmark = pytest.mark.django_db

OURS, THEIRS = "observation.state", "observation.pose"


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """Eight PointMass demonstrations in an allowed folder."""
    write_demonstrations(embodiment("point-mass"), tmp_path / "demos.zip", 8)
    unpack(tmp_path / "demos.zip", tmp_path / "data" / "rings")
    settings.EFM_IMPORT_FOLDERS = (tmp_path / "data",)
    return tmp_path / "data" / "rings"


def _imported(folder: Path, by: User, hz: float = 10) -> Dataset:
    dataset = receive_folder(make_task(control_hz=hz), str(folder), by=by)
    return _again(dataset)


def _again(dataset: Dataset) -> Dataset:
    import_dataset(dataset.pk)
    dataset.refresh_from_db()
    return dataset


def test_other_names_wait_for_a_person(folder: Path, otto: User) -> None:
    rename_features(folder, {OURS: THEIRS})
    dataset = _imported(folder, otto)
    assert (dataset.state, dataset.error, dataset.episodes.count()) == ("mapping", "", 0)
    view = mapping_of(dataset)
    assert view is not None
    state = next(f for f in view.features if f.choice.feature == OURS)
    assert state.choice.chosen == THEIRS, "The only feature of that shape is suggested."
    assert view.fit.ok


def test_what_was_mapped_is_read_under_the_robots_names(folder: Path, otto: User) -> None:
    rename_features(folder, {OURS: THEIRS})
    dataset = _imported(folder, otto)
    map_dataset(dataset, {OURS: THEIRS}, by=otto)
    assert (dataset.state, dataset.attempts) == ("queued", 0), "a person's word begins anew"
    assert _again(dataset).state == "ready"
    assert dataset.mapping == {OURS: THEIRS}
    row = dataset.episodes.first()
    assert row is not None
    episode = read_episode(storage.blobs().path(row.blob_key), row.first_row, row.rows)
    assert episode.observation[OURS].shape == (row.length + 1, 6)
    assert np.isfinite(episode.action).all()


def test_another_rate_is_accepted_or_it_waits(folder: Path, otto: User) -> None:
    dataset = _imported(folder, otto, hz=20)
    assert dataset.state == "mapping"
    with pytest.raises(InvalidError, match="fps is 10; the embodiment is controlled at 20"):
        map_dataset(dataset, {}, by=otto)
    map_dataset(dataset, {}, by=otto, any_rate=True)
    assert _again(dataset).state == "ready"
    warnings = [f["reason"] for f in dataset.report["findings"] if f["severity"] == "warning"]
    assert any("2 times as fast" in reason for reason in warnings), warnings


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({OURS: "action"}, "action"),
        ({OURS: "observation.nothing"}, "observation.nothing"),
        ({OURS: ""}, "nothing stands for 'observation.state'"),
        ({"observation.wings": THEIRS}, "no feature 'observation.wings'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    mapping: dict[str, str], said: str, folder: Path, otto: User
) -> None:
    rename_features(folder, {OURS: THEIRS})
    dataset = _imported(folder, otto)
    with pytest.raises(InvalidError, match=said):
        map_dataset(dataset, mapping, by=otto)
    dataset.refresh_from_db()
    assert dataset.state == "mapping"


def test_where_no_choice_would_help_the_report_says_why(folder: Path, otto: User) -> None:
    path = folder / "meta" / "info.json"
    info = json.loads(path.read_text())
    info["features"]["action"]["shape"] = [3]
    path.write_text(json.dumps(info))
    dataset = _imported(folder, otto)
    assert dataset.state == "failed"
    assert "action has shape (3,); the embodiment has (2,)" in dataset.error


def test_only_operators_map_and_only_what_waits(folder: Path, otto: User, vera: User) -> None:
    dataset = _imported(folder, otto)
    assert dataset.state == "ready"
    with pytest.raises(ConflictError):
        map_dataset(dataset, {}, by=otto)
    with pytest.raises(ForbiddenError):
        map_dataset(dataset, {}, by=vera)
