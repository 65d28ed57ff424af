"""Which episodes a dataset holds now: those it brought, or those its filter takes."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from django.db.models import Q

from practice.errors import InvalidError
from practice.models import Dataset, Episode, Verdict
from practice.querysets import EpisodeQuerySet

KINDS = (Episode.Kind.DEMONSTRATION.value, Episode.Kind.PRACTICE.value)
"""Kinds of episode one may learn from; an evaluation's would no longer be fresh."""

_UNFIT = Q(excluded=True) | Q(approved=False) | Q(true_success=False) | Q(verdict=Verdict.FAILURE)
"""Left out by a person, or known to have failed: its steps-to-go would count down to no goal."""

_QUALITY = {"idle": "quality__idle_share__lte", "clipped": "quality__clipped_share__lte"}


@dataclass(frozen=True, slots=True)
class EpisodeQuery:
    """A filter over a task's episodes; an empty field asks for nothing."""

    kinds: tuple[str, ...] = KINDS
    unapproved: bool = False
    """Whether practice counts that nobody has approved."""
    labelled_success: bool = False
    """Only what a person called a success."""
    datasets: tuple[int, ...] = ()
    runs: tuple[int, ...] = ()
    words: str = ""
    """A part of the instruction, whatever its case."""
    shortest: int | None = None
    longest: int | None = None
    """Control steps."""
    idle: float | None = None
    """Most share of steps in which nothing moves, in [0, 1]."""
    clipped: float | None = None
    """Most share of action values at a bound, in [0, 1]."""
    duplicates: bool = True
    """Whether near-duplicates of an earlier episode count."""

    def to_json(self) -> dict[str, Any]:
        """What differs from the default."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in told.items()
            if value != getattr(_PLAIN, name)
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The filter that `to_json` wrote, or that a program sent.

        Raises:
            InvalidError: a key or a value is not known.
        """
        known = {field.name: field.default for field in fields(cls)}
        for name, value in data.items():
            if name not in known:
                raise InvalidError(
                    f"A selection has no filter {name!r}; known: {', '.join(known)}.",
                    fields={"query": f"unknown filter {name!r}"},
                )
            _check(name, value, known[name])
        given: dict[str, Any] = {k: tuple(v) if type(v) is list else v for k, v in data.items()}
        strangers = set(given.get("kinds", ())) - set(KINDS)
        if strangers:
            raise InvalidError(
                f"One cannot select {min(strangers)!r} episodes; choose {' or '.join(KINDS)}.",
                fields={"query": "unknown kind"},
            )
        return cls(**given)

    def where(self) -> Q:
        """The same for the database."""
        where = Q(kind__in=self.kinds)
        if not self.unapproved:
            where &= ~Q(kind=Episode.Kind.PRACTICE) | Q(approved=True)
        if self.labelled_success:
            where &= Q(verdict=Verdict.SUCCESS)
        if self.datasets or self.runs:
            where &= Q(dataset__in=self.datasets) | Q(run__in=self.runs)
        if self.words:
            where &= Q(instruction__icontains=self.words)
        if self.shortest is not None:
            where &= Q(length__gte=self.shortest)
        if self.longest is not None:
            where &= Q(length__lte=self.longest)
        for name, lookup in _QUALITY.items():
            most = getattr(self, name)
            if most is not None:
                where &= Q(**{lookup: most})
        if not self.duplicates:
            where &= Q(quality__duplicate_of=None) | Q(quality__duplicate_of__isnull=True)
        return where


_PLAIN = EpisodeQuery()


def _check(name: str, value: object, usual: object) -> None:
    if isinstance(usual, bool):
        fits = isinstance(value, bool)
    elif isinstance(usual, str):
        fits = isinstance(value, str) and len(value) <= 200
    elif isinstance(usual, tuple):
        kind = str if name == "kinds" else int
        fits = isinstance(value, list | tuple) and all(type(item) is kind for item in value)
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = value is None or (number and float(str(value)) >= 0)
    if not fits:
        raise InvalidError(
            f"The filter {name!r} cannot be {value!r}.", fields={"query": f"{name}: not accepted"}
        )


def members_of(dataset: Dataset) -> EpisodeQuerySet:
    """The recorded episodes that a version made now would hold, in order."""
    if dataset.kind == Dataset.Kind.SELECTION:
        query = EpisodeQuery.from_json(dataset.query)
        rows = Episode.objects.filter(query.where(), task=dataset.task_id)
    else:
        rows = Episode.objects.filter(dataset=dataset)
    return rows.exclude(blob_key="").exclude(_UNFIT).order_by("pk")
