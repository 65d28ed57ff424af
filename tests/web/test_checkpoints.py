"""Checkpoint pages: tables, comparison, lineage, manifest, launching an evaluation."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client

from practice import storage
from practice.models import Checkpoint, Run, User
from practice.selectors import checkpoints as selectors
from tests.factories import make_checkpoint, make_evaluation, make_run, make_task

pytestmark = pytest.mark.django_db


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def family() -> tuple[Checkpoint, Checkpoint, Checkpoint, Checkpoint]:
    """Stage 1 gives a policy and a reward model; two practice runs follow one another."""
    sft = make_run(kind=Run.Kind.SFT, state="succeeded")
    policy, reward = make_checkpoint(sft), make_checkpoint(sft, kind="reward")
    children = []
    parent = policy
    for _ in range(2):
        run = make_run(sft.task, policy=parent, reward=reward)
        child = make_checkpoint(run)
        child.parents.set([parent, reward])
        children.append(child)
        parent = child
    return policy, reward, children[0], children[1]


def test_strangers_see_nothing() -> None:
    checkpoint = make_checkpoint()
    for url in ("/checkpoints/", f"/checkpoints/{checkpoint.pk}/"):
        assert Client().get(url)["Location"].startswith("/sign-in/")


def test_the_table_shows_the_newest_evaluation_and_the_parents(vera: User) -> None:
    policy, _, first, _ = family()
    make_evaluation(policy, success=0.31, ci_low=0.23, ci_high=0.41)
    make_evaluation(policy, success=0.42, ci_low=0.33, ci_high=0.52)
    response = signed_in(vera).get("/checkpoints/")
    page = response.content.decode()
    assert "42.0" in page
    assert "31.0" not in page
    rows = {r.checkpoint.pk: r for _, group in response.context["groups"] for r in group}
    assert {parent.kind for parent in rows[first.pk].parents} == {"policy", "reward"}
    assert rows[policy.pk].evaluations == 2
    assert "Evaluate" not in page  # a viewer launches nothing


def test_tables_are_per_task_and_filtered(vera: User) -> None:
    policy, reward, *_ = family()
    other = make_checkpoint()
    client = signed_in(vera)
    groups = client.get("/checkpoints/").context["groups"]
    assert {task.pk for task, _ in groups} == {policy.task_id, other.task_id}
    only = client.get(f"/checkpoints/?task={policy.task.slug}&kind=reward").context["groups"]
    assert [[row.checkpoint for row in rows] for _, rows in only] == [[reward]]
    assert client.get("/checkpoints/?kind=nonsense").context["page"].paginator.count == 5


def test_the_list_asks_the_same_number_of_queries_for_many_rows(
    vera: User, django_assert_num_queries: Callable[..., object]
) -> None:
    client = signed_in(vera)
    make_evaluation(family()[0])
    with django_assert_num_queries(8):  # type: ignore[attr-defined]
        client.get("/checkpoints/")
    for _ in range(3):
        make_evaluation(family()[2])
    with django_assert_num_queries(8):  # type: ignore[attr-defined]
        client.get("/checkpoints/")


def test_a_comparison_keeps_the_order_and_names_what_is_missing(vera: User) -> None:
    policy, reward, first, _ = family()
    make_evaluation(policy, mean_steps=61.0)
    make_evaluation(first, mean_steps=13.0)
    found = selectors.compare(vera, [first.pk, policy.pk, reward.pk, 999_999])
    assert found is not None
    assert [item.checkpoint for item in found.items] == [first, policy]
    assert found.left_out == [reward]
    assert found.steps_axis == 100.0
    assert found.items[0].steps_share == pytest.approx(0.13)
    assert found.fair


def test_a_comparison_over_other_seeds_says_so(vera: User) -> None:
    policy, _, first, _ = family()
    make_evaluation(policy, first_seed=0)
    make_evaluation(first, first_seed=5)
    client = signed_in(vera)
    url = f"/checkpoints/?compare={policy.pk}&compare={first.pk}&compare=x"
    assert "different seeds" in client.get(url).content.decode()
    headers = {"HX-Request": "true", "HX-Target": "comparison"}
    part = client.get(url, headers=headers).content.decode()
    assert "<html" not in part
    assert "Side by side" in part
    assert client.get("/checkpoints/?compare=999").context["comparison"] is None


@pytest.mark.parametrize(
    ("value", "end"), [(0, 1), (1, 1), (1.2, 2), (5, 5), (12.1, 20), (51, 100), (998, 1000)]
)
def test_axes_end_at_round_numbers(value: float, end: float) -> None:
    assert selectors.round_up(value) == end


def test_lineage_is_a_tree_that_names_a_meeting_line_once() -> None:
    policy, reward, first, second = family()
    lines = [(a.checkpoint, a.depth) for a in selectors.lineage(second)]
    assert lines == [(second, 0), (reward, 1), (first, 1), (policy, 2), (reward, 2)]
    assert list(selectors.descendants(first)) == [second]
    assert [a.checkpoint for a in selectors.lineage(policy)] == [policy]


def test_lineage_survives_a_circle() -> None:
    policy, _, first, _ = family()
    policy.parents.set([first])
    assert len(selectors.lineage(first)) < 10


def test_a_reward_model_lists_the_evaluations_it_judged(vera: User) -> None:
    policy, reward, *_ = family()
    evaluation = make_evaluation(policy)
    Run.objects.filter(pk=evaluation.run_id).update(reward=reward)
    assert list(selectors.evaluations_of(reward)) == [evaluation]
    assert evaluation.run in selectors.runs_using(reward)
    page = signed_in(vera).get(f"/checkpoints/{reward.pk}/").content.decode()
    assert evaluation.run.name in page


def store_manifest(checkpoint: Checkpoint, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.json"
        path.write_text(text)
        storage.blobs().put(f"{checkpoint.blob_key}/manifest.json", path)


def test_the_detail_page_shows_the_manifest(vera: User) -> None:
    checkpoint = make_checkpoint()
    manifest = {
        "spec": {"hidden": [64, 64]},
        "config": {"batch_size": 512},
        "code_revision": "ab12",
    }
    store_manifest(checkpoint, json.dumps(manifest))
    page = signed_in(vera).get(f"/checkpoints/{checkpoint.pk}/").content.decode()
    assert "[64, 64]" in page
    assert "batch_size" in page
    assert "ab12" in page


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_a_lost_or_damaged_manifest_is_said(vera: User, text: str) -> None:
    checkpoint = make_checkpoint()
    if text:
        store_manifest(checkpoint, text)
    response = signed_in(vera).get(f"/checkpoints/{checkpoint.pk}/")
    assert response.status_code == 200
    assert "manifest cannot be read" in response.content.decode()


def test_an_operator_launches_an_evaluation(otto: User) -> None:
    policy, reward, *_ = family()
    client = signed_in(otto)
    assert client.get(f"/checkpoints/{policy.pk}/evaluate/").status_code == 200
    data = {"preset": "paper", "episodes": "64", "first_seed": "", "reward": str(reward.pk)}
    response = client.post(f"/checkpoints/{policy.pk}/evaluate/", data)
    run = Run.objects.get(kind=Run.Kind.EVALUATION)
    assert response["Location"] == f"/runs/{run.pk}/"
    assert (run.policy, run.reward, run.created_by) == (policy, reward, otto)
    assert run.config["episodes"] == 64
    assert run.config["first_seed"] == 2_000_000_000
    assert run.state == Run.State.QUEUED


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"episodes": "0"}, "greater than or equal to 1"),
        ({"episodes": "100000000"}, "must lie between"),
        ({"preset": "warp"}, "not one of the available choices"),
        ({"reward": "999999"}, "not one of the available choices"),
    ],
)
def test_bad_values_launch_nothing(otto: User, changes: dict[str, str], said: str) -> None:
    policy, *_ = family()
    data = {"preset": "paper", "episodes": "", "first_seed": "", "reward": "", **changes}
    response = signed_in(otto).post(f"/checkpoints/{policy.pk}/evaluate/", data)
    assert response.status_code == 400
    assert said in response.content.decode()
    assert not Run.objects.filter(kind=Run.Kind.EVALUATION).exists()


def test_who_may_not_and_what_cannot_be_evaluated(vera: User, otto: User) -> None:
    policy, reward, *_ = family()
    url = f"/checkpoints/{policy.pk}/evaluate/"
    assert signed_in(vera).post(url, {"preset": "paper"}).status_code == 403
    assert signed_in(otto).get(f"/checkpoints/{reward.pk}/evaluate/").status_code == 409
    assert signed_in(otto).get("/checkpoints/424242/").status_code == 404
    assert not Run.objects.filter(kind=Run.Kind.EVALUATION).exists()


def test_another_tasks_reward_model_is_not_offered(otto: User) -> None:
    policy, *_ = family()
    foreign = make_checkpoint(make_run(make_task(), kind="sft"), kind="reward")
    data = {"preset": "paper", "reward": str(foreign.pk)}
    assert signed_in(otto).post(f"/checkpoints/{policy.pk}/evaluate/", data).status_code == 400
