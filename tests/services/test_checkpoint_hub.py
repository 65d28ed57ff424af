"""A checkpoint straight from the Hub: the files it may hold and no other, checked as an upload is."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from models_store.outside import MANIFEST, MOST_MANIFEST, OPTIMIZER, WEIGHTS
from practice import storage
from practice.episodes import hub_models
from practice.errors import ForbiddenError, InvalidError
from practice.events import TransferChanged
from practice.models import AuditEntry, Checkpoint, CheckpointImport, Task, User
from practice.selectors.cards import card_of, made_by
from practice.services import checkpoint_imports, checkpoint_sources
from practice.services.checkpoint_imports import (
    delete_import,
    import_checkpoint,
    receive_from_hub,
)
from practice.services.checkpoint_pushes import push_checkpoint, start_push
from tests.episodes.hub_stand_in import COMMIT, StandInHub
from tests.factories import make_task
from tests.models_store.outside import rewritten, small
from tests.services.conftest import Committed
from tests.services.test_checkpoint_imports import spoiled, stored

pytestmark = pytest.mark.django_db

REPO = "lab/reacher"


@pytest.fixture
def hub(settings: Settings) -> Iterator[StandInHub]:
    """A Hub with one of our checkpoints, and with files that are none of its."""
    more = {"README.md": b"# ours", "train.py": b"x", "model.pt": b"x", ".gitattributes": b""}
    with StandInHub(REPO, {**small().files, **more}).running() as running:
        settings.EFM_HUB_URL, settings.EFM_HUB_TOKEN = running.endpoint, "hf_secret"
        yield running


def taken(task: Task, by: User, repo: str = REPO, **given: Any) -> CheckpointImport:
    """The import, over."""
    row = receive_from_hub(task, repo, by=by, **given)
    import_checkpoint(row.pk)
    row.refresh_from_db()
    return row


def test_what_was_pushed_comes_back_to_another_task_with_the_same_digest(
    hub: StandInHub, otto: User
) -> None:
    hub.files.clear()
    ours = stored(small(seed=3))
    push = start_push(ours, REPO, by=otto)
    push_checkpoint(push.pk)
    push.refresh_from_db()
    assert (push.state, push.url) == ("done", f"{hub.endpoint}/{REPO}")
    row = taken(make_task(), otto)
    assert (row.state, row.error, row.progress) == ("done", "", 1.0)
    assert row.checkpoint is not None
    assert row.checkpoint != ours
    assert row.checkpoint.digest == ours.digest


def test_its_commit_is_kept_shown_and_written_down(hub: StandInHub, otto: User) -> None:
    row = taken(make_task(), otto, f"{REPO}@v1", name="From afar", kind="reward")
    assert row.source == {"kind": "hub", "repo": REPO, "revision": "v1", "commit": COMMIT}
    made = row.checkpoint
    assert made is not None
    assert (made.name, made.kind, made.run) == ("From afar", "reward", None)
    assert made_by(made) == f"imported by otto from {REPO}@{COMMIT[:12]} on the Hub"
    assert COMMIT[:12] in (card_of(made) or "")
    assert sorted(hub.fetched) == [MANIFEST, WEIGHTS]
    audited = AuditEntry.objects.filter(verb__startswith="checkpoint").order_by("pk")
    assert [entry.verb for entry in audited] == ["checkpoint.uploaded", "checkpoint.imported"]
    assert audited[0].detail["repo"] == REPO


def test_pages_hear_how_it_goes(hub: StandInHub, otto: User, committed: Committed) -> None:
    ours = stored(small(seed=3))
    with committed() as sent:
        push = start_push(ours, REPO, by=otto)
        push_checkpoint(push.pk)
        row = taken(make_task(), otto)
    heard = [(event.kind, event.transfer, event.task) for event in sent.of(TransferChanged)]
    assert set(heard) == {("push", push.pk, ours.task_id), ("import", row.pk, row.task_id)}
    for kind, checkpoint in (("push", ours), ("import", row.checkpoint)):
        events = [event for event in sent.of(TransferChanged) if event.kind == kind]
        states = dict.fromkeys(event.state for event in events)
        assert list(states) == ["queued", "working", "done"]
        assert checkpoint is not None
        assert events[-1].checkpoint == checkpoint.pk


def test_what_the_manifest_names_is_fetched(hub: StandInHub, otto: User) -> None:
    weights = small().files[WEIGHTS]
    hub.files |= rewritten(small().files | {OPTIMIZER: weights})
    assert taken(make_task(), otto).state == "done"
    assert sorted(hub.fetched) == [MANIFEST, WEIGHTS, OPTIMIZER]


def spoil(hub: StandInHub, how: str) -> None:
    """Make of its checkpoint one that is refused."""
    if how == "no manifest":
        del hub.files[MANIFEST]
    elif how == "no weights":
        del hub.files[WEIGHTS]
    elif how == "manifest too large":
        hub.listed[MANIFEST] = MOST_MANIFEST + 1
    elif how == "laid out otherwise":
        hub.files[MANIFEST] += b"\n"
    elif how == "names more":
        hub.files |= rewritten(small().files, sha256={"model.pt": "0" * 64})
    elif how == "of another robot":
        hub.files |= small(action=3).files


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no manifest", f"{REPO}: has no manifest.json at {COMMIT[:12]}: it is no checkpoint of"),
        ("no weights", "is missing, which manifest.json names"),
        ("manifest too large", "at most"),
        ("laid out otherwise", "its digest would not hold"),
        ("names more", "and nothing else"),
        ("of another robot", "answers with 3 numbers"),
    ],
)
def test_weights_of_what_is_no_use_are_not_fetched(
    how: str, said: str, hub: StandInHub, otto: User
) -> None:
    spoil(hub, how)
    row = taken(make_task(), otto)
    assert row.state == "failed"
    assert said in row.error
    assert set(hub.fetched) <= {MANIFEST}
    assert not Checkpoint.objects.exists()


def test_damaged_weights_become_nothing(hub: StandInHub, otto: User) -> None:
    hub.files |= spoiled()
    row = taken(make_task(), otto)
    assert "damaged" in row.error
    assert not list(storage.blobs().list("checkpoints/"))


def test_what_is_larger_than_allowed_is_not_fetched(
    hub: StandInHub, otto: User, settings: Settings
) -> None:
    hub.listed[WEIGHTS] = settings.EFM_UPLOAD_LIMIT + 1
    assert "EFM_UPLOAD_MB allows" in taken(make_task(), otto).error
    assert hub.fetched == [MANIFEST]


@pytest.mark.parametrize("kind", ["policy", "judge"])
def test_who_may_bring_what(kind: str, otto: User, vera: User) -> None:
    task = make_task()
    with pytest.raises(ForbiddenError):
        receive_from_hub(task, REPO, by=vera)
    repo = "https://huggingface.co/a/b" if kind == "policy" else REPO
    with pytest.raises(InvalidError):
        receive_from_hub(task, repo, by=otto, kind=kind)
    assert not CheckpointImport.objects.exists()


def test_an_import_that_is_deleted_while_it_is_fetched_stops(
    hub: StandInHub, otto: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = receive_from_hub(make_task(), REPO, by=otto)
    monkeypatch.setattr(checkpoint_imports, "TELL_SECONDS", 0.0)
    fetch = hub_models.fetch_file

    def deleted_meanwhile(*args: Any, **kwargs: Any) -> None:
        CheckpointImport.objects.filter(pk=row.pk).delete()
        fetch(*args, **kwargs)

    monkeypatch.setattr(checkpoint_sources, "fetch_file", deleted_meanwhile)
    import_checkpoint(row.pk)
    assert WEIGHTS not in hub.fetched
    assert not Checkpoint.objects.exists()


def test_progress_is_told_and_one_that_failed_is_deleted(
    hub: StandInHub, otto: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_imports, "TELL_SECONDS", 0.0)
    seen: list[float] = []

    def look(*_args: object) -> None:
        seen.append(CheckpointImport.objects.get().progress)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint_imports, "try_loading", look)
    row = taken(make_task(), otto)
    assert seen == [checkpoint_imports.CHECKED]
    assert "make room" in row.error
    delete_import(row, by=otto)
    assert not CheckpointImport.objects.exists()


def test_the_command_takes_a_repository(
    hub: StandInHub, capsys: pytest.CaptureFixture[str]
) -> None:
    task = make_task()
    call_command("import_checkpoint", f"{REPO}@main", task=task.slug)
    assert f"{REPO}: checkpoint {Checkpoint.objects.get().pk}" in capsys.readouterr().out
    with pytest.raises(CommandError, match="has no revision 'v9'"):
        call_command("import_checkpoint", f"{REPO}@v9", task=task.slug)
