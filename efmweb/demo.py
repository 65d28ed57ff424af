"""The demonstration: from task to proven checkpoint, show after show, through the services a user uses.

Every step looks first whether an earlier start has done it, so a second start takes seconds, and an interrupted one goes on.
Practice comes right after Stage 1 and both are measured when it is over: evaluations are of checkpoints, so they find the
same figures then, and nobody waits for them before robots move.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from efmweb.errors import ServiceError
from efmweb.shows import SHOWS, Show
from practice.embodiments.registry import embodiment
from practice.fleet.dataset import write_demonstrations
from practice.fleet.pool import choose_processes, end_idle_workers
from practice.models import Checkpoint, Dataset, Evaluation, Run, Task, User
from practice.roles import Role
from practice.services.datasets import receive_upload
from practice.services.people import add_person
from practice.services.runs import launch_run
from practice.services.tasks import TaskFields, create_task

PERSON = "demo"
POLL_SECONDS = 0.2

Tell = Callable[[str, float, str], None]
"""Called with (step, share done in [0, 1], a few words)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one show came to."""

    show: Show
    task: Task
    practice: Run
    before: Evaluation
    after: Evaluation
    seconds: float
    seconds_to_first_practice: float | None
    """Until the first iteration of practice was seen in the database; None: an earlier start began it."""

    @property
    def better(self) -> bool:
        """Whether practice helped: more success, or as much in fewer steps."""
        return _rank(self.after) > _rank(self.before)

    @property
    def lift_points(self) -> float:
        """True success after practice less that before, in points of a hundred."""
        return 100 * ((self.after.success or 0.0) - (self.before.success or 0.0))

    def report(self) -> dict[str, Any]:
        """The figures of one show, as `var/demo/report.json` holds them."""
        first = self.seconds_to_first_practice
        return {
            "task": self.task.slug,
            "stage1": _stage(self.before),
            "stage2": _stage(self.after),
            "lift_points": round(self.lift_points, 1),
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
            "seconds_to_first_practice": None if first is None else round(first, 2),
            "seconds_total": round(self.seconds, 2),
        }


def report_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What `var/demo/report.json` holds: the first show, and under "others" the rest."""
    first, *others = (outcome.report() for outcome in outcomes)
    return first | {"others": others}


def _rank(evaluation: Evaluation) -> tuple[float, float]:
    return evaluation.success or 0.0, -(evaluation.mean_steps or float("inf"))


def _stage(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "success": evaluation.success,
        "ci": [evaluation.ci_low, evaluation.ci_high],
        "mean_steps": evaluation.mean_steps,
        "episodes": evaluation.episodes,
    }


def run_demo(*, paced: bool, tell: Tell, since: float | None = None) -> Iterator[Outcome]:
    """Each show's outcome when it is over; workers must be running.

    `since`, by the monotonic clock, is when the first show is said to have begun, by default now. Raises as `run_show` does.
    """
    for show in SHOWS:
        yield run_show(show, paced=paced, tell=tell, since=since)
        since = None


def run_show(show: Show, *, paced: bool, tell: Tell, since: float | None = None) -> Outcome:
    """Do the whole job, or what is left of it; workers must be running.

    Raises:
        ServiceError: a step ended otherwise than it should; the sentence says which and why.
    """
    started = time.monotonic() if since is None else since
    job = _Job(show, paced, tell)
    sft = job.finish(job.sft())
    policy, reward = _kept(sft, "policy"), _kept(sft, "reward")
    practice = job.practice(policy, reward)
    first = job.first_iteration(practice)
    best = _kept(job.finish(practice), "policy")
    before = job.finish(job.evaluation("Stage 1 measured", policy, reward)).evaluation
    after = job.finish(job.evaluation("Stage 2 measured", best, reward)).evaluation
    return Outcome(
        show=show,
        task=job.task,
        practice=practice,
        before=before,
        after=after,
        seconds=time.monotonic() - started,
        seconds_to_first_practice=None if first is None else first - started,
    )


def demo_person() -> User:
    """The administrator that the demonstration signs in as."""
    known = User.objects.filter(username=PERSON).first()
    return known or add_person(PERSON, by=None, role=Role.ADMIN)


class _Job:
    """One show's steps; each is found again, or launched."""

    def __init__(self, show: Show, paced: bool, tell: Tell) -> None:
        self._show, self._paced, self._tell_anybody = show, paced, tell
        self._person = demo_person()
        self.task = self._task()

    def sft(self) -> Run:
        """Stage 1, launched once its demonstrations are ready."""
        return self._launch("sft", "Stage 1: SFT", datasets=[self._dataset()])

    def practice(self, policy: Checkpoint, reward: Checkpoint) -> Run:
        """Stage 2, launched."""
        pace = {} if self._paced else {"pace": 0.0}
        name = "Stage 2: Self-Improvement"
        return self._launch("practice", name, policy=policy, reward=reward, config=pace)

    def evaluation(self, name: str, policy: Checkpoint, reward: Checkpoint) -> Run:
        """A measurement of a checkpoint, launched."""
        return self._launch("evaluation", name, policy=policy, reward=reward)

    def first_iteration(self, practice: Run) -> float | None:
        """Wait for it; when it was there, by the monotonic clock. None: it was there before."""
        if practice.iteration:
            return None
        self._follow(practice, lambda run: run.iteration > 0)
        return time.monotonic() if practice.iteration else None

    def finish(self, run: Run) -> Run:
        """The run when it has succeeded.

        Raises:
            ServiceError: it ended otherwise.
        """
        self._follow(run, lambda run: run.is_over)
        if run.state != Run.State.SUCCEEDED:
            raise ServiceError(
                f"{run.name} is {run.state}: {run.error or 'resume it on its page.'}"
            )
        self._tell(run.name, 1.0, f"{run.seconds:.0f} s")
        return run

    def _follow(self, run: Run, enough: Callable[[Run], bool]) -> None:
        while not (run.is_over or enough(run)):
            self._tell(run.name, run.progress, _words(run))
            time.sleep(POLL_SECONDS)
            run.refresh_from_db()

    def _launch(self, kind: str, name: str, **inputs: Any) -> Run:
        known = Run.objects.filter(task=self.task, kind=kind, name=name)
        run = known.exclude(state=Run.State.FAILED).order_by("pk").first()
        return run or launch_run(
            self.task, by=self._person, kind=kind, name=name, preset="demo", **inputs
        )

    def _task(self) -> Task:
        show = self._show
        known = Task.objects.filter(slug=show.slug).first()
        return known or create_task(
            TaskFields(
                name=show.name,
                slug=show.slug,
                embodiment=show.embodiment,
                description=show.description,
            ),
            by=self._person,
        )

    def _dataset(self) -> Dataset:
        known = self.task.datasets.filter(created_by=self._person)
        # One that failed, for want of room perhaps, must not stand in the way for ever.
        known = known.exclude(state=Dataset.State.FAILED).order_by("pk")
        dataset = known.first() or self._uploaded()
        while dataset.state in {Dataset.State.QUEUED, Dataset.State.VALIDATING}:
            self._tell("Demonstrations", 0.5 + 0.5 * dataset.progress, "validating")
            time.sleep(POLL_SECONDS)
            dataset.refresh_from_db()
        if dataset.state != Dataset.State.READY:
            raise ServiceError(f"The demonstrations were refused: {dataset.error}")
        self._tell("Demonstrations", 1.0, f"{dataset.episodes_kept} episodes")
        return dataset

    def _uploaded(self) -> Dataset:
        """Demonstrations made on the spot, and received as anybody's are."""
        show, robot = self._show, embodiment(self.task.embodiment)

        def made(count: int) -> None:
            self._tell("Demonstrations", 0.5 * count / show.demonstrations, "making them")

        made(0)
        path = Path(settings.EFM_VAR) / "demo" / f"{show.slug}.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        write_demonstrations(
            robot,
            path,
            show.demonstrations,
            style=show.style,
            processes=choose_processes(robot.spec, 0),
            progress=made,
        )
        # Nobody else in this process simulates: what is kept idle would only take memory.
        end_idle_workers()
        with path.open("rb") as upload:
            return receive_upload(
                self.task, upload, by=self._person, filename=path.name, name=show.dataset
            )

    def _tell(self, step: str, share: float, words: str) -> None:
        self._tell_anybody(f"{self._show.title}, {step}", share, words)


def _words(run: Run) -> str:
    if run.state != Run.State.RUNNING or run.eta_seconds is None:
        return str(run.state)
    return f"about {run.eta_seconds:.0f} s left"


def _kept(run: Run, kind: str) -> Checkpoint:
    kept = run.checkpoints.filter(kind=kind).order_by("-pk").first()
    if kept is None:
        raise ServiceError(f"{run.name} kept no {kind} checkpoint; its log says why.")
    return kept
