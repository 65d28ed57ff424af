"""The form that launches a run: a preset, what it starts from, and every setting of its config class."""

from collections.abc import Mapping
from typing import Any

from django import forms

from models_store.vlm_files import bases_here
from practice.learning.config import CONFIGS, SettingFact
from practice.models import Checkpoint, Dataset, Run, Task
from practice.selectors.pretrainings import pretrainings
from practice.selectors.runs import Inputs, inputs_for, presets_of
from practice.selectors.workers import Crew
from practice.web.formats import number

SETTING = "set_"
"""Begins the names of the fields that hold settings."""
SHOWN_PRESET = "shown_preset"
"""The preset whose values the settings showed when the form was sent: only what a person changed in them counts."""

PRETRAINED = "pretrained"
"""The setting that names a pretraining."""
BASE = SETTING + "base"
"""The field that names a pretrained model: one of this machine's folders, or any of the Hub."""

LARGEST_TOLD = 1e9
"""An upper bound above this is a technical one: nobody needs to read it."""


class RunForm(forms.Form):
    """A run of one kind on one task."""

    name = forms.CharField(
        max_length=160, required=False, help_text="Left empty, it is numbered by its kind."
    )
    device_kind = forms.ChoiceField(
        required=False, label="Device", help_text="Which kind of worker takes it."
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        task: Task,
        kind: str,
        team: Crew,
        wanted: Mapping[str, Any] | None = None,
    ) -> None:
        self.task, self.kind = task, kind
        self.presets = presets_of(kind, task.embodiment)
        first = next(iter(self.presets))
        asked = str((wanted or {}).get("preset", first))
        self.preset_name = asked if asked in self.presets else first
        super().__init__(data, initial={"preset": self.preset_name})
        self._add_preset()
        self._add_inputs(inputs_for(task.pk, kind), wanted or {})
        self._add_device(team)
        self._add_settings()

    def _add_preset(self) -> None:
        choices = [(p.name, p.title) for p in self.presets.values()]
        self.fields["preset"] = forms.ChoiceField(choices=choices, widget=forms.RadioSelect)

    def _add_inputs(self, inputs: Inputs, wanted: Mapping[str, Any]) -> None:
        if self.kind == Run.Kind.SFT:
            self.fields["datasets"] = _datasets_field(inputs.datasets, wanted.get("dataset"))
            self.fields["with_approved"] = forms.BooleanField(
                required=False,
                label="Learn from approved practice too",
                help_text=f"{inputs.approved} practice episodes of this task are approved for "
                "training; those known to have failed are left out.",
            )
            return
        self.fields["policy"] = _checkpoint_field(
            inputs.policies,
            wanted.get("policy"),
            "Policy",
            "Where practice starts from."
            if self.kind == Run.Kind.PRACTICE
            else "The checkpoint to measure.",
        )
        measured = self.kind == Run.Kind.EVALUATION
        self.fields["reward"] = _checkpoint_field(
            inputs.rewards,
            wanted.get("reward"),
            "Reward model",
            "Its steps-to-go are the detector that is measured along the way."
            if measured
            else "Frozen; its predicted steps-to-go are the reward and the success detector.",
            required=not measured,
        )

    def _add_device(self, team: Crew) -> None:
        kinds = team.device_kinds()
        total = sum(kinds.values())
        any_device = "Any" if total else "Any (no worker listens now)"
        choices = [("", any_device), *((kind, f"{kind}, {_slots(n)}") for kind, n in kinds.items())]
        device: Any = self.fields["device_kind"]
        device.choices = choices

    def _add_settings(self) -> None:
        """The settings with the values of the chosen preset."""
        shown = self.presets[self.preset_name].config.to_json()
        for fact in self.facts:
            self.fields[SETTING + fact.name] = (
                _pretraining_field(fact, shown[fact.name])
                if fact.name == PRETRAINED
                else _setting_field(fact, shown[fact.name])
            )
        if BASE in self.fields:
            self.fields[BASE].widget.attrs["list"] = "bases"

    @property
    def facts(self) -> tuple[SettingFact, ...]:
        """The settings of this kind of run."""
        return CONFIGS[self.kind].describe()

    def setting_groups(self) -> dict[str, list[forms.BoundField]]:
        """Title -> the fields of its settings, for a section of their own."""
        groups = CONFIGS[self.kind].grouped()
        return {
            title: [self[SETTING + fact.name] for fact in facts] for title, facts in groups.items()
        }

    def bases(self) -> list[str]:
        """Pretrained models in this machine's folder."""
        return bases_here() if BASE in self.fields else []

    def departures(self) -> dict[str, Any]:
        """The settings that a person changed, against the preset they were shown."""
        shown_name = str(self.data.get(SHOWN_PRESET, self.preset_name))
        shown = self.presets.get(shown_name, self.presets[self.preset_name]).config.to_json()
        values = {fact.name: self.cleaned_data[SETTING + fact.name] for fact in self.facts}
        values = {name: None if value == "" else value for name, value in values.items()}
        return {
            name: value
            for name, value in values.items()
            if value != shown[name] and (value is not None or shown[name] is not None)
        }

    def has_setting_errors(self) -> bool:
        """Whether a setting was refused, so that the settings must stand open."""
        return any(name.startswith(SETTING) for name in self.errors)

    def settings_by_preset(self) -> dict[str, dict[str, Any]]:
        """Preset -> its values by field, as a control writes them, and the fields that a person has to fill;
        run_form.js follows them when the preset changes."""
        return {
            name: {
                "values": {
                    SETTING + key: _written(v) for key, v in preset.config.to_json().items()
                },
                "asks": [SETTING + key for key in preset.asks],
            }
            for name, preset in self.presets.items()
        }


def _slots(count: int) -> str:
    return f"{count} slot{'' if count == 1 else 's'}"


def _written(value: object) -> str | bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return "" if value is None else str(value)


def _datasets_field(datasets: list[Dataset], wanted: object) -> forms.MultipleChoiceField:
    """Imports and selections; the one that was asked for is chosen, else every import."""
    selection = Dataset.Kind.SELECTION
    choices = [
        (str(d.pk), f"{d.name} · {'selection, ' * (d.kind == selection)}{d.episodes_kept} episodes")
        for d in datasets
    ]
    asked = [str(d.pk) for d in datasets if str(d.pk) == str(wanted)]
    return forms.MultipleChoiceField(
        choices=choices,
        initial=asked or [str(d.pk) for d in datasets if d.kind != selection],
        widget=forms.CheckboxSelectMultiple,
        label="Learns from",
        error_messages={"required": "Choose at least one dataset to learn from."},
    )


def _checkpoint_field(
    checkpoints: list[Checkpoint], wanted: object, label: str, help_text: str, required: bool = True
) -> forms.ChoiceField:
    choices = [(str(c.pk), f"{c.name} ({c.digest[:8]})") for c in checkpoints]
    known = {value for value, _ in choices}
    first = str(wanted) if str(wanted) in known else next((value for value, _ in choices), "")
    if not required or not choices:
        choices = [*choices, ("", "none")] if choices else [("", "none yet")]
    return forms.ChoiceField(
        choices=choices, initial=first, label=label, help_text=help_text, required=required
    )


def _setting_field(fact: SettingFact, value: Any) -> forms.Field:
    """One control for one setting: its range, unit and help come from the config class."""
    label = fact.name.replace("_", " ").capitalize()
    if fact.kind == "bool":
        return forms.BooleanField(required=False, initial=value, label=label, help_text=fact.help)
    if fact.kind == "choice":
        choices = [(choice, choice) for choice in fact.choices]
        return forms.ChoiceField(choices=choices, initial=value, label=label, help_text=fact.help)
    if fact.kind == "text":
        return forms.CharField(
            required=not fact.optional, initial=_written(value), label=label, help_text=fact.help
        )
    # Ranges are checked by the config class alone, so that form and API refuse in the same words.
    attrs = {"step": "1" if fact.kind == "int" else "any"}
    if fact.unit:
        attrs["data-unit"] = fact.unit
    kind: Any = forms.IntegerField if fact.kind == "int" else forms.FloatField
    field: forms.Field = kind(
        required=not fact.optional,
        initial=_written(value),
        label=label,
        min_value=fact.minimum,
        max_value=fact.maximum,
        help_text=f"{fact.help} {_range(fact)}".strip(),
        widget=forms.NumberInput(attrs=attrs),
    )
    return field


def _pretraining_field(fact: SettingFact, value: Any) -> forms.Field:
    """One of those that are stored, or none."""
    choices = [("", "none"), *((one.name, str(one)) for one in pretrainings())]
    return forms.ChoiceField(
        choices=choices,
        required=False,
        initial=_written(value),
        label="Pretrained",
        help_text=fact.help,
    )


def _range(fact: SettingFact) -> str:
    if fact.minimum is None:
        return ""
    if fact.maximum is None or fact.maximum > LARGEST_TOLD:
        return f"At least {number(fact.minimum)}."
    return f"Between {_plain(fact.minimum)} and {_plain(fact.maximum)}."


def _plain(value: float) -> str:
    return (
        f"{value:g}" if 0 < abs(value) < 1e-3 else number(value, 0 if value == int(value) else None)
    )


def launch_values(form: RunForm) -> dict[str, Any]:
    """What `launch_run` takes, from a valid form."""
    values = form.cleaned_data
    ids = [int(pk) for pk in values.get("datasets", [])]
    chosen = {pk: _row_id(values.get(pk)) for pk in ("policy", "reward")}
    rows = Checkpoint.objects.filter(task=form.task).in_bulk([pk for pk in chosen.values() if pk])
    return {
        "kind": form.kind,
        "name": values["name"],
        "preset": values["preset"],
        "config": form.departures(),
        "datasets": list(Dataset.objects.filter(task=form.task, pk__in=ids)),
        "with_approved": values.get("with_approved", False),
        "policy": rows.get(chosen["policy"] or 0),
        "reward": rows.get(chosen["reward"] or 0),
        "device_kind": values["device_kind"],
    }


def _row_id(value: object) -> int | None:
    return int(str(value)) if value else None
