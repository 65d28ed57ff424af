"""People's verbs on runs: what they may do in which state, and what follows on commit."""

from typing import Any

import pytest

from practice import events
from practice.errors import ConflictError, ForbiddenError, InvalidError, PracticeError
from practice.models import AuditEntry, Dataset, Run, User
from practice.services import enqueue
from practice.services.leases import hand_back
from practice.services.runs import launch_run, pause_run, resume_run, stop_run
from practice.services.tasks import archive_task
from tests.factories import (
    make_checkpoint,
    make_dataset,
    make_demos,
    make_run,
    make_running,
    make_task,
)
from tests.services.conftest import Committed

S = Run.State
pytestmark = pytest.mark.django_db


def ready(kind: str) -> dict[str, Any]:
    """A task and all that a run of `kind` needs."""
    task = make_task()
    if kind == Run.Kind.SFT:
        return {"task": task, "kind": kind, "datasets": [make_demos(task)]}
    sft = make_run(task, kind="sft", state=S.SUCCEEDED)
    policy, reward = make_checkpoint(sft), make_checkpoint(sft, kind="reward")
    return {"task": task, "kind": kind, "policy": policy, "reward": reward}


@pytest.mark.parametrize("kind", Run.Kind.values)
def test_launching_queues_records_and_sends_the_job_after_the_commit(
    kind: str, otto: User, committed: Committed
) -> None:
    with committed() as sent:
        run = launch_run(by=otto, **ready(kind))
        assert not sent.jobs, "nothing may be sent before the transaction commits"
    assert run.state == S.QUEUED
    assert run.queued_at is not None
    assert sent.jobs == [(enqueue.EXECUTE_RUN, run.pk, "gpu")]
    assert [event.state for event in sent.of(events.RunChanged)] == [S.QUEUED]
    assert AuditEntry.objects.get(verb="run.launched").by == otto
    assert "otto" in run.log.get().text


def test_the_device_kind_chooses_the_queue(otto: User, committed: Committed) -> None:
    with committed() as sent:
        launch_run(by=otto, device_kind="h100", **ready("practice"))
    assert sent.jobs[0][2] == "gpu.h100"


def test_the_run_keeps_the_exact_config(otto: User) -> None:
    given = ready("practice")
    run = launch_run(by=otto, preset="fast", config={"gamma": 0.8}, **given)
    assert run.preset == "fast"
    assert run.config["gamma"] == 0.8
    plain = launch_run(by=otto, preset="fast", **given)
    assert {**plain.config, "gamma": 0.8} == run.config


def test_names_count_up_per_task_and_kind(otto: User) -> None:
    given = ready("sft")
    names = [launch_run(by=otto, **given).name for _ in range(2)]
    assert names == ["Stage 1: SFT 1", "Stage 1: SFT 2"]
    assert launch_run(by=otto, name="  Mine ", **given).name == "Mine"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "dream"}, "kind"),
        ({"preset": "nonesuch"}, "preset"),
        ({"config": {"gamma": 7.0}}, "config"),
        ({"config": {"gama": 0.9}}, "config"),
        ({"policy": None}, "policy"),
        ({"reward": None}, "reward"),
    ],
)
def test_a_run_that_cannot_work_is_refused_by_field(
    change: dict[str, Any], field: str, otto: User
) -> None:
    with pytest.raises(InvalidError) as refusal:
        launch_run(by=otto, **{**ready("practice"), **change})
    assert field in refusal.value.fields
    assert not Run.objects.filter(kind="practice").exists()


def test_a_preset_that_leaves_something_to_people_says_what(otto: User) -> None:
    task = make_task(embodiment="language-table-4")
    given: dict[str, Any] = {
        "task": task,
        "kind": "sft",
        "preset": "foundation",
        "datasets": [make_demos(task)],
    }
    with pytest.raises(InvalidError, match=r"'foundation' needs base\. .* folder in EFM_BASES"):
        launch_run(by=otto, **given)
    run = launch_run(by=otto, config={"base": "owner/model@main"}, **given)
    assert (run.config["base"], run.config["lora_rank"]) == ("owner/model@main", 16)


def test_policy_and_reward_may_not_be_swapped(otto: User) -> None:
    given = ready("practice")
    given["policy"], given["reward"] = given["reward"], given["policy"]
    with pytest.raises(InvalidError, match="reward model"):
        launch_run(by=otto, **given)


def test_inputs_of_another_task_are_refused(otto: User) -> None:
    with pytest.raises(InvalidError, match="another task"):
        launch_run(make_task(), by=otto, kind="sft", datasets=[make_dataset()])


@pytest.mark.parametrize("state", [Dataset.State.QUEUED, Dataset.State.FAILED])
def test_stage_1_waits_for_its_datasets(state: str, otto: User) -> None:
    task = make_task()
    with pytest.raises(InvalidError, match="validation") as refusal:
        launch_run(task, by=otto, kind="sft", datasets=[make_dataset(task, state=state)])
    assert refusal.value.fields == {"datasets": "not ready"}
    with pytest.raises(InvalidError, match="at least one dataset"):
        launch_run(task, by=otto, kind="sft")


def test_an_archived_task_takes_no_run(otto: User) -> None:
    given = ready("sft")
    archive_task(given["task"], by=otto, archived=True)
    given["task"].refresh_from_db()
    with pytest.raises(ConflictError, match="archived"):
        launch_run(by=otto, **given)


def test_a_viewer_may_do_none_of_it(vera: User) -> None:
    with pytest.raises(ForbiddenError):
        launch_run(by=vera, **ready("sft"))
    run = make_run()
    for verb in (pause_run, stop_run, resume_run):
        with pytest.raises(ForbiddenError):
            verb(run, by=vera)


# What each verb makes of each state: the new state and wish, or a refusal.
REFUSED = ("refused", "")
VERBS: dict[str, dict[str, tuple[str, str]]] = {
    "pause": {
        S.QUEUED: (S.PAUSED, ""),
        S.RUNNING: (S.RUNNING, "pause"),
        S.PAUSED: REFUSED,
        S.SUCCEEDED: REFUSED,
        S.FAILED: REFUSED,
        S.CANCELLED: REFUSED,
    },
    "stop": {
        S.QUEUED: (S.CANCELLED, ""),
        S.RUNNING: (S.RUNNING, "stop"),
        S.PAUSED: (S.CANCELLED, ""),
        S.SUCCEEDED: REFUSED,
        S.FAILED: REFUSED,
        S.CANCELLED: REFUSED,
    },
    "resume": {
        S.QUEUED: REFUSED,
        S.RUNNING: REFUSED,
        S.PAUSED: (S.QUEUED, ""),
        S.SUCCEEDED: REFUSED,
        S.FAILED: (S.QUEUED, ""),
        S.CANCELLED: (S.QUEUED, ""),
    },
}
CASES = [
    (verb, state, after) for verb, by_state in VERBS.items() for state, after in by_state.items()
]


@pytest.mark.parametrize(("verb", "state", "after"), CASES)
def test_every_verb_in_every_state(
    verb: str, state: str, after: tuple[str, str], otto: User
) -> None:
    do = {"pause": pause_run, "stop": stop_run, "resume": resume_run}[verb]
    run = make_run(state=state)
    if after == REFUSED:
        with pytest.raises(ConflictError, match=state):
            do(run, by=otto)
        run.refresh_from_db()
        assert run.state == state
        return
    do(run, by=otto)
    run.refresh_from_db()
    assert (run.state, run.wish) == after


def test_a_verb_looks_at_the_row_not_at_the_page(otto: User) -> None:
    seen = make_run()
    Run.objects.filter(pk=seen.pk).update(state=S.SUCCEEDED)
    with pytest.raises(ConflictError):
        stop_run(seen, by=otto)


def test_stopping_a_queued_run_sends_nothing_and_ends_it(otto: User, committed: Committed) -> None:
    run = make_run()
    with committed() as sent:
        stop_run(run, by=otto)
    run.refresh_from_db()
    assert run.ended_at is not None
    assert sent.jobs == []
    assert sent.of(events.RunChanged)[-1].state == S.CANCELLED


def test_resuming_forgives_and_sends_the_job_again(otto: User, committed: Committed) -> None:
    run = make_run(state=S.FAILED, error="The worker died.", strikes=5, device_kind="h100")
    with committed() as sent:
        resume_run(run, by=otto)
    run.refresh_from_db()
    assert (run.error, run.strikes, run.ended_at) == ("", 0, None)
    assert sent.jobs == [(enqueue.EXECUTE_RUN, run.pk, "gpu.h100")]


def test_a_pause_can_be_withdrawn_before_it_is_carried_out(
    otto: User, committed: Committed
) -> None:
    run = make_running(make_run())
    with committed() as sent:
        pause_run(run, by=otto)
        resume_run(run, by=otto)
    run.refresh_from_db()
    assert (run.state, run.wish) == (S.RUNNING, "")
    assert sent.jobs == [], "its process still runs; a second one is not wanted"


def test_a_process_that_died_with_a_wish_leaves_none_behind(otto: User) -> None:
    """Its run rests as was asked, and once resumed it is not paused again by the old wish."""
    run = make_running(make_run())
    pause_run(run, by=otto)
    hand_back(run.pk, owner="owner-1", reason="The process was killed.")
    run.refresh_from_db()
    assert (run.state, run.wish) == (S.PAUSED, "")
    resume_run(run, by=otto)
    run.refresh_from_db()
    assert (run.state, run.wish) == (S.QUEUED, "")


def test_every_refusal_is_one_sentence_for_people(otto: User) -> None:
    with pytest.raises(PracticeError) as refusal:
        resume_run(make_run(), by=otto)
    assert refusal.value.message.endswith(".")
