"""People's verbs on runs: launch, pause, resume, stop."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from models_store.errors import LearningError
from practice.errors import ConflictError, InvalidError, PracticeError
from practice.learning.config import CONFIGS, Config, SFTConfig
from practice.learning.presets import Preset, presets
from practice.models import Checkpoint, Dataset, Run, Task, User
from practice.roles import Role, require
from practice.selectors.estimates import fingerprint, fresh_cost
from practice.selectors.pretrainings import check_stored
from practice.services import audit, enqueue
from practice.services.leases import add_log, announce
from practice.services.versions import freeze_for


@transaction.atomic
def launch_run(
    task: Task,
    *,
    by: User,
    kind: str,
    name: str = "",
    preset: str = "",
    config: Mapping[str, Any] | None = None,
    datasets: Sequence[Dataset] = (),
    with_approved: bool = False,
    policy: Checkpoint | None = None,
    reward: Checkpoint | None = None,
    device_kind: str = "",
) -> Run:
    """Queue a run of `kind` with a preset and the settings that depart from it.

    Raises:
        InvalidError: a value, dataset or checkpoint does not fit; `fields` says which. Or an estimate of the last
            hour says that it cannot fit its device.
        ForbiddenError: `by` is no operator.
    """
    require(by, Role.OPERATOR)
    preset, exact = resolve_config(task, kind=kind, preset=preset, changes=config or {})
    check_inputs(task, kind=kind, datasets=datasets, policy=policy, reward=reward)
    run = Run(
        task=task,
        kind=kind,
        name=name.strip() or _default_name(task, kind),
        preset=preset,
        config=exact.to_json(),
        with_approved=with_approved,
        policy=policy,
        reward=reward,
        device_kind=device_kind,
        created_by=by,
    )
    run.cost = _expected(fingerprint(run, datasets))
    _begin(run, datasets, by)
    return run


def _expected(meant: str) -> dict[str, Any]:
    """What an estimate of the last hour says it costs; empty where nobody has asked.

    Raises:
        InvalidError: it cannot fit.
    """
    cost = fresh_cost(meant)
    if cost is not None and cost.problem:
        raise InvalidError(cost.problem, fields={"config": cost.problem})
    return cost.to_json() if cost else {}


def resolve_config(
    task: Task, *, kind: str, preset: str, changes: Mapping[str, Any]
) -> tuple[str, Config]:
    """The preset's name and the exact config: the preset with `changes` on top.

    Raises:
        InvalidError: an unknown kind or preset, or a setting the config refuses.
    """
    if kind not in CONFIGS:
        raise InvalidError(
            f"There is no kind of run {kind!r}; choose one of {', '.join(CONFIGS)}.",
            fields={"kind": "unknown kind"},
        )
    known = presets(kind, task.embodiment)
    preset = preset or next(iter(known))
    if preset not in known:
        raise InvalidError(
            f"There is no preset {preset!r} for {kind} on {task.embodiment}; "
            f"choose one of {', '.join(known)}.",
            fields={"preset": "unknown preset"},
        )
    try:
        exact = type(known[preset].config).from_json({**known[preset].config.to_json(), **changes})
    except LearningError as error:
        raise InvalidError(str(error), fields={"config": str(error)}) from error
    _check_asked(known[preset], exact)
    if isinstance(exact, SFTConfig) and exact.pretrained is not None:
        try:
            check_stored(exact.pretrained)
        except PracticeError as error:
            raise InvalidError(str(error), fields={"config": str(error)}) from error
    return preset, exact


def _check_asked(preset: Preset, exact: Config) -> None:
    """Raises InvalidError, which explains the setting, where one that the preset asks for has no value."""
    help_of = {fact.name: fact.help for fact in exact.describe()}
    for name in preset.asks:
        if getattr(exact, name) is None:
            said = f"The preset {preset.name!r} needs {name}. {help_of[name]}"
            raise InvalidError(said, fields={"config": said})


def check_inputs(
    task: Task,
    *,
    kind: str,
    datasets: Sequence[Dataset],
    policy: Checkpoint | None,
    reward: Checkpoint | None,
) -> None:
    """Whether a run of `kind` on the task may begin with these.

    Raises:
        InvalidError: one is missing, of another task, of the wrong kind or not ready.
        ConflictError: the task is archived.
    """
    if task.archived_at is not None:
        raise ConflictError(f"The task {task.name} is archived; restore it first.")
    _check_present(kind, datasets, policy, reward)
    for dataset in datasets:
        _check_belongs(dataset, task, "datasets")
        if dataset.state != Dataset.State.READY:
            raise InvalidError(
                f"The dataset {dataset} is not ready ({dataset.get_state_display()}); wait for its "
                "validation, or choose another.",
                fields={"datasets": "not ready"},
            )
    for checkpoint, wanted in ((policy, Checkpoint.Kind.POLICY), (reward, Checkpoint.Kind.REWARD)):
        if checkpoint is None:
            continue
        _check_belongs(checkpoint, task, str(wanted.value))
        if checkpoint.kind != wanted:
            raise InvalidError(
                f"{checkpoint} is a {checkpoint.get_kind_display()} checkpoint; a "
                f"{wanted.label} is needed.",
                fields={str(wanted.value): "wrong kind"},
            )


def _check_present(
    kind: str,
    datasets: Sequence[Dataset],
    policy: Checkpoint | None,
    reward: Checkpoint | None,
) -> None:
    if kind == Run.Kind.SFT and not datasets:
        raise InvalidError(
            "Stage 1 needs at least one dataset of demonstrations; upload one first.",
            fields={"datasets": "required"},
        )
    if kind != Run.Kind.SFT and policy is None:
        raise InvalidError(
            "Choose the policy checkpoint to start from; Stage 1 makes the first.",
            fields={"policy": "required"},
        )
    if kind == Run.Kind.PRACTICE and reward is None:
        raise InvalidError(
            "Choose the reward model: a steps-to-go checkpoint of Stage 1.",
            fields={"reward": "required"},
        )


def _check_belongs(item: Dataset | Checkpoint, task: Task, field: str) -> None:
    if item.task_id != task.pk:
        raise InvalidError(
            f"{item} belongs to another task than {task}.", fields={field: "other task"}
        )


def _default_name(task: Task, kind: str) -> str:
    number = Run.objects.filter(task=task, kind=kind).count() + 1
    return f"{Run.Kind(kind).label} {number}"


def _begin(run: Run, datasets: Sequence[Dataset], by: User) -> None:
    run.state, run.queued_at = Run.State.QUEUED, timezone.now()
    run.save()
    run.datasets.set(datasets)
    if run.kind == Run.Kind.SFT:
        freeze_for(run, by=by)
    audit.record(by, "run.launched", run, kind=run.kind, preset=run.preset)
    add_log(run, f"Queued by {by}.")
    announce(run)
    enqueue.enqueue_on_commit(enqueue.EXECUTE_RUN, run.pk, queue=run.queue)


@transaction.atomic
def pause_run(run: Run, *, by: User) -> Run:
    """Ask a run to pause; a running one commits, frees its worker and waits, a queued one waits at once."""
    require(by, Role.OPERATOR)
    run = _lock(run)
    if run.state == Run.State.QUEUED:
        run.state, run.wish = Run.State.PAUSED, Run.Wish.NONE
    elif run.state == Run.State.RUNNING:
        run.wish = Run.Wish.PAUSE
    else:
        raise ConflictError(f"{run} is {run.state}; only a queued or running run can pause.")
    return _record(run, by, "run.paused", f"{by} asked it to pause.")


@transaction.atomic
def stop_run(run: Run, *, by: User) -> Run:
    """Ask a run to stop; it keeps its last commit and can be resumed."""
    require(by, Role.OPERATOR)
    run = _lock(run)
    if run.state in {Run.State.QUEUED, Run.State.PAUSED, Run.State.DRAFT}:
        run.state, run.wish = Run.State.CANCELLED, Run.Wish.NONE
        run.ended_at = timezone.now()
    elif run.state == Run.State.RUNNING:
        run.wish = Run.Wish.STOP
    else:
        raise ConflictError(f"{run} is {run.state}; there is nothing to stop.")
    return _record(run, by, "run.stopped", f"{by} asked it to stop.")


@transaction.atomic
def resume_run(run: Run, *, by: User) -> Run:
    """Queue a paused, stopped or failed run again; it goes on from its last commit."""
    require(by, Role.OPERATOR)
    run = _lock(run)
    resumable = {Run.State.PAUSED, Run.State.CANCELLED, Run.State.FAILED}
    if run.state == Run.State.RUNNING and run.wish == Run.Wish.PAUSE:
        run.wish = Run.Wish.NONE
    elif run.state in resumable:
        run.state, run.queued_at, run.ended_at = Run.State.QUEUED, timezone.now(), None
        run.error, run.strikes, run.wish = "", 0, Run.Wish.NONE
    else:
        raise ConflictError(f"{run} is {run.state}; only a run that rests can be resumed.")
    run = _record(run, by, "run.resumed", f"{by} resumed it.")
    if run.state == Run.State.QUEUED:
        enqueue.enqueue_on_commit(enqueue.EXECUTE_RUN, run.pk, queue=run.queue)
    return run


def _lock(run: Run) -> Run:
    return Run.objects.select_for_update().get(pk=run.pk)


def _record(run: Run, by: User, verb: str, text: str) -> Run:
    run.save(update_fields=["state", "wish", "queued_at", "ended_at", "error", "strikes"])
    audit.record(by, verb, run)
    add_log(run, text)
    announce(run)
    return run
