"""Pages of datasets: the upload of a browser without scripts, and the report."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from pytest_django import Settings

from practice.models import Dataset, User
from practice.selectors.datasets import MOST_FINDINGS, report_of, why_waiting
from tests.examples import dataset_report
from tests.factories import make_dataset, make_run, make_task, make_worker
from tests.web.paging import HTMX, assert_flat, page_of, text_of

pytestmark = pytest.mark.django_db


def archive(name: str = "demos.zip") -> SimpleUploadedFile:
    """A small .zip, fresh each time for an upload is read once; what it holds is for validation to say."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as packed:
        packed.writestr("meta/info.json", "{}")
    return SimpleUploadedFile(name, body.getvalue(), content_type="application/zip")


def upload(person: User, **fields: Any) -> Any:
    """Post the form to a new task."""
    return page_of(person).post(reverse("web:dataset_new", args=[make_task().slug]), fields)


def test_a_plain_form_uploads(otto: User) -> None:
    response = upload(otto, file=archive(), name="First light")
    dataset = Dataset.objects.get()
    assert response.status_code == 302
    assert response.url == reverse("web:dataset", args=[dataset.pk])
    assert (dataset.name, dataset.state) == ("First light", Dataset.State.QUEUED)


def test_without_a_name_it_takes_that_of_the_file(otto: User) -> None:
    upload(otto, file=archive(), name=" ")
    assert Dataset.objects.get().name == "demos.zip"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (dict, "Choose the packed dataset"),
        (lambda: {"file": archive("demos.rar")}, "demos.rar"),
        (lambda: {"file": SimpleUploadedFile("empty.zip", b"")}, "empty"),
    ],
)
def test_a_refused_upload_says_why(
    fields: Callable[[], dict[str, Any]], said: str, otto: User
) -> None:
    plain = upload(otto, **fields())
    assert plain.status_code == 200
    assert said in text_of(plain)
    assert not Dataset.objects.exists()


def test_a_file_too_large_is_refused(otto: User, settings: Settings) -> None:
    settings.EFM_UPLOAD_LIMIT = 10
    response = upload(otto, file=archive())
    assert response.status_code == 200
    assert "larger" in text_of(response)
    assert not Dataset.objects.exists()


def test_a_viewer_uploads_nothing(vera: User) -> None:
    assert upload(vera, file=archive()).status_code == 403
    assert not Dataset.objects.exists()


def test_the_upload_page_says_what_the_robot_needs(otto: User) -> None:
    body = text_of(page_of(otto).get(reverse("web:dataset_new", args=[make_task().slug])))
    assert "observation.state" in body
    assert "goal_x" in body
    assert 'enctype="multipart/form-data"' in body


def test_the_report_names_file_episode_frame_and_reason(vera: User) -> None:
    dataset = make_dataset(report=dataset_report(kept=2, refused=1))
    body = text_of(page_of(vera).get(reverse("web:dataset", args=[dataset.pk])))
    assert "data/chunk-000/file-000.parquet" in body
    assert "holds NaN" in body
    assert "Warnings" in body
    assert f"/episodes/?dataset={dataset.pk}" in body


def test_errors_come_before_warnings_and_long_lists_are_cut() -> None:
    view = report_of(make_dataset(report=dataset_report(kept=1, refused=MOST_FINDINGS + 5)))
    assert view is not None
    assert [group.severity for group in view.groups] == ["error", "warning"]
    assert (len(view.groups[0].findings), view.groups[0].unseen) == (MOST_FINDINGS, 5)
    assert view.seconds == 6.0, "60 kept frames at 10 per second"


def test_the_whole_report_can_be_downloaded(vera: User) -> None:
    dataset = make_dataset()
    response = page_of(vera).get(reverse("web:dataset", args=[dataset.pk]) + "?report=json")
    assert json.loads(response.content) == dataset.report
    assert f"dataset-{dataset.pk}-report.json" in response.headers["Content-Disposition"]


def test_a_dataset_being_checked_shows_its_progress(vera: User) -> None:
    dataset = make_dataset(state=Dataset.State.VALIDATING, progress=0.37, report={})
    body = text_of(page_of(vera).get(reverse("web:dataset", args=[dataset.pk])))
    assert 'value="0.3700"' in body
    assert report_of(dataset) is None


def test_a_dataset_of_which_nothing_is_kept_says_so_first(vera: User) -> None:
    dataset = make_dataset(
        state=Dataset.State.FAILED, error="meta/info.json is missing.", report={}
    )
    body = text_of(page_of(vera).get(reverse("web:dataset", args=[dataset.pk])))
    assert "meta/info.json is missing." in body


def test_a_queued_dataset_says_what_it_waits_for() -> None:
    first = make_dataset(state=Dataset.State.QUEUED)
    second = make_dataset(state=Dataset.State.QUEUED)
    assert "manage.py worker cpu" in why_waiting(first)
    make_worker(queues=["cpu"])
    assert "none before it" in why_waiting(first)
    assert "1 before it" in why_waiting(second)
    assert why_waiting(make_dataset()) == ""


def test_the_list_is_filtered(vera: User) -> None:
    ready = make_dataset(name="good.zip")
    make_dataset(name="bad.zip", state=Dataset.State.FAILED)
    page = page_of(vera)
    assert "bad.zip" not in text_of(page.get("/datasets/?state=ready"))
    assert "bad.zip" not in text_of(page.get(f"/datasets/?task={ready.task.slug}"))
    assert "bad.zip" in text_of(page.get("/datasets/"))
    assert "No dataset fits" in text_of(page.get("/datasets/?state=queued"))


def test_a_script_gets_the_rows_alone(vera: User) -> None:
    make_dataset(name="good.zip")
    body = text_of(page_of(vera).get("/datasets/", headers=HTMX))
    assert body.startswith('<div id="dataset-rows">')
    assert "good.zip" in body


def test_the_number_of_queries_does_not_grow(vera: User) -> None:
    dataset = make_dataset()
    make_run(dataset.task, kind="sft", datasets=(dataset,))

    def grow() -> None:
        for _ in range(3):
            make_dataset()
            make_run(dataset.task, kind="sft", datasets=(dataset,))

    assert_flat(page_of(vera), "/datasets/", grow)
    assert_flat(page_of(vera), reverse("web:dataset", args=[dataset.pk]), grow)
