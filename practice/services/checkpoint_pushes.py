"""Verbs on pushes of checkpoints to the Hub: ask for one, do it, forget it."""

import tempfile
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from models_store.errors import LearningError
from practice import storage
from practice.episodes import hub
from practice.errors import InvalidError, PracticeError
from practice.models import Checkpoint, CheckpointPush, User
from practice.roles import Role, require
from practice.selectors.cards import CARD, card_of, files_of
from practice.services import audit, enqueue
from practice.services.transfers import announce
from practice.services.work import PUSHES

LEASE = timedelta(seconds=60)


@transaction.atomic
def start_push(checkpoint: Checkpoint, repo: str, *, by: User) -> CheckpointPush:
    """Queue a push of the checkpoint's files and card to `repo` (owner/name), private unless it is there already.

    Raises:
        InvalidError: no name of a repository, or this site has no token of the Hub.
        ForbiddenError: `by` is no operator.
    """
    require(by, Role.OPERATOR)
    repo = repo.strip()
    if not hub.is_repo(repo):
        raise InvalidError(
            f"{repo[:80]!r} is no repository of the Hub; write it as owner/name.",
            fields={"repo": "owner/name"},
        )
    if not settings.EFM_HUB_TOKEN:
        raise InvalidError(
            "This site has no token of the Hugging Face Hub; set EFM_HUB_TOKEN, or download the .zip.",
            fields={"repo": "no token"},
        )
    push = CheckpointPush.objects.create(
        checkpoint=checkpoint,
        repo=repo,
        created_by=by,
        lease_expires_at=timezone.now() + LEASE,
    )
    audit.record(by, "checkpoint.pushed", checkpoint, repo=repo)
    enqueue.enqueue_on_commit(enqueue.PUSH_CHECKPOINT, push.pk, queue="cpu")
    announce(push)
    return push


@transaction.atomic
def delete_push(push: CheckpointPush, *, by: User) -> None:
    """Forget a push. One that is queued is not made; one under way may still arrive, and what is on the Hub stays there."""
    require(by, Role.OPERATOR)
    audit.record(by, "push.deleted", push.checkpoint, repo=push.repo)
    announce(push)
    push.delete()


def push_checkpoint(push_id: int) -> None:
    """Make a queued push; one that another worker holds is left alone."""
    owner = PUSHES.claim(push_id)
    if not owner:
        return
    push = CheckpointPush.objects.select_related("checkpoint__task").get(pk=push_id)
    announce(push)
    try:
        url = _push(push)
    except (hub.HubError, LearningError, PracticeError) as error:
        _conclude(push, owner, state="failed", error=str(error))
    except OSError as error:
        reason = f"The files could not be read: {error.strerror or error}."
        _conclude(push, owner, state="failed", error=reason)
    else:
        _conclude(push, owner, state="done", url=url)


def _conclude(push: CheckpointPush, owner: str, *, state: str, **facts: str) -> None:
    if PUSHES.conclude(push.pk, owner, state=state, **facts):
        push.state = state
        announce(push)


def _push(push: CheckpointPush) -> str:
    """Lay the files out by links and hand the folder over."""
    checkpoint = push.checkpoint
    with tempfile.TemporaryDirectory(dir=storage.work_folder()) as temporary:
        folder = Path(temporary)
        for name in files_of(checkpoint):
            (folder / name).symlink_to(storage.blobs().path(f"{checkpoint.blob_key}/{name}"))
        (folder / CARD).write_text(card_of(checkpoint) or "")
        hub_of_site = {"token": settings.EFM_HUB_TOKEN, "endpoint": settings.EFM_HUB_URL}
        return hub.push_model(folder, push.repo, **hub_of_site)
