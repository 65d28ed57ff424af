"""The demonstration: the main job from task to proven checkpoint, through the services a user uses.

Every step looks first whether an earlier start has done it, so a second start takes seconds, and an interrupted one goes on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from efmweb.errors import ServiceError
from practice.embodiments.registry import embodiment
from practice.fleet.dataset import write_demonstrations
from practice.models import Checkpoint, Dataset, Evaluation, Run, Task, User
from practice.roles import Role
from practice.services.datasets import receive_upload
from practice.services.people import add_person
from practice.services.runs import launch_run
from practice.services.tasks import TaskFields, create_task

SLUG = "point-mass"
PERSON = "demo"
DEMONSTRATIONS = 10_000
POLL_SECONDS = 0.2

Tell = Callable[[str, float, str], None]
"""Called with (step, share done in [0, 1], a few words)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demonstration came to."""

    task: Task
    practice: Run
    before: Evaluation
    after: Evaluation
    seconds: float

    @property
    def better(self) -> bool:
        """Whether practice helped: more success, or as much in fewer steps."""
        return _rank(self.after) > _rank(self.before)

    def report(self) -> dict[str, Any]:
        """The figures, as `var/demo/report.json` holds them."""
        return {
            "task": self.task.slug,
            "stage1": _stage(self.before),
            "stage2": _stage(self.after),
            "detector": {
                "precision": self.after.precision,
                "recall": self.after.recall,
                "s": self.after.threshold,
            },
            "practice": {
                "iterations": self.practice.iteration,
                "episodes": self.practice.episode_count,
                "env_steps": self.practice.env_steps,
                "seconds": round(self.practice.seconds, 2),
            },
            "seconds_total": round(self.seconds, 2),
        }


def _rank(evaluation: Evaluation) -> tuple[float, float]:
    return evaluation.success or 0.0, -(evaluation.mean_steps or float("inf"))


def _stage(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "success": evaluation.success,
        "ci": [evaluation.ci_low, evaluation.ci_high],
        "mean_steps": evaluation.mean_steps,
        "episodes": evaluation.episodes,
    }


def run_demo(*, paced: bool, tell: Tell) -> Outcome:
    """Do the whole job, or what is left of it; workers must be running.

    Raises:
        ServiceError: a step ended otherwise than it should; the sentence says which and why.
    """
    started = time.monotonic()
    person = demo_person()
    task = _task(person)
    dataset = _dataset(task, person, tell)
    sft = _run(task, person, tell, kind="sft", name="Stage 1: SFT", datasets=[dataset])
    policy, reward = _kept(sft, "policy"), _kept(sft, "reward")
    before = _evaluation(task, person, tell, policy=policy, reward=reward, name="Stage 1 measured")
    practice = _run(
        task,
        person,
        tell,
        kind="practice",
        name="Stage 2: Self-Improvement",
        policy=policy,
        reward=reward,
        config={} if paced else {"pace": 0.0},
    )
    best = _kept(practice, "policy")
    after = _evaluation(task, person, tell, policy=best, reward=reward, name="Stage 2 measured")
    return Outcome(task, practice, before, after, time.monotonic() - started)


def demo_person() -> User:
    """The administrator that the demonstration signs in as."""
    known = User.objects.filter(username=PERSON).first()
    return known or add_person(PERSON, by=None, role=Role.ADMIN)


def _task(person: User) -> Task:
    known = Task.objects.filter(slug=SLUG).first()
    return known or create_task(
        TaskFields(
            name="Point mass: reach the goal",
            slug=SLUG,
            embodiment="point-mass",
            description="A point pushed by accelerations learns to reach its goal in few steps.",
        ),
        by=person,
    )


def _dataset(task: Task, person: User, tell: Tell) -> Dataset:
    dataset = task.datasets.filter(created_by=person).order_by("pk").first()
    if dataset is None:
        tell("Demonstrations", 0.0, "making them")
        path = Path(settings.EFM_VAR) / "demo" / "point-mass.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        write_demonstrations(embodiment(task.embodiment), path, DEMONSTRATIONS)
        with path.open("rb") as upload:
            dataset = receive_upload(
                task, upload, by=person, filename=path.name, name="Scripted demonstrations"
            )
    while dataset.state in {Dataset.State.QUEUED, Dataset.State.VALIDATING}:
        tell("Demonstrations", dataset.progress, "validating")
        time.sleep(POLL_SECONDS)
        dataset.refresh_from_db()
    if dataset.state != Dataset.State.READY:
        raise ServiceError(f"The demonstrations were refused: {dataset.error}")
    tell("Demonstrations", 1.0, f"{dataset.episodes_kept} episodes")
    return dataset


def _run(task: Task, person: User, tell: Tell, *, kind: str, name: str, **inputs: Any) -> Run:
    known = Run.objects.filter(task=task, kind=kind, name=name).exclude(state=Run.State.FAILED)
    run = known.order_by("pk").first()
    if run is None:
        run = launch_run(task, by=person, kind=kind, name=name, preset="demo", **inputs)
    while not run.is_over:
        tell(name, run.progress, _words(run))
        time.sleep(POLL_SECONDS)
        run.refresh_from_db()
    if run.state != Run.State.SUCCEEDED:
        raise ServiceError(f"{name} is {run.state}: {run.error or 'resume it on its page.'}")
    tell(name, 1.0, f"{run.seconds:.0f} s")
    return run


def _words(run: Run) -> str:
    if run.state != Run.State.RUNNING or run.eta_seconds is None:
        return str(run.state)
    return f"about {run.eta_seconds:.0f} s left"


def _kept(run: Run, kind: str) -> Checkpoint:
    kept = run.checkpoints.filter(kind=kind).order_by("-pk").first()
    if kept is None:
        raise ServiceError(f"{run.name} kept no {kind} checkpoint; its log says why.")
    return kept


def _evaluation(
    task: Task, person: User, tell: Tell, *, policy: Checkpoint, reward: Checkpoint, name: str
) -> Evaluation:
    run = _run(task, person, tell, kind="evaluation", name=name, policy=policy, reward=reward)
    return run.evaluation
