"""A checkpoint goes to the Hub as a job; what stands in for the Hub looks at the folder that it is handed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from huggingface_hub import HfApi
from pytest_django import Settings

from models_store.checkpoint import EFMCheckpoint
from practice.errors import ForbiddenError, InvalidError
from practice.models import CheckpointPush, User
from practice.services import enqueue, leases
from practice.services.checkpoint_pushes import delete_push, push_checkpoint, start_push
from tests.factories import make_checkpoint
from tests.models_store.outside import small
from tests.services.conftest import Committed
from tests.services.test_checkpoint_imports import stored

pytestmark = pytest.mark.django_db
TOKEN = "hf_secret"


@pytest.fixture(autouse=True)
def token(settings: Settings) -> None:
    settings.EFM_HUB_TOKEN = TOKEN


def test_files_and_card_are_pushed(otto: User, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def upload(_self: HfApi, *, folder_path: Path, **facts: Any) -> None:
        asked.update(facts, names=sorted(p.name for p in folder_path.iterdir()))
        asked["loaded"] = EFMCheckpoint.load(folder_path).digest
        asked["card"] = (folder_path / "README.md").read_text()

    def create(_self: HfApi, **facts: Any) -> str:
        asked["created"] = facts
        return "https://hub.example/owner/name"

    monkeypatch.setattr(HfApi, "upload_folder", upload)
    monkeypatch.setattr(HfApi, "create_repo", create)
    checkpoint = stored(small())
    push = start_push(checkpoint, " owner/name ", by=otto)
    push_checkpoint(push.pk)
    push.refresh_from_db()
    assert (push.state, push.url, push.error) == ("done", "https://hub.example/owner/name", "")
    assert asked["created"]["private"]
    assert asked["repo_type"] == asked["created"]["repo_type"] == "model"
    assert asked["names"] == ["README.md", "manifest.json", "model.safetensors"]
    assert asked["loaded"] == checkpoint.digest
    assert checkpoint.digest in asked["card"]


def test_a_hub_that_refuses_is_quoted_without_the_token(
    otto: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: HfApi, **_facts: Any) -> None:
        raise OSError(f"403 for {TOKEN}\nmore")

    monkeypatch.setattr(HfApi, "create_repo", refuse)
    push = start_push(stored(small()), "owner/name", by=otto)
    push_checkpoint(push.pk)
    push.refresh_from_db()
    assert (push.state, push.url) == ("failed", "")
    assert "403 for [token]" in push.error


def test_lost_files_fail_with_a_sentence(otto: User) -> None:
    push = start_push(make_checkpoint(), "owner/name", by=otto)
    push_checkpoint(push.pk)
    push.refresh_from_db()
    assert push.state == "failed"
    assert "cannot be read" in push.error


def test_who_may_push_where(otto: User, vera: User, settings: Settings) -> None:
    checkpoint = make_checkpoint()
    with pytest.raises(ForbiddenError):
        start_push(checkpoint, "owner/name", by=vera)
    with pytest.raises(InvalidError, match="owner/name"):
        start_push(checkpoint, "https://x", by=otto)
    settings.EFM_HUB_TOKEN = ""
    with pytest.raises(InvalidError, match="EFM_HUB_TOKEN"):
        start_push(checkpoint, "owner/name", by=otto)


def test_a_lost_message_is_sent_again_and_a_forgotten_push_is_not_made(
    otto: User, committed: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with committed() as sent:
        push = start_push(make_checkpoint(), "owner/name", by=otto)
    job = (enqueue.PUSH_CHECKPOINT, push.pk, "cpu")
    CheckpointPush.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    leases.requeue_expired()
    assert sent.jobs == [job, job]

    def never(_self: HfApi, **_facts: Any) -> None:
        raise AssertionError("it was pushed")

    monkeypatch.setattr(HfApi, "create_repo", never)
    delete_push(push, by=otto)
    push_checkpoint(job[1])
