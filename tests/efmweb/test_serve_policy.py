"""`manage.py serve_policy`, as a person at a terminal and a robot on another host meet it."""

from __future__ import annotations

import io
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from efmweb.inference import RobotServer, Serving, make_served
from models_store.checkpoint import EFMCheckpoint
from models_store.errors import LearningError
from practice import storage
from practice.fleet.inference.queue import Rules
from practice.fleet.remote import RemotePolicy
from practice.live.inference import Served
from practice.models import Checkpoint, User
from practice.selectors.checkpoints import checkpoint_named
from practice.services.people import issue_token
from tests.factories import make_checkpoint, make_run, make_task
from tests.fleet.asking import NORM, SPEC, STATE, TEXT, TOP, sight
from tests.live.helpers import committed
from tests.stack import free_port


def stored(seed: int, kind: Checkpoint.Kind, **changes: Any) -> Checkpoint:
    """A small model whose files are there."""
    made = EFMCheckpoint.new(SPEC, NORM, seed=seed)
    key = storage.checkpoint_key(made.digest)
    for name, data in made.files.items():
        storage.blobs().put(f"{key}/{name}", io.BytesIO(data))
    return make_checkpoint(digest=made.digest, blob_key=key, kind=kind, **changes)


@pytest.fixture
def served(db: None) -> Served:
    run = make_run(make_task(threshold=1e6))
    policy = stored(0, Checkpoint.Kind.POLICY, run=run, name="pusher")
    reward = stored(1, Checkpoint.Kind.REWARD, run=run)
    return make_served(Serving(policy, reward, "cpu", Rules(), 0))


@pytest.fixture
def port(served: Served) -> Iterator[int]:
    """Where robots may ask."""
    where = free_port()
    listens = threading.Event()
    server = RobotServer(served, "127.0.0.1", where, listens.set)
    thread = threading.Thread(target=server.run)
    with served.server:
        thread.start()
        assert listens.wait(60)
        yield where
        server.should_exit = True
        thread.join()


@committed
def test_a_robot_on_another_host_is_driven(port: int, otto: User) -> None:
    _, token = issue_token(otto, by=otto, name="left arm")
    url = f"ws://127.0.0.1:{port}/ws/inference/"
    with RemotePolicy(url, token, robot="left", deadline_s=50.0) as policy:
        answers = [policy.act(sight(step), TEXT, episode=1) for step in range(3)]
        with pytest.raises(LearningError, match=f"lacks {STATE}"):
            policy.act({TOP: sight(0)[TOP]}, TEXT)
    assert [one.action.shape for one in answers] == [(2,)] * 3
    assert all(one.done and one.log_prob < 0 for one in answers)
    assert policy.facts["policy"].startswith("pusher@")
    assert policy.facts["features"][STATE] == {"shape": [2], "dtype": "float32"}
    assert policy.facts["action_size"] == 2


@committed
def test_a_token_that_is_not_known_is_refused_once(port: int) -> None:
    policy = RemotePolicy(f"ws://127.0.0.1:{port}/ws/inference/", "efm_unknown")
    with pytest.raises(LearningError, match="unknown or has ended"):
        policy.wait(60.0)
    policy.close()


@committed
def test_a_browser_that_comes_by_learns_what_this_is(port: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/")
    assert caught.value.code == 426
    assert b"docs/inference.md" in caught.value.read()


@pytest.mark.django_db
def test_one_checkpoint_as_policy_and_judge_is_one_model() -> None:
    run = make_run()
    policy = stored(0, Checkpoint.Kind.POLICY, run=run)
    reward = stored(0, Checkpoint.Kind.REWARD, run=run)
    served = make_served(Serving(policy, reward, "cpu"))
    seen = served.server.ask("a", sight(0), TEXT, deadline_s=60.0)
    served.server.step()
    assert seen.result().distance is not None
    assert np.isfinite(seen.result().log_prob)
    served.server.close()


@pytest.mark.django_db
def test_a_checkpoint_is_named_by_name_or_digest() -> None:
    first = make_checkpoint(name="pusher", digest="ab12" * 16)
    second = make_checkpoint(name="pusher", digest="ab34" * 16)
    kind = Checkpoint.Kind.POLICY
    assert checkpoint_named("ab12ab12", kind) == first
    assert checkpoint_named("pusher@ab34ab34", kind) == second
    with pytest.raises(CommandError, match="names several checkpoints; add @ and the digest"):
        call_command("serve_policy", "pusher")
    with pytest.raises(CommandError, match="There is no policy 'ab12ab13'"):
        call_command("serve_policy", "ab12ab13")


@pytest.mark.django_db
def test_what_cannot_be_served_is_refused_in_one_sentence() -> None:
    policy = make_checkpoint(name="pusher")
    other = make_checkpoint(make_run(make_task()), kind=Checkpoint.Kind.REWARD, name="judge")
    assert policy.task_id != other.task_id
    with pytest.raises(CommandError, match="judges another task"):
        call_command("serve_policy", "pusher", reward="judge", port=free_port())
    with pytest.raises(CommandError, match="lets others in: set EFM_PRODUCTION=1"):
        call_command("serve_policy", "pusher", host="192.0.2.7")
    with pytest.raises(CommandError, match="must lie above 0"):
        call_command("serve_policy", "pusher", period_ms=0.0)
