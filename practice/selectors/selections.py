"""Selections and versions as pages and programs see them: what a filter takes now, and what was frozen of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from practice.errors import MissingError
from practice.models import Dataset, DatasetVersion, Episode, Run, Task, User, VersionMember
from practice.selectors.membership import KINDS, EpisodeQuery, members_of

_FRAMES = Coalesce("trim_end", "length") - Coalesce("trim_first", 0)
MOST_CHOICES = 100


@dataclass(frozen=True, slots=True)
class Holding:
    """How much a dataset holds now."""

    episodes: int
    frames: int
    """Control steps that count, trims taken off."""


def holding_of(dataset: Dataset) -> Holding:
    """What a version made now would hold; `dataset` may be unsaved."""
    found = members_of(dataset).order_by().aggregate(episodes=Count("pk"), frames=Sum(_FRAMES))
    return Holding(found["episodes"], found["frames"] or 0)


def of_dataset(pk: int) -> Q:
    """What an import brought, or what a selection takes now."""
    selection = Dataset.objects.filter(pk=pk, kind=Dataset.Kind.SELECTION).first()
    return Q(dataset=pk) if selection is None else Q(pk__in=members_of(selection).values("pk"))


def would_hold(task: Task, query: EpisodeQuery) -> Holding:
    """What a selection with this filter would hold now."""
    return holding_of(Dataset(task=task, kind=Dataset.Kind.SELECTION, query=query.to_json()))


def count_selections(datasets: Iterable[Dataset]) -> list[Dataset]:
    """The same rows; each selection's `episodes_kept` and `frames` are what it holds now, which no row stores.

    One query for all of them, none where there is no selection.
    """
    rows = list(datasets)
    chosen = {str(row.pk): row for row in rows if row.kind == Dataset.Kind.SELECTION}
    counts: dict[str, Any] = {}
    for key, row in chosen.items():
        members = Q(pk__in=members_of(row).order_by().values("pk"))
        counts[f"episodes_{key}"] = Count("pk", filter=members)
        counts[f"frames_{key}"] = Sum(_FRAMES, filter=members)
    if counts:
        tasks = {row.task_id for row in chosen.values()}
        counts = Episode.objects.filter(task__in=tasks).order_by().aggregate(**counts)
    for key, row in chosen.items():
        row.episodes_kept = counts[f"episodes_{key}"]
        row.frames = counts[f"frames_{key}"] or 0
    return rows


def versions_of(dataset: Dataset) -> QuerySet[DatasetVersion]:
    """The versions of a dataset, newest first, with who froze them and the runs that learned from them."""
    return dataset.versions.select_related("created_by").prefetch_related("runs")


def versions_for(run: Run) -> QuerySet[DatasetVersion]:
    """The versions that a run learns from, in order of their datasets."""
    return run.versions.select_related("dataset").order_by("dataset_id")


def find_version(person: User, pk: int) -> DatasetVersion:
    """One version.

    Raises:
        MissingError: there is none, or `person` may not see its dataset.
    """
    seen = Dataset.objects.visible_to(person)
    version = DatasetVersion.objects.filter(dataset__in=seen, pk=pk).first()
    if version is None:
        raise MissingError(f"There is no version {pk}; a dataset's page lists those it has.")
    return version


def members_in(version: DatasetVersion) -> QuerySet[VersionMember]:
    """The episodes of a version, in order, as they were."""
    return version.members.order_by("episode_id")


@dataclass(frozen=True, slots=True)
class Sources:
    """What a selection of a task may name."""

    datasets: list[tuple[int, str]]
    runs: list[tuple[int, str]]


def sources_of(task: Task, query: EpisodeQuery) -> Sources:
    """The task's newest imported datasets and runs with episodes, and those that `query` names already."""
    datasets = task.datasets.filter(kind=Dataset.Kind.IMPORTED)
    usable = datasets.exclude(state=Dataset.State.FAILED)
    runs = task.runs.filter(episode_count__gt=0, kind=Run.Kind.PRACTICE)
    return Sources(
        datasets=[
            *datasets.filter(pk__in=query.datasets).values_list("pk", "name"),
            *usable.exclude(pk__in=query.datasets).values_list("pk", "name")[:MOST_CHOICES],
        ],
        runs=[
            *task.runs.filter(pk__in=query.runs).values_list("pk", "name"),
            *runs.exclude(pk__in=query.runs).values_list("pk", "name")[:MOST_CHOICES],
        ],
    )


def filter_words(dataset: Dataset) -> list[str]:
    """A selection's filter in words, one condition each; empty for what was imported."""
    if dataset.kind != Dataset.Kind.SELECTION:
        return []
    query = EpisodeQuery.from_json(dataset.query)
    names = {
        "datasets": dict(Dataset.objects.filter(pk__in=query.datasets).values_list("pk", "name")),
        "runs": dict(Run.objects.filter(pk__in=query.runs).values_list("pk", "name")),
    }
    return [*_kind_words(query), *_source_words(query, names), *_quality_words(query)]


def _kind_words(query: EpisodeQuery) -> list[str]:
    practice = "practice episodes, approved or not" if query.unapproved else "approved practice"
    said = {"demonstration": "demonstrations", "practice": practice}
    told = [" and ".join(said[kind] for kind in KINDS if kind in query.kinds)]
    return [*told, "labelled a success"] if query.labelled_success else told


def _source_words(query: EpisodeQuery, names: Mapping[str, Mapping[int, str]]) -> list[str]:
    named = [
        f"{what} {names[key].get(pk, f'{pk} (gone)')}"
        for key, what in (("datasets", "dataset"), ("runs", "run"))
        for pk in getattr(query, key)
    ]
    told = [f"from {' or '.join(named)}"] if named else []
    return [*told, f"instruction with “{query.words}”"] if query.words else told


def _quality_words(query: EpisodeQuery) -> list[str]:
    told = []
    if query.shortest is not None:
        told.append(f"at least {query.shortest} steps")
    if query.longest is not None:
        told.append(f"at most {query.longest} steps")
    if query.idle is not None:
        told.append(f"nothing moves in at most {100 * query.idle:g} % of the steps")
    if query.clipped is not None:
        told.append(f"at most {100 * query.clipped:g} % of the action values at a bound")
    return told if query.duplicates else [*told, "no near-duplicate of an earlier episode"]
