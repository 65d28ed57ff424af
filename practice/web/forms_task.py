"""The form that defines a task. Choosing the embodiment brings its defaults and its safety limits."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.text import slugify

from practice.embodiments.registry import embodiments
from practice.embodiments.spec import EmbodimentSpec
from practice.models import Task
from practice.services.tasks import TaskFields

LIMIT = "limit_"
"""Begins the names of the fields that hold safety limits."""


class TaskForm(forms.Form):
    """What a person says about a task; numbers left empty take the embodiment's defaults."""

    name = forms.CharField(max_length=120, help_text="What the robots practise, in a few words.")
    slug = forms.SlugField(
        max_length=60,
        required=False,
        help_text="Its name in addresses and in the API. Left empty, it is made from the name.",
    )
    embodiment = forms.ChoiceField(widget=forms.RadioSelect)
    description = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2}), help_text="For the people here."
    )
    instructions = forms.CharField(
        required=False,
        strip=False,  # a refusal names the line that a person counts
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="One per line: the goal texts g, in the words that the robot knows. Each episode draws one.",
    )
    control_hz = forms.FloatField(
        required=False,
        min_value=0.1,
        max_value=1000,
        label="Control rate",
        widget=forms.NumberInput(attrs={"step": "any", "data-unit": "Hz"}),
        help_text="Actions per second on the robot.",
    )
    horizon = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100_000,
        widget=forms.NumberInput(attrs={"data-unit": "steps"}),
        help_text="Longest episode; it is cut there.",
    )
    threshold = forms.FloatField(
        required=False,
        min_value=0,
        label="Threshold s",
        widget=forms.NumberInput(attrs={"step": "any", "data-unit": "steps"}),
        help_text="The success detector fires when the predicted steps-to-go are at most s.",
    )

    recording = forms.ChoiceField(
        required=False,
        choices=Task.Recording.choices,
        label="Frames of practice",
        help_text="Every episode keeps its row, its outcome and its doubt; this says whose frames are kept to be watched.",
    )
    recording_share = forms.FloatField(
        required=False,
        min_value=0,
        max_value=100,
        label="Share",
        widget=forms.NumberInput(attrs={"step": "any", "data-unit": "%"}),
        help_text="Of the episodes, where a share of them is kept.",
    )
    recording_quota_mb = forms.IntegerField(
        required=False,
        min_value=1,
        label="Quota",
        widget=forms.NumberInput(attrs={"data-unit": "MB"}),
        help_text="Most that recordings may take; then recording pauses and practice goes on. Empty: as much as the disk has.",
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        task: Task | None = None,
        wanted: str = "",
    ) -> None:
        """The form of `task`, or of a new one on the embodiment `wanted`."""
        self.specs = {spec.id: spec for spec in embodiments()}
        chosen = str((data or {}).get("embodiment") or wanted or (task.embodiment if task else ""))
        self.spec = self.specs.get(chosen) or next(iter(self.specs.values()))
        super().__init__(data, initial=_values(task, self.spec))
        choices = [(spec.id, spec.title) for spec in self.specs.values()]
        embodiment: Any = self.fields["embodiment"]
        embodiment.choices = choices
        kept = task.limits if task and task.embodiment == self.spec.id else {}
        for limit in self.spec.limits:
            self.fields[LIMIT + limit.name] = forms.FloatField(
                required=False,
                min_value=limit.minimum,
                max_value=limit.maximum,
                label=limit.name.replace("_", " ").capitalize(),
                initial=f"{kept.get(limit.name, limit.default):g}",
                help_text=f"{limit.help} Between {limit.minimum:g} and {limit.maximum:g}.",
                widget=forms.NumberInput(attrs={"step": "any", "data-unit": limit.unit}),
            )

    def limit_fields(self) -> list[forms.BoundField]:
        """The fields of the safety limits, for a section of their own."""
        return [self[name] for name in self.fields if name.startswith(LIMIT)]

    def to_fields(self) -> TaskFields:
        """What the service takes; call it once the form is valid."""
        values = self.cleaned_data
        share = values["recording_share"]
        limits = {name.removeprefix(LIMIT): v for name, v in values.items() if _is_limit(name, v)}
        return TaskFields(
            name=values["name"],
            slug=values["slug"] or slugify(values["name"])[:60],
            embodiment=values["embodiment"],
            description=values["description"],
            instructions=values["instructions"].splitlines(),
            control_hz=values["control_hz"],
            horizon=values["horizon"],
            threshold=values["threshold"],
            limits=limits,
            recording=values["recording"] or Task.Recording.ALL,
            recording_share=0.1 if share is None else share / 100,
            recording_quota_mb=values["recording_quota_mb"],
        )


def _is_limit(name: str, value: object) -> bool:
    return name.startswith(LIMIT) and value is not None


def _values(task: Task | None, spec: EmbodimentSpec) -> dict[str, Any]:
    """Where the form starts: the task as it is, or the embodiment's defaults."""
    kept = task or Task()  # a new task's own defaults
    said = {
        "name": kept.name,
        "slug": kept.slug,
        "description": kept.description,
        "recording": kept.recording,
        "recording_share": f"{100 * kept.recording_share:g}",
        "recording_quota_mb": kept.recording_quota_mb,
    }
    if task is None or task.embodiment != spec.id:
        return {
            **said,
            "embodiment": spec.id,
            "instructions": "\n".join(spec.instructions),
            "control_hz": f"{spec.control_hz:g}",
            "horizon": spec.horizon,
            "threshold": f"{spec.default_threshold:g}",
        }
    return {
        **said,
        "embodiment": task.embodiment,
        "instructions": "\n".join(task.instructions),
        "control_hz": f"{task.control_hz:g}",
        "horizon": task.horizon,
        "threshold": f"{task.threshold:g}",
    }


def defaults_of(spec: EmbodimentSpec) -> dict[str, str]:
    """Field name -> default of an embodiment, as the form's controls write it; for task_form.js."""
    limits = {LIMIT + limit.name: f"{limit.default:g}" for limit in spec.limits}
    return {
        "instructions": "\n".join(spec.instructions),
        "control_hz": f"{spec.control_hz:g}",
        "horizon": str(spec.horizon),
        "threshold": f"{spec.default_threshold:g}",
        **limits,
    }
