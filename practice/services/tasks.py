"""Verbs on tasks: create, change, archive, restore."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from models_store.errors import LearningError
from practice.embodiments.interface import Embodiment
from practice.embodiments.registry import embodiment
from practice.embodiments.spec import EmbodimentSpec
from practice.errors import InvalidError
from practice.models import Task, User
from practice.roles import Role, require
from practice.services import audit

MAX_INSTRUCTIONS = 500


@dataclass(frozen=True, slots=True)
class TaskFields:
    """What a person says about a task; None takes the embodiment's default."""

    name: str
    slug: str
    embodiment: str
    description: str = ""
    instructions: Sequence[str] = ()
    control_hz: float | None = None
    horizon: int | None = None
    threshold: float | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    recording: str = Task.Recording.ALL
    recording_share: float = 0.1
    recording_quota_mb: int | None = None


@transaction.atomic
def create_task(fields: TaskFields, *, by: User) -> Task:
    """Define a task.

    Raises:
        InvalidError: a field cannot be accepted; `fields` says which and why.
    """
    require(by, Role.OPERATOR)
    task = Task(created_by=by, **_checked(fields))
    _save(task)
    audit.record(by, "task.created", task, slug=task.slug)
    return task


@transaction.atomic
def update_task(task: Task, fields: TaskFields, *, by: User) -> Task:
    """Change a task's definition; runs that exist keep the config they were launched with."""
    require(by, Role.OPERATOR)
    checked = _checked(fields)
    if checked["embodiment"] != task.embodiment and task.datasets.exists():
        raise InvalidError(
            f"{task} has datasets recorded on {task.embodiment}; make a new task for "
            f"{checked['embodiment']}.",
            fields={"embodiment": "cannot change once datasets exist"},
        )
    changed = {k: v for k, v in checked.items() if getattr(task, k) != v}
    for key, value in changed.items():
        setattr(task, key, value)
    _save(task)
    audit.record(by, "task.changed", task, changed=sorted(changed))
    return task


@transaction.atomic
def archive_task(task: Task, *, by: User, archived: bool) -> Task:
    """Put a task away, or back; nothing of it is deleted."""
    require(by, Role.OPERATOR)
    task.archived_at = timezone.now() if archived else None
    task.save(update_fields=["archived_at", "updated_at"])
    audit.record(by, "task.archived" if archived else "task.restored", task)
    return task


def _checked(fields: TaskFields) -> dict[str, Any]:
    try:
        robot = embodiment(fields.embodiment)
    except LearningError as error:
        raise InvalidError(str(error), fields={"embodiment": str(error)}) from error
    spec = robot.spec
    return {
        "name": fields.name.strip(),
        "slug": fields.slug.strip(),
        "description": fields.description.strip(),
        "embodiment": spec.id,
        "instructions": _instructions(fields.instructions, robot),
        "control_hz": spec.control_hz if fields.control_hz is None else fields.control_hz,
        "horizon": spec.horizon if fields.horizon is None else fields.horizon,
        "threshold": spec.default_threshold if fields.threshold is None else fields.threshold,
        "limits": _limits(fields.limits, spec),
        "recording": fields.recording,
        "recording_share": fields.recording_share,
        "recording_quota_mb": fields.recording_quota_mb,
    }


def _instructions(given: Sequence[str], robot: Embodiment) -> list[str]:
    """Each text once, in order; the embodiment's own where there is none."""
    lines = {number: text.strip() for number, text in enumerate(given, 1) if text.strip()}
    texts = list(dict.fromkeys(lines.values()))
    if len(texts) > MAX_INSTRUCTIONS:
        raise InvalidError(
            f"A task takes at most {MAX_INSTRUCTIONS} instructions, not {len(texts)}.",
            fields={"instructions": "too many"},
        )
    for number, text in lines.items():
        try:
            robot.check_instruction(text)
        except LearningError as error:
            said = f"Line {number}: {error}"
            raise InvalidError(said, fields={"instructions": said}) from error
    return texts or list(robot.spec.instructions)


def _limits(given: Mapping[str, float], spec: EmbodimentSpec) -> dict[str, float]:
    try:
        return spec.check_limits({name: float(value) for name, value in given.items()})
    except (LearningError, TypeError, ValueError) as error:
        raise InvalidError(str(error), fields={"limits": str(error)}) from error


def _save(task: Task) -> None:
    try:
        task.full_clean(validate_unique=False)
        with transaction.atomic():
            task.save()
    except ValidationError as error:
        named = {key: " ".join(texts) for key, texts in error.message_dict.items()}
        key, text = next(iter(named.items()))
        raise InvalidError(f"{key.replace('_', ' ').capitalize()}: {text}", fields=named) from error
    except IntegrityError as error:
        raise InvalidError(
            f"There is already a task with the slug {task.slug!r}; choose another.",
            fields={"slug": "already taken"},
        ) from error
