"""A reward model looks at an episode afterwards: asked on its page or over REST, computed by a job, drawn in its replay."""

import io
from typing import Any

import numpy as np
import pytest
from django.test import Client

from models_store.checkpoint import EFMCheckpoint
from models_store.errors import LearningError
from models_store.normalisation import Moments, Normalisation
from models_store.spec import ModelSpec
from practice import storage
from practice.bridge.judging import compute_judgement
from practice.errors import InvalidError, MissingError
from practice.models import Checkpoint, Episode, Judgement, User
from practice.selectors.replay import replay_payload
from practice.services.judging import ask_judgement, fail_judgement
from tests.factories import make_checkpoint, make_dataset, make_episodes, make_run, make_worker

pytestmark = pytest.mark.django_db


def reward_model(episode: Episode, sizes: dict[str, int] | None = None) -> Checkpoint:
    """A reward model of the episode's task that was never trained, stored for real."""
    spec = ModelSpec(sizes or {"observation.state": 6}, 2)
    plain = Normalisation(
        {n: Moments((0.0,) * size, (1.0,) * size) for n, size in spec.observation.items()},
        Moments((0.0, 0.0), (1.0, 1.0)),
    )
    made = EFMCheckpoint.new(spec, plain, seed=1)
    key = storage.checkpoint_key(made.digest)
    for name, data in made.files.items():
        storage.blobs().put(f"{key}/{name}", io.BytesIO(data))
    run = make_run(task=episode.task)
    kind = Checkpoint.Kind.REWARD
    return make_checkpoint(run, kind=kind, digest=made.digest, blob_key=key)


@pytest.fixture
def demonstration() -> Episode:
    """Nobody judged it while it was recorded."""
    [episode] = make_episodes(dataset=make_dataset(), count=1)
    Episode.objects.filter(pk=episode.pk).update(d_start=None, d_end=None, spread_end=None)
    return episode


def page_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_the_answer_has_one_distance_for_each_frame_and_takes_the_recorded_ones_place(
    demonstration: Episode, otto: User
) -> None:
    reward = reward_model(demonstration)
    judgement = ask_judgement(demonstration, reward, by=otto)
    compute_judgement(judgement)
    judgement.refresh_from_db()
    assert len(judgement.distance) == len(judgement.spread) == demonstration.length + 1
    drawn = replay_payload(demonstration, judgement)["distance"]
    np.testing.assert_allclose(drawn, judgement.distance, rtol=1e-4)
    assert drawn != replay_payload(demonstration)["distance"]


def test_asked_on_the_page_it_is_drawn_once_it_is_there(demonstration: Episode, otto: User) -> None:
    reward = reward_model(demonstration)
    client, url = page_of(otto), f"/episodes/{demonstration.pk}/"
    assert 'data-curve="distance"' not in client.get(url).content.decode()
    client.post(f"{url}judge/", {"reward": reward.pk})
    waiting = client.get(url).content.decode()
    assert "manage.py worker cpu" in waiting, "nobody is here who could ask it"
    assert "every 2s" in waiting
    make_worker(queues=["cpu"])
    assert "is looking at it" in client.get(url).content.decode()
    compute_judgement(Judgement.objects.get())
    page = client.get(f"{url}?judge={reward.pk}").content.decode()
    assert 'data-curve="distance"' in page
    assert f"replay.json?judge={reward.pk}" in page
    assert "every 2s" not in page
    assert client.get(f"{url}replay.json?judge={reward.pk}").json()["distance"] is not None


def test_a_model_that_looks_at_something_else_says_what_is_missing(
    demonstration: Episode, otto: User
) -> None:
    reward = reward_model(demonstration, {"observation.force": 3})
    judgement = ask_judgement(demonstration, reward, by=otto)
    with pytest.raises(LearningError, match=r"looks at observation\.force of shape \(3,\)"):
        compute_judgement(judgement)
    fail_judgement(judgement.pk, error="It looks at observation.force.")
    page = page_of(otto).get(f"/episodes/{demonstration.pk}/").content.decode()
    assert "It looks at observation.force." in page
    assert f'<option value="{reward.pk}">' in page, "it can be asked again"


def test_only_a_reward_model_of_the_task_is_asked_and_only_about_frames_that_are_there(
    demonstration: Episode, otto: User
) -> None:
    stranger = make_checkpoint(kind=Checkpoint.Kind.REWARD)
    with pytest.raises(InvalidError, match="no reward model of"):
        ask_judgement(demonstration, stranger, by=otto)
    demonstration.blob_key = ""
    with pytest.raises(MissingError, match="were not kept"):
        ask_judgement(demonstration, reward_model(demonstration), by=otto)


def test_a_viewer_sees_judges_and_cannot_ask(demonstration: Episode, vera: User) -> None:
    reward = reward_model(demonstration)
    client, url = page_of(vera), f"/episodes/{demonstration.pk}/"
    assert "whose d(o, g) is drawn" in client.get(url).content.decode()
    assert client.post(f"{url}judge/", {"reward": reward.pk}).status_code == 403
    assert not Judgement.objects.exists()


def test_an_address_that_names_no_answer_shows_what_was_recorded(
    demonstration: Episode, otto: User
) -> None:
    client = page_of(otto)
    for chosen in ("", "x", "9" * 30, "12345"):
        answer: Any = client.get(f"/episodes/{demonstration.pk}/?judge={chosen}")
        assert answer.status_code == 200
