"""The forms that bring a checkpoint from outside: a file, a repository of the Hub."""

from django import forms

from practice.models import Checkpoint
from practice.web.forms_dataset import NAME_LENGTH, RepositoryForm


class ServesForm(forms.Form):
    """What a checkpoint is to serve as."""

    kind = forms.ChoiceField(
        label="Serves as",
        choices=Checkpoint.Kind.choices,
        help_text="Every checkpoint answers both questions: what to do, and how many steps are still to go.",
    )


class CheckpointForm(ServesForm):
    """One .zip."""

    field_order = ("file", "kind", "name")

    file = forms.FileField(
        label="Checkpoint",
        error_messages={
            "required": "Choose the .zip of a checkpoint.",
            "empty": "The file is empty; choose the .zip of a checkpoint.",
        },
    )
    name = forms.CharField(
        max_length=NAME_LENGTH,
        required=False,
        help_text="Left empty, it takes the name of the file.",
    )


class CheckpointHubForm(RepositoryForm, ServesForm):
    """A checkpoint of the Hub."""

    prefix = "hub"
    field_order = ("repo", "revision", "kind", "name")

    name = forms.CharField(
        max_length=NAME_LENGTH, required=False, help_text="Left empty, it takes owner/name."
    )
