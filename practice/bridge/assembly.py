"""From a run's row to the work it asks for: config, data, checkpoints, facts of the task, sinks."""

import os
from collections.abc import Sequence

from models_store.checkpoint import MANIFEST, EFMCheckpoint
from practice import storage
from practice.bridge.companion import Companion, TeamEars
from practice.bridge.demonstrations import Told, demonstrations
from practice.bridge.preparation import InterruptedByWishError, Preparation
from practice.bridge.session import Ears, Session
from practice.embodiments.interface import Embodiment
from practice.embodiments.registry import embodiment
from practice.errors import InvalidError, PracticeError
from practice.fleet.tick import Sink
from practice.frames.connect import live_sink
from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.errors import LearningError
from practice.learning.parallel import ALONE, Team
from practice.learning.work import TaskFacts, Work, make_evaluation, make_practice, make_sft
from practice.models import Checkpoint, Run, Task
from practice.selectors.pretrainings import check_stored

READY = "ready"
"""What the leader of a team says once its work stands."""


def open_session(
    run: Run, owner: str, ears: Ears, team: Team = ALONE
) -> Session | Companion | None:
    """The run as a session of this process, ready to execute; None where somebody wished otherwise before it was.

    In a team the leader is ready first: what it fetches, freezes and lays out on disk the others find there.

    Raises:
        PracticeError, LearningError: an input is missing or damaged; the message says which.
    """
    robot = embodiment(run.task.embodiment)
    heard = TeamEars(ears, team)
    if not team.leads:
        if team.told("") != READY:
            return None
        return Companion(run, build_work(run, robot, device=device(), team=team), heard)
    preparation = Preparation(run, owner, ears)
    try:
        work = build_work(run, robot, device=device(), told=preparation.told, team=team)
    except InterruptedByWishError:
        team.told("")
        preparation.rest()
        return None
    except (LearningError, PracticeError):
        team.told("")
        raise
    team.told(READY)
    return Session(run, owner, work, heard)


def device() -> str:
    """The torch device of this process: the worker shows it one GPU, or none."""
    return "cuda" if os.environ.get("CUDA_VISIBLE_DEVICES") else "cpu"


def build_work(
    run: Run, robot: Embodiment, *, device: str, told: Told | None = None, team: Team = ALONE
) -> Work:
    """What the run is to do, from its rows and blobs; `told` as in `demonstrations`. Stage 1 alone may have a team."""
    if run.kind == Run.Kind.SFT:
        initial = None if run.policy is None else load_checkpoint(run.policy)
        config = SFTConfig.from_json(run.config)
        begun = None if config.pretrained is None else load_pretraining(config.pretrained)
        taught = demonstrations(run, told=told)
        return make_sft(
            config, taught, robot, device=device, initial=initial, pretrained=begun, team=team
        )
    policy = load_checkpoint(_needed(run.policy, "policy checkpoint"))
    task = task_facts(run.task)
    sinks = live_sinks(run, robot)
    if run.kind == Run.Kind.PRACTICE:
        reward = load_checkpoint(_needed(run.reward, "reward model"))
        return make_practice(
            PracticeConfig.from_json(run.config),
            policy,
            reward,
            robot,
            task=task,
            device=device,
            sinks=sinks,
        )
    return make_evaluation(
        EvaluationConfig.from_json(run.config),
        policy,
        None if run.reward is None else load_checkpoint(run.reward),
        robot,
        task=task,
        device=device,
        sinks=sinks,
    )


def task_facts(task: Task) -> TaskFacts:
    """What learning knows of the task."""
    return TaskFacts(
        instructions=tuple(task.instructions),
        control_hz=task.control_hz,
        horizon=task.horizon,
        threshold=task.threshold,
        limits=task.limits,
    )


def load_checkpoint(row: Checkpoint) -> EFMCheckpoint:
    """The checkpoint of a row, its digest checked."""
    folder = storage.blobs().path(f"{row.blob_key}/{MANIFEST}").parent
    return EFMCheckpoint.load(folder, digest=row.digest)


def load_pretraining(name: str) -> EFMCheckpoint:
    """The pretraining that `manage.py pretrain --name` has stored.

    Raises:
        MissingError: there is none of this name.
        CheckpointError: it is damaged.
    """
    check_stored(name)
    manifest = storage.blobs().path(f"{storage.pretraining_key(name)}/{MANIFEST}")
    return EFMCheckpoint.load(manifest.parent)


def live_sinks(run: Run, robot: Embodiment) -> Sequence[Sink]:
    """Whoever listens to the fleet: the live wall."""
    own = run.config.get("threshold")
    threshold = run.task.threshold if own is None else own
    return (live_sink(run.pk, robot, horizon=run.task.horizon, threshold=threshold),)


def _needed(row: Checkpoint | None, what: str) -> Checkpoint:
    if row is None:
        raise InvalidError(f"This run names no {what}; launch it again with one.")
    return row
