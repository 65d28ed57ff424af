"""The other two ways in, on the page of new datasets; stopping an import, and trying it again."""

from pathlib import Path

import pytest
from django.urls import reverse
from pytest_django import Settings

from practice.models import Dataset, User
from tests.factories import make_dataset, make_task
from tests.web.paging import page_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """An allowed folder with something that says it is a dataset."""
    settings.EFM_IMPORT_FOLDERS = (tmp_path / "data",)
    meta = tmp_path / "data" / "rings" / "meta"
    meta.mkdir(parents=True)
    facts = '{"codebase_version": "v3.0", "total_episodes": 7, "total_frames": 90, "fps": 10}'
    (meta / "info.json").write_text(facts)
    return meta.parent


def test_folders_are_offered_and_imported(otto: User, folder: Path) -> None:
    task = make_task()
    page = page_of(otto)
    shown = page.get(reverse("web:dataset_new", args=[task.slug])).content.decode()
    assert str(folder) in shown
    assert "7 episodes" in shown
    url = reverse("web:dataset_from_folder", args=[task.slug])
    response = page.post(url, {"path": str(folder), "folder_name": "Rings"})
    dataset = Dataset.objects.get()
    assert response["Location"] == reverse("web:dataset", args=[dataset.pk])
    assert (dataset.name, dataset.source) == ("Rings", {"kind": "folder", "path": str(folder)})


def test_without_allowed_folders_the_page_says_who_allows_them(otto: User) -> None:
    response = page_of(otto).get(reverse("web:dataset_new", args=[make_task().slug]))
    assert "EFM_IMPORT_FOLDERS" in text_of(response)


@pytest.mark.parametrize(
    ("way", "fields", "said"),
    [
        ("folder", {"path": "/etc"}, "/etc"),
        ("folder", {}, "Choose a folder."),
        ("hub", {"repo": "rings"}, "write it as owner/name"),
        ("hub", {}, "Name a repository as owner/name."),
    ],
)
def test_a_refusal_stands_beside_its_field(
    way: str, fields: dict[str, str], said: str, otto: User, folder: Path
) -> None:
    assert folder.is_dir()
    response = page_of(otto).post(
        reverse(f"web:dataset_from_{way}", args=[make_task().slug]), fields
    )
    assert response.status_code == 200
    assert said in text_of(response)
    assert not Dataset.objects.exists()


def test_a_dataset_of_the_hub_waits_for_a_worker(otto: User) -> None:
    url = reverse("web:dataset_from_hub", args=[make_task().slug])
    response = page_of(otto).post(url, {"repo": "lab/rings", "revision": "v2"})
    dataset = Dataset.objects.get()
    assert response["Location"] == reverse("web:dataset", args=[dataset.pk])
    assert dataset.source == {"kind": "hub", "repo": "lab/rings", "revision": "v2"}
    assert "lab/rings, v2" in text_of(page_of(otto).get(response["Location"]))


def test_an_import_is_stopped_and_tried_again(otto: User) -> None:
    dataset = make_dataset(state=Dataset.State.VALIDATING)
    page = page_of(otto)
    detail = reverse("web:dataset", args=[dataset.pk])
    assert "Stop" in text_of(page.get(detail))
    page.post(reverse("web:dataset_stop", args=[dataset.pk]))
    dataset.refresh_from_db()
    assert (dataset.state, dataset.error) == ("failed", f"Stopped by {otto}.")
    assert "Try again" in text_of(page.get(detail))
    page.post(reverse("web:dataset_retry", args=[dataset.pk]))
    dataset.refresh_from_db()
    assert (dataset.state, dataset.error) == ("queued", "")


def test_viewers_see_no_buttons_and_may_not_press_them(vera: User) -> None:
    dataset = make_dataset(state=Dataset.State.VALIDATING)
    page = page_of(vera)
    assert "Stop" not in text_of(page.get(reverse("web:dataset", args=[dataset.pk])))
    for name in ("dataset_stop", "dataset_retry"):
        assert page.post(reverse(f"web:{name}", args=[dataset.pk])).status_code == 403
    for name in ("dataset_from_folder", "dataset_from_hub"):
        assert page.post(reverse(f"web:{name}", args=[dataset.task.slug])).status_code == 403
