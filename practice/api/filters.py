"""The filters of lists. Each names its values; an unknown name or value is refused with those that are valid."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django_filters import CharFilter, ChoiceFilter, Filter, FilterSet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from practice.models import (
    ApiToken,
    Checkpoint,
    Dataset,
    Episode,
    Evaluation,
    Export,
    Run,
    Task,
    Verdict,
)
from practice.selectors.edits import CORRECTIONS
from practice.selectors.episodes import LONGEST_WORDS, ODD, OUTCOMES
from practice.selectors.selections import of_dataset

BIGGEST_ID = 2**63 - 1
MOST_STEPS = 2**31 - 1
NOBODY = "none"
"""The value of a filter that asks for rows on which nobody has decided."""


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": BIGGEST_ID})
class IdFilter(Filter):  # type: ignore[misc]  # django-filter is untyped
    """Rows that point at one id."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=BIGGEST_ID, **kwargs)


@extend_schema_field(OpenApiTypes.STR)
class SlugFilter(CharFilter):  # type: ignore[misc]
    """Rows of the task with this slug."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(field_name="task__slug", label="The task's slug.", **kwargs)


@extend_schema_field({"type": "integer", "minimum": 0})
class StepsFilter(Filter):  # type: ignore[misc]
    """Rows whose length in control steps is on one side of a bound, which is included."""

    field_class = forms.IntegerField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(field_name="length", min_value=0, max_value=MOST_STEPS, **kwargs)


@extend_schema_field({"type": "number", "minimum": 0, "maximum": 1})
class ShareFilter(Filter):  # type: ignore[misc]
    """Rows in which a share, measured of their recording, is larger."""

    field_class = forms.FloatField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(lookup_expr="gt", min_value=0, max_value=1, **kwargs)


class TaskFilters(FilterSet):  # type: ignore[misc]
    """Tasks."""

    search = CharFilter(method="with_words", label="Part of the name, slug or description.")
    embodiment = CharFilter(label="The embodiment's id.")
    archived = ChoiceFilter(
        choices=[("no", "current tasks"), ("yes", "archived tasks"), ("all", "both")],
        method="by_archived",
        label="no when left out.",
    )

    class Meta:
        model = Task
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """Archived tasks show only when asked for."""
        if not self.form.cleaned_data.get("archived"):
            queryset = queryset.filter(archived_at=None)
        found: QuerySet[Task] = super().filter_queryset(queryset)
        return found

    def with_words(self, rows: QuerySet[Task], _name: str, value: str) -> QuerySet[Task]:
        """Rows with `value` somewhere in their words."""
        return rows.filter(
            Q(name__icontains=value) | Q(slug__icontains=value) | Q(description__icontains=value)
        )

    def by_archived(self, rows: QuerySet[Task], _name: str, value: str) -> QuerySet[Task]:
        """Current, archived or both."""
        return rows if value == "all" else rows.filter(archived_at__isnull=value == "no")


class DatasetFilters(FilterSet):  # type: ignore[misc]
    """Datasets."""

    task = SlugFilter()
    kind = ChoiceFilter(choices=Dataset.Kind.choices)
    state = ChoiceFilter(choices=Dataset.State.choices)

    class Meta:
        model = Dataset
        fields: list[str] = []


class ExportFilters(FilterSet):  # type: ignore[misc]
    """Exports."""

    dataset = IdFilter(field_name="version__dataset", label="The dataset's id.")
    state = ChoiceFilter(choices=Export.State.choices)

    class Meta:
        model = Export
        fields: list[str] = []


class RunFilters(FilterSet):  # type: ignore[misc]
    """Runs."""

    task = SlugFilter()
    kind = ChoiceFilter(choices=Run.Kind.choices)
    state = ChoiceFilter(
        choices=[("active", "queued, running or paused"), *Run.State.choices], method="by_state"
    )

    class Meta:
        model = Run
        fields: list[str] = []

    def by_state(self, rows: QuerySet[Run], _name: str, value: str) -> QuerySet[Run]:
        """One state, or all that are not over."""
        if value == "active":
            return rows.filter(state__in=["queued", "running", "paused"])
        return rows.filter(state=value)


APPROVALS: Mapping[str, bool | None] = {"true": True, "false": False, NOBODY: None}
ORDERS: Mapping[str, tuple[str, ...]] = {
    "new": ("-id",),
    "doubt": ("-doubt", "-id"),
    "long": ("-length", "-id"),
}


class EpisodeOfRunFilters(FilterSet):  # type: ignore[misc]
    """Episodes of one run."""

    kind = ChoiceFilter(choices=Episode.Kind.choices)
    verdict = ChoiceFilter(
        choices=[*Verdict.choices, (NOBODY, "nobody has looked")], method="by_verdict"
    )
    approved = ChoiceFilter(
        choices=[("true", "approved"), ("false", "refused"), (NOBODY, "nobody has said")],
        method="by_approval",
    )
    words = CharFilter(
        field_name="instruction",
        lookup_expr="icontains",
        max_length=LONGEST_WORDS,
        label="A part of the instruction, whatever its case.",
    )
    shortest = StepsFilter(lookup_expr="gte", label="Least length, control steps.")
    longest = StepsFilter(lookup_expr="lte", label="Most length, control steps.")
    outcome = ChoiceFilter(
        choices=[
            ("success", "it succeeded"),
            ("failure", "it failed"),
            ("unknown", "neither simulator nor detector knows"),
        ],
        method="by_outcome",
        label="What a simulator knows, else what the detector says.",
    )
    corrected = ChoiceFilter(
        choices=[
            ("excluded", "left out of every set"),
            ("included", "not left out"),
            ("trimmed", "trimmed"),
            ("untrimmed", "not trimmed"),
        ],
        method="by_correction",
    )
    idle_over = ShareFilter(
        field_name="quality__idle_share", label="Idle in more than this share of its steps."
    )
    clipped_over = ShareFilter(
        field_name="quality__clipped_share",
        label="More than this share of its action values at a bound.",
    )
    odd = ChoiceFilter(
        choices=[("duplicate", "nearly repeats another"), ("length", "falls out of its dataset")],
        method="by_oddity",
    )
    order = ChoiceFilter(
        choices=[
            ("new", "newest first"),
            ("doubt", "most doubtful first"),
            ("long", "longest first"),
        ],
        method="in_order",
        label="new when left out.",
    )

    class Meta:
        model = Episode
        fields: list[str] = []

    def by_verdict(self, rows: QuerySet[Episode], _name: str, value: str) -> QuerySet[Episode]:
        """One verdict, or none yet."""
        return rows.filter(verdict="" if value == NOBODY else value)

    def by_approval(self, rows: QuerySet[Episode], _name: str, value: str) -> QuerySet[Episode]:
        """Approved, refused, or undecided."""
        return rows.filter(approved=APPROVALS[value])

    def by_outcome(self, rows: QuerySet[Episode], _name: str, value: str) -> QuerySet[Episode]:
        """How it ended."""
        return rows.filter(OUTCOMES[value])

    def by_correction(self, rows: QuerySet[Episode], _name: str, value: str) -> QuerySet[Episode]:
        """What people corrected."""
        return rows.filter(CORRECTIONS[value])

    def by_oddity(self, rows: QuerySet[Episode], _name: str, value: str) -> QuerySet[Episode]:
        """Near-duplicates or odd lengths."""
        return rows.filter(ODD[value])

    def in_order(self, rows: QuerySet[Episode], _name: str, value: str) -> QuerySet[Episode]:
        """Newest or most doubtful first."""
        return rows.order_by(*ORDERS[value])


class EpisodeFilters(EpisodeOfRunFilters):
    """Episodes."""

    task = SlugFilter()
    run = IdFilter()
    dataset = IdFilter(method="in_dataset", label="An import, or what a selection takes now.")

    def in_dataset(self, rows: QuerySet[Episode], _name: str, value: int) -> QuerySet[Episode]:
        """What an import brought, or what a selection takes now."""
        return rows.filter(of_dataset(value))


class CheckpointFilters(FilterSet):  # type: ignore[misc]
    """Checkpoints."""

    task = SlugFilter()
    run = IdFilter()
    kind = ChoiceFilter(choices=Checkpoint.Kind.choices)
    digest = CharFilter()

    class Meta:
        model = Checkpoint
        fields: list[str] = []


class EvaluationFilters(FilterSet):  # type: ignore[misc]
    """Evaluations."""

    task = CharFilter(field_name="checkpoint__task__slug", label="The task's slug.")
    checkpoint = IdFilter()
    run = IdFilter()

    class Meta:
        model = Evaluation
        fields: list[str] = []


class TokenFilters(FilterSet):  # type: ignore[misc]
    """Tokens."""

    person = CharFilter(field_name="user__username", label="A user name.")

    class Meta:
        model = ApiToken
        fields: list[str] = []
