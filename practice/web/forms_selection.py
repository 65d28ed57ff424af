"""The form of a selection: a name, and which episodes of the task it takes."""

from collections.abc import Mapping
from typing import Any

from django import forms

from practice.models import Dataset, Task
from practice.selectors.episodes import EpisodeFilter
from practice.selectors.membership import KINDS, EpisodeQuery
from practice.selectors.selections import sources_of

SHARES = ("idle", "clipped")
"""Fields in per cent that the filter holds as shares of one."""


def _steps(label: str) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"data-unit": "steps"})
    return forms.IntegerField(
        required=False, min_value=0, max_value=10_000_000, label=label, widget=widget
    )


def _share(label: str, help_text: str) -> forms.FloatField:
    widget = forms.NumberInput(attrs={"step": "any", "data-unit": "%"})
    return forms.FloatField(
        required=False,
        min_value=0,
        max_value=100,
        label=label,
        widget=widget,
        help_text=help_text,
    )


class SelectionForm(forms.Form):
    """What `EpisodeQuery` asks; a field left empty asks for nothing."""

    name = forms.CharField(max_length=160, help_text="What the episodes have in common.")
    kinds = forms.MultipleChoiceField(
        choices=[("demonstration", "Demonstrations"), ("practice", "Practice")],
        initial=KINDS,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose demonstrations, practice, or both."},
    )
    unapproved = forms.BooleanField(
        required=False,
        label="Also practice that nobody has approved",
        help_text="What is refused, or known to have failed, stays out all the same.",
    )
    labelled_success = forms.BooleanField(
        required=False, label="Only what a person called a success"
    )
    datasets = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="With none chosen here nor among the runs, all of them.",
    )
    runs = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    words = forms.CharField(
        required=False,
        max_length=200,
        label="Words of the instruction",
        help_text="A part of it, whatever its case.",
    )
    shortest = _steps("Length, at least")
    longest = _steps("Length, at most")
    idle = _share("Idle, at most", "Share of steps in which nothing moves; unmeasured stay out.")
    clipped = _share("Clipped, at most", "Share of action values at a bound; unmeasured stay out.")
    duplicates = forms.BooleanField(
        required=False, initial=True, label="Also near-duplicates of an earlier episode"
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        task: Task,
        query: EpisodeQuery,
        name: str = "",
    ) -> None:
        super().__init__(data, initial={"name": name, **_shown(query)})
        sources = sources_of(task, query)
        for key, choices in (("datasets", sources.datasets), ("runs", sources.runs)):
            field: Any = self.fields[key]
            field.choices = [(str(pk), text) for pk, text in choices]

    def to_query(self) -> dict[str, Any]:
        """The filter as `EpisodeQuery.from_json` takes it, from a valid form, or one whose name alone is missing."""
        values = {name: value for name, value in self.cleaned_data.items() if name != "name"}
        for name in SHARES:
            if values[name] is not None:
                values[name] = round(values[name] / 100, 6)
        for name in ("datasets", "runs"):
            values[name] = [int(pk) for pk in values[name]]
        return values


def _shown(query: EpisodeQuery) -> dict[str, Any]:
    """The fields' values that say the same as `query`."""
    shown: dict[str, Any] = {
        name: getattr(query, name) for name in SelectionForm.base_fields if name != "name"
    }
    for name in SHARES:
        if shown[name] is not None:
            shown[name] = f"{100 * shown[name]:g}"
    for name in ("datasets", "runs"):
        shown[name] = [str(pk) for pk in shown[name]]
    return shown


def query_of(wanted: EpisodeFilter, task: Task) -> EpisodeQuery:
    """As much of the list's filter as a selection can say."""
    imported = Dataset.objects.filter(task=task, kind=Dataset.Kind.IMPORTED)
    dataset = imported.filter(pk=wanted.dataset or 0).first()
    run = task.runs.filter(pk=wanted.run or 0).first()
    return EpisodeQuery(
        kinds=(wanted.kind,) if wanted.kind in KINDS else KINDS,
        unapproved=wanted.approved == "open",
        labelled_success=wanted.verdict == "success",
        datasets=(dataset.pk,) if dataset else (),
        runs=(run.pk,) if run else (),
        words=wanted.words,
        shortest=_whole(wanted.shortest),
        longest=_whole(wanted.longest),
    )


def _whole(digits: str) -> int | None:
    return int(digits) if digits else None
