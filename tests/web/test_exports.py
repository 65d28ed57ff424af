"""Exports on a dataset's page: asked for, followed, downloaded in pieces, deleted."""

import io
import zipfile

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from practice.models import Export, User
from practice.services.exporting import start_export, write_export
from practice.services.selections import create_selection
from tests.factories import make_dataset, make_demos, make_worker
from tests.web.paging import HTMX, assert_flat, page_of, text_of

pytestmark = pytest.mark.django_db


def finished(by: User) -> Export:
    """A ready export of two episodes."""
    export = start_export(make_demos(), by=by)
    write_export(export.pk)
    export.refresh_from_db()
    return export


def body_of(response: object) -> bytes:
    return bytes(response.getvalue())  # type: ignore[attr-defined]


def test_an_operator_asks_for_an_export(otto: User) -> None:
    dataset = make_demos()
    url = reverse("web:export_new", args=[dataset.pk])
    response = page_of(otto).post(url, {"cameras": "image"})
    assert response.status_code == 302
    export = Export.objects.get()
    assert (export.version.dataset, export.cameras, export.state) == (dataset, "image", "queued")
    body = text_of(page_of(otto).get(reverse("web:dataset", args=[dataset.pk])))
    assert f'id="export-{export.pk}"' in body
    assert "Stop this export?" in body


def test_a_selection_is_exported_from_its_page(otto: User) -> None:
    selection = create_selection(make_demos().task, by=otto, name="All", query={})
    body = text_of(page_of(otto).get(reverse("web:dataset", args=[selection.pk])))
    assert reverse("web:export_new", args=[selection.pk]) in body
    assert 'id="export-cameras"' not in body, "a point mass has none to choose for"


def test_a_queued_export_says_that_its_worker_is_missing(otto: User) -> None:
    export = start_export(make_demos(), by=otto)
    url = reverse("web:dataset", args=[export.version.dataset_id])
    assert "manage.py worker cpu" in text_of(page_of(otto).get(url))
    make_worker(queues=["cpu"])
    assert "No worker is here" not in text_of(page_of(otto).get(url))


def test_what_cannot_be_exported_is_said(otto: User) -> None:
    response = page_of(otto).post(
        reverse("web:export_new", args=[make_dataset().pk]), {"cameras": "video"}
    )
    assert response.status_code == 400
    assert "holds no episode" in text_of(response)


def test_progress_shows_and_is_part_of_what_is_refreshed(otto: User) -> None:
    export = finished(otto)
    Export.objects.filter(pk=export.pk).update(state=Export.State.WRITING, progress=0.37)
    url = reverse("web:dataset", args=[export.version.dataset_id])
    assert 'value="0.3700"' in text_of(page_of(otto).get(url, headers=HTMX))


def test_a_failure_says_why(otto: User) -> None:
    export = finished(otto)
    Export.objects.filter(pk=export.pk).update(state="failed", error="The shard is missing.")
    url = reverse("web:dataset", args=[export.version.dataset_id])
    body = text_of(page_of(otto).get(url))
    assert "The shard is missing." in body
    assert reverse("web:export_download", args=[export.pk]) not in body


def test_a_viewer_downloads_and_does_not_act(otto: User, vera: User) -> None:
    export = finished(otto)
    page = page_of(vera)
    body = text_of(page.get(reverse("web:dataset", args=[export.version.dataset_id])))
    assert reverse("web:export_download", args=[export.pk]) in body
    assert reverse("web:export_new", args=[export.version.dataset_id]) not in body
    assert page.post(reverse("web:export_delete", args=[export.pk])).status_code == 403
    new = reverse("web:export_new", args=[export.version.dataset_id])
    assert page.post(new, {"cameras": "video"}).status_code == 403
    response = page.get(reverse("web:export_download", args=[export.pk]))
    assert response.status_code == 200
    assert ".zip" in response.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(body_of(response))) as packed:
        assert "meta/info.json" in packed.namelist()


def test_strangers_download_nothing(otto: User, client: Client) -> None:
    url = reverse("web:export_download", args=[finished(otto).pk])
    assert client.get(url).status_code == 302


def test_a_broken_download_goes_on_where_it_was(otto: User) -> None:
    url = reverse("web:export_download", args=[finished(otto).pk])
    page = page_of(otto)
    first = page.get(url)
    whole = body_of(first)
    rest = page.get(url, headers={"Range": "bytes=100-", "If-Range": first.headers["ETag"]})
    assert rest.status_code == 206
    assert rest.headers["Content-Range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"
    assert body_of(rest) == whole[100:]
    tail = page.get(url, headers={"Range": "bytes=-7"})
    assert body_of(tail) == whole[-7:]
    other = page.get(url, headers={"Range": "bytes=100-", "If-Range": '"other"'})
    assert (other.status_code, body_of(other)) == (200, whole)
    assert page.get(url, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    assert page.get(url, headers={"Range": "bytes=-0"}).status_code == 416


def test_only_a_ready_export_can_be_downloaded(otto: User) -> None:
    export = start_export(make_demos(), by=otto)
    response = page_of(otto).get(reverse("web:export_download", args=[export.pk]))
    assert response.status_code == 409
    assert "only a ready one" in text_of(response)


def test_an_export_is_deleted(otto: User) -> None:
    export = finished(otto)
    response = page_of(otto).post(reverse("web:export_delete", args=[export.pk]))
    assert response.status_code == 302
    assert not Export.objects.exists()


@pytest.mark.parametrize("token", ["", "hf_secret"])
def test_pushing_is_offered_where_there_is_a_token(
    otto: User, settings: Settings, token: str
) -> None:
    settings.EFM_HUB_TOKEN = token
    body = text_of(page_of(otto).get(reverse("web:dataset", args=[make_demos().pk])))
    assert ("Push to the Hub" in body) is bool(token)
    assert "hf_secret" not in body


def test_more_exports_cost_no_more_queries(otto: User) -> None:
    export = finished(otto)
    url = reverse("web:dataset", args=[export.version.dataset_id])
    assert_flat(page_of(otto), url, lambda: start_export(export.version, by=otto))
