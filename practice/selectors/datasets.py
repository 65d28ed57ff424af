"""Datasets as pages show them: the list, and one with the report of its validation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from practice.episodes.report import DatasetReport, EpisodeReport, Finding
from practice.errors import MissingError
from practice.models import Dataset, Run, Worker
from practice.querysets import DatasetQuerySet
from practice.selectors.membership import members_of
from practice.selectors.quality import QualityView, quality_view
from practice.selectors.workers import CPU_QUEUE

SEVERITIES = ("error", "warning", "info")
MOST_FINDINGS = 200
"""Findings of one severity that a page shows; the downloaded report has them all."""


def dataset_rows(
    person: object, *, task: str = "", state: str = "", kind: str = ""
) -> DatasetQuerySet:
    """The datasets of the list, newest first; an empty filter takes all."""
    rows = Dataset.objects.visible_to(person).select_related("task", "created_by").defer("report")
    if task:
        rows = rows.filter(task__slug=task)
    if kind:
        rows = rows.filter(kind=kind)
    return rows.filter(state=state) if state else rows


def find_dataset(person: object, pk: int) -> Dataset:
    """The dataset of this number.

    Raises:
        MissingError: there is none, or `person` may not see it.
    """
    rows = Dataset.objects.visible_to(person).select_related("task", "created_by")
    dataset = rows.filter(pk=pk).first()
    if dataset is None:
        raise MissingError(f"There is no dataset {pk}; it may have been mistyped.")
    return dataset


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """The findings of one severity, the first few of them."""

    severity: str
    findings: tuple[Finding, ...]
    total: int

    @property
    def unseen(self) -> int:
        """How many are left out."""
        return self.total - len(self.findings)


@dataclass(frozen=True, slots=True)
class ReportView:
    """A validation report, sorted for reading."""

    report: DatasetReport
    groups: tuple[FindingGroup, ...]
    refused: tuple[EpisodeReport, ...]
    features: tuple[tuple[str, str, str], ...]
    """(name, type, shape) as the dataset declares them."""

    @property
    def seconds(self) -> float | None:
        """Length of the kept episodes at the dataset's own rate, seconds."""
        fps = self.report.fps
        return self.report.totals.kept_frames / fps if fps else None


def report_of(dataset: Dataset) -> ReportView | None:
    """The report of a dataset, or None while there is none."""
    if not dataset.report:
        return None
    report = DatasetReport.from_json(dataset.report)
    groups = []
    for severity in SEVERITIES:
        found = tuple(f for f in report.findings if f.severity == severity)
        if found:
            groups.append(FindingGroup(severity, found[:MOST_FINDINGS], len(found)))
    refused = tuple(e for e in report.episodes if not e.kept)
    features = tuple(_feature(name, facts) for name, facts in (report.features or {}).items())
    return ReportView(report, tuple(groups), refused[:MOST_FINDINGS], features)


def _feature(name: str, facts: Mapping[str, Any]) -> tuple[str, str, str]:
    shape = " x ".join(str(size) for size in facts.get("shape") or ()) or "1"
    return name, str(facts.get("dtype", "unknown")), shape


def why_waiting(dataset: Dataset) -> str:
    """One sentence on what a queued dataset waits for; empty for any other state."""
    if dataset.state != Dataset.State.QUEUED:
        return ""
    if not Worker.objects.listening_to(CPU_QUEUE).exists():
        return "No worker is here that checks datasets. Start one: manage.py worker cpu"
    ahead = Dataset.objects.filter(state=Dataset.State.QUEUED, pk__lt=dataset.pk).count()
    return f"Waiting for a worker to check it; {ahead or 'none'} before it in line."


def quality_of(dataset: Dataset) -> QualityView:
    """The quality of what an import brought, or of what a selection takes now."""
    if dataset.kind == Dataset.Kind.SELECTION:
        return quality_view(members_of(dataset), mixed=True)
    return quality_view(dataset.episodes.all())


def runs_on(dataset: Dataset) -> list[Run]:
    """The runs that learn from this dataset, newest first."""
    return list(dataset.runs.select_related("task"))


MOST_INSTRUCTIONS = 50
"""Instructions of a dataset that a page lists, those of most episodes first."""


@dataclass(frozen=True, slots=True)
class Instructions:
    """What the episodes that came with a dataset are about."""

    listed: tuple[tuple[str, int], ...]
    """Text, and how many episodes have it."""
    total: int
    """Different texts in all."""

    @property
    def unseen(self) -> int:
        """How many are left out."""
        return self.total - len(self.listed)


def instructions_of(dataset: Dataset) -> Instructions:
    """The instructions of a dataset's own episodes."""
    rows = dataset.episodes.order_by().values_list("instruction")
    counted = rows.annotate(count=Count("pk")).order_by("-count", "instruction")
    total = dataset.episodes.order_by().values("instruction").distinct().count()
    return Instructions(tuple(counted[:MOST_INSTRUCTIONS]), total)
