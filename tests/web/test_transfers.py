"""Checkpoints in and out on pages."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from pytest_django import Settings

from practice.models import CheckpointImport, CheckpointPush, User
from practice.services.checkpoint_imports import import_checkpoint
from tests.factories import make_checkpoint, make_task
from tests.models_store.outside import packed, small
from tests.web.paging import page_of

pytestmark = pytest.mark.django_db


def test_a_checkpoint_is_added_on_its_task_and_shown_everywhere(otto: User) -> None:
    task, page = make_task(), page_of(otto)
    url = reverse("web:checkpoint_new", args=[task.slug])
    assert "None yet" in page.get(url).content.decode()
    assert url in page.get(reverse("web:task", args=[task.slug])).content.decode()
    file = SimpleUploadedFile("theirs.zip", packed(small().files))
    assert page.post(url, {"file": file, "kind": "policy"}).status_code == 302
    row = CheckpointImport.objects.get()
    assert "No worker is here" in page.get(url).content.decode()
    import_checkpoint(row.pk)
    row.refresh_from_db()
    assert row.checkpoint is not None
    own = reverse("web:checkpoint", args=[row.checkpoint.pk])
    assert own in page.get(url).content.decode()
    assert "imported by otto from theirs.zip" in page.get(own).content.decode()
    for name in ("web:checkpoints", "web:task"):
        args = [task.slug] if name == "web:task" else []
        assert own in page.get(reverse(name, args=args)).content.decode()
    for kind in ("practice", "evaluation"):
        new = reverse("web:run_new", args=[task.slug])
        assert page.get(new, {"kind": kind}).status_code == 200


def test_a_wrong_file_says_so_and_a_failed_import_is_deleted(otto: User) -> None:
    task, page = make_task(), page_of(otto)
    url = reverse("web:checkpoint_new", args=[task.slug])
    wrong = page.post(url, {"file": SimpleUploadedFile("a.tar", b"x"), "kind": "policy"})
    assert wrong.status_code == 400
    assert "is no .zip" in wrong.content.decode()
    page.post(url, {"file": SimpleUploadedFile("a.zip", b"x"), "kind": "policy"})
    row = CheckpointImport.objects.get()
    page.post(reverse("web:checkpoint_import_delete", args=[row.pk]))
    assert not CheckpointImport.objects.exists()


def test_a_checkpoint_of_the_hub_is_named_beside_the_upload(otto: User) -> None:
    task, page = make_task(), page_of(otto)
    url = reverse("web:checkpoint_new", args=[task.slug])
    given = {"hub-repo": "lab/reacher", "hub-revision": "v1", "hub-kind": "reward"}
    assert page.post(url, given).status_code == 302
    row = CheckpointImport.objects.get()
    assert (row.kind, row.name) == ("reward", "lab/reacher")
    assert row.source == {"kind": "hub", "repo": "lab/reacher", "revision": "v1"}
    assert "lab/reacher@v1 on the Hub" in page.get(url).content.decode()
    parts = page.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "lab/reacher@v1 on the Hub" in parts
    assert "<form" in parts
    assert "<html" not in parts
    wrong = page.post(url, {"hub-repo": "reacher", "hub-kind": "policy"})
    assert wrong.status_code == 400
    assert "write it as owner/name" in wrong.content.decode()
    assert "Choose the .zip" not in wrong.content.decode()


def test_a_push_is_asked_for_shown_and_forgotten(otto: User, settings: Settings) -> None:
    settings.EFM_HUB_TOKEN = "hf_secret"
    checkpoint, page = make_checkpoint(), page_of(otto)
    url = reverse("web:checkpoint_push", args=[checkpoint.pk])
    assert page.post(url, {"repo": "owner/name"}).status_code == 302
    push = CheckpointPush.objects.get()
    body = page.get(reverse("web:checkpoint", args=[checkpoint.pk])).content.decode()
    assert "owner/name" in body
    assert "hf_secret" not in body
    url = reverse("web:checkpoint", args=[checkpoint.pk])
    parts = page.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "owner/name" in parts
    assert "<html" not in parts
    page.post(reverse("web:push_delete", args=[push.pk]))
    assert not CheckpointPush.objects.exists()


def test_viewers_see_and_change_nothing(vera: User) -> None:
    checkpoint, page = make_checkpoint(), page_of(vera)
    new = reverse("web:checkpoint_new", args=[checkpoint.task.slug])
    assert page.get(new).status_code == 403
    url = reverse("web:checkpoint_push", args=[checkpoint.pk])
    assert page.post(url, {"repo": "owner/name"}).status_code == 403
