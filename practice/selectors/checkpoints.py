"""Reads for the checkpoint pages: tables with the newest evaluation, comparison, lineage, manifest."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Prefetch, Q, QuerySet

from models_store.errors import LearningError
from practice import storage
from practice.errors import InvalidError, MissingError
from practice.models import Checkpoint, Evaluation, Run, Task, User

PAGE_SIZE = 100
MOST_COMPARED = 8
"""More bars than this tell nothing at a glance."""
SHORTEST_DIGEST = 8
_HEX = frozenset("0123456789abcdef")
DEEPEST = 12
"""Generations of lineage that are drawn."""


@dataclass(frozen=True, slots=True)
class CheckpointFilter:
    """What a person wants to see; an empty field asks for nothing."""

    task: str = ""
    kind: str = ""

    @classmethod
    def parse(cls, query: Mapping[str, Any]) -> "CheckpointFilter":
        """Read a query string; an unknown kind is left out."""
        kind = str(query.get("kind", ""))
        return cls(str(query.get("task", "")), kind if kind in Checkpoint.Kind.values else "")


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A checkpoint with what its line in the table says."""

    checkpoint: Checkpoint
    newest: Evaluation | None
    parents: list[Checkpoint]
    evaluations: int


def visible_checkpoint(person: User, pk: int) -> Checkpoint:
    """One checkpoint with its task and run.

    Raises:
        MissingError: there is none, or this person may not see it.
    """
    rows = Checkpoint.objects.visible_to(person).select_related("task", "run")
    checkpoint = rows.filter(pk=pk).first()
    if checkpoint is None:
        raise MissingError(f"There is no checkpoint {pk}; the list shows those there are.")
    return checkpoint


def checkpoint_page(person: User, wanted: CheckpointFilter, number: object) -> Page[Checkpoint]:
    """One page of checkpoints, by task, the newest first; `checkpoint_rows` makes lines of it."""
    rows = _with_evaluations(Checkpoint.objects.visible_to(person)).filter(task__archived_at=None)
    if wanted.task:
        rows = rows.filter(task__slug=wanted.task)
    if wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    rows = rows.prefetch_related("parents").order_by("task__name", "-id")
    return Paginator(rows, PAGE_SIZE).get_page(number)  # type: ignore[arg-type]


def _with_evaluations(rows: QuerySet[Checkpoint]) -> QuerySet[Checkpoint]:
    newest_first = Evaluation.objects.select_related("run").order_by("-id")
    return rows.select_related("task", "run").prefetch_related(
        Prefetch("evaluations", queryset=newest_first)
    )


def checkpoint_rows(checkpoints: Iterable[Checkpoint]) -> list[CheckpointRow]:
    """Lines of the table, without another query."""
    rows = []
    for checkpoint in checkpoints:
        found = list(checkpoint.evaluations.all())
        parents = list(checkpoint.parents.all())
        rows.append(CheckpointRow(checkpoint, found[0] if found else None, parents, len(found)))
    return rows


@dataclass(frozen=True, slots=True)
class Compared:
    """One checkpoint in a comparison, with its newest evaluation."""

    checkpoint: Checkpoint
    evaluation: Evaluation
    steps_share: float | None
    """Mean steps as a share of the common axis."""

    @property
    def precision_ci(self) -> tuple[float | None, float | None]:
        """Wilson interval of the detector's precision."""
        return _detector_interval(self.evaluation, "precision_ci")

    @property
    def recall_ci(self) -> tuple[float | None, float | None]:
        """Wilson interval of the detector's recall."""
        return _detector_interval(self.evaluation, "recall_ci")


def _detector_interval(evaluation: Evaluation, name: str) -> tuple[float | None, float | None]:
    low, high = (evaluation.detail.get("detector") or {}).get(name) or (None, None)
    return low, high


@dataclass(frozen=True, slots=True)
class Comparison:
    """Checkpoints side by side on common axes."""

    items: list[Compared]
    left_out: list[Checkpoint]
    """Chosen, but never evaluated."""
    steps_axis: float
    """The right end of the axis of steps: a round number not below any mean."""
    fair: bool
    """Whether all were measured on the same task and the same seeds, so that differences are not luck of the start."""


def compare(person: User, ids: Sequence[int]) -> Comparison | None:
    """The chosen checkpoints in the order chosen, at most `MOST_COMPARED`; None when none is known."""
    rows = _with_evaluations(Checkpoint.objects.visible_to(person)).in_bulk(ids[:MOST_COMPARED])
    chosen = [rows[pk] for pk in ids if pk in rows]
    if not chosen:
        return None
    pairs = [(c, next(iter(c.evaluations.all()), None)) for c in chosen]
    longest = max((e.mean_steps or 0.0 for _, e in pairs if e is not None), default=0.0)
    axis = round_up(longest)
    items = [Compared(c, e, _share(e.mean_steps, axis)) for c, e in pairs if e is not None]
    grounds = {
        (i.checkpoint.task_id, i.evaluation.first_seed, i.evaluation.episodes) for i in items
    }
    return Comparison(items, [c for c, e in pairs if e is None], axis, len(grounds) <= 1)


def _share(value: float | None, axis: float) -> float | None:
    return None if value is None else value / axis


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, ... that is not below `value`; the end of an axis."""
    end = 1.0
    while True:
        for step in (1, 2, 5):
            if value <= end * step:
                return end * step
        end *= 10


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One line of the lineage tree."""

    checkpoint: Checkpoint
    depth: int
    seen_above: bool
    """Its own ancestors stand further up, for two lines may meet again."""


def lineage(checkpoint: Checkpoint) -> list[Ancestor]:
    """What this checkpoint came from, depth first; two queries, however long the line is."""
    links: dict[int, list[int]] = {}
    through = Checkpoint.parents.through.objects.filter(from_checkpoint__task=checkpoint.task_id)
    for child, parent in through.order_by("to_checkpoint_id").values_list(
        "from_checkpoint_id", "to_checkpoint_id"
    ):
        links.setdefault(child, []).append(parent)
    found: list[tuple[int, int, bool]] = []
    _descend(links, checkpoint.pk, 0, found, set())
    rows = Checkpoint.objects.select_related("run").in_bulk([pk for pk, _, _ in found])
    return [Ancestor(rows[pk], depth, seen) for pk, depth, seen in found if pk in rows]


def _descend(
    links: dict[int, list[int]],
    pk: int,
    depth: int,
    found: list[tuple[int, int, bool]],
    seen: set[int],
) -> None:
    again = pk in seen
    found.append((pk, depth, again and pk in links))
    seen.add(pk)
    if again or depth >= DEEPEST:
        return
    for parent in links.get(pk, []):
        _descend(links, parent, depth + 1, found, seen)


def descendants(checkpoint: Checkpoint) -> QuerySet[Checkpoint]:
    """The checkpoints that came directly from this one."""
    return checkpoint.children.select_related("run").order_by("-id")[:PAGE_SIZE]


def evaluations_of(checkpoint: Checkpoint) -> QuerySet[Evaluation]:
    """All evaluations that measured it; for a reward model, those in which it was the detector."""
    measured = Q(checkpoint=checkpoint)
    if checkpoint.kind == Checkpoint.Kind.REWARD:
        measured = Q(run__reward=checkpoint)
    rows = Evaluation.objects.filter(measured)
    return rows.select_related("run__created_by", "run__reward", "checkpoint").order_by("-id")


def runs_using(checkpoint: Checkpoint) -> QuerySet[Run]:
    """Practice and evaluation runs that started from it or were judged by it."""
    return Run.objects.filter(Q(policy=checkpoint) | Q(reward=checkpoint)).order_by("-id")


def reward_models(checkpoint: Checkpoint) -> QuerySet[Checkpoint]:
    """Reward models of the same task, the newest first."""
    rows = Checkpoint.objects.filter(task=checkpoint.task_id, kind=Checkpoint.Kind.REWARD)
    return rows.order_by("-id")


def reward_models_of(task: Task) -> QuerySet[Checkpoint]:
    """Reward models of a task, the newest first."""
    return task.checkpoints.filter(kind=Checkpoint.Kind.REWARD).order_by("-id")


def reward_model(person: object, pk: str) -> Checkpoint:
    """The reward model that a form names.

    Raises:
        InvalidError: there is none, or `person` may not see it.
    """
    rows = Checkpoint.objects.visible_to(person).filter(kind=Checkpoint.Kind.REWARD)
    found = rows.filter(pk=pk).first() if pk.isdecimal() and len(pk) < 19 else None
    if found is None:
        raise InvalidError(
            f"There is no reward model {pk!r}; choose one of the list.",
            fields={"reward": "no such reward model"},
        )
    return found


def checkpoint_named(text: str, kind: str) -> Checkpoint:
    """The checkpoint that somebody at a terminal names: NAME, NAME@DIGEST or DIGEST, of which the first eight digits do.

    Raises:
        InvalidError: none or several are meant; the sentence says which.
    """
    name, _, digest = text.rpartition("@")
    rows = Checkpoint.objects.select_related("task").filter(kind=kind).order_by("-id")
    if len(digest) >= SHORTEST_DIGEST and set(digest) <= _HEX:
        rows = rows.filter(digest__startswith=digest, **({"name": name} if name else {}))
    else:
        rows = rows.filter(name=text)
    found = list(rows[:MOST_COMPARED])
    if len({row.digest for row in found}) == 1:
        return found[0]
    if not found:
        raise InvalidError(
            f"There is no {Checkpoint.Kind(kind).label.lower()} {text!r}; name one, or the first {SHORTEST_DIGEST} digits of its digest."
        )
    several = ", ".join(row.digest[:SHORTEST_DIGEST] for row in found)
    raise InvalidError(f"{text!r} names several checkpoints; add @ and the digest: {several}.")


_MAPPINGS = ("spec", "config", "sha256", "parents")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the stored manifest.json says, in the order it is shown."""

    spec: list[tuple[str, Any]]
    config: list[tuple[str, Any]]
    files: list[tuple[str, str]]
    """File name and sha256."""
    code_revision: str
    parents: list[tuple[str, str]]
    """Role and digest."""


def manifest_of(checkpoint: Checkpoint) -> Manifest | None:
    """Read the manifest; None when the blob is missing or is no manifest, which the page says."""
    try:
        with storage.blobs().open(f"{checkpoint.blob_key}/manifest.json") as file:
            data = json.load(file)
    except (LearningError, OSError, ValueError):
        return None
    if not isinstance(data, dict):
        return None
    parts: dict[str, dict[str, Any]] = {name: {} for name in _MAPPINGS}
    parts |= {name: data[name] for name in _MAPPINGS if isinstance(data.get(name), dict)}
    return Manifest(
        spec=sorted(parts["spec"].items()),
        config=sorted(parts["config"].items()),
        files=sorted(parts["sha256"].items()),
        code_revision=str(data.get("code_revision", "")),
        parents=sorted(parts["parents"].items()),
    )
