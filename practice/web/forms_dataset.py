"""The forms that bring demonstrations: a file, a folder of the server, a dataset of the Hub."""

from urllib.parse import urlsplit

from django import forms
from django.conf import settings

NAME_LENGTH = 160


class DatasetForm(forms.Form):
    """One archive and, if wanted, a name for it."""

    file = forms.FileField(
        label="Dataset",
        error_messages={
            "required": "Choose the packed dataset to upload.",
            "empty": "The file is empty; choose the packed dataset.",
        },
    )
    name = forms.CharField(
        max_length=NAME_LENGTH,
        required=False,
        help_text="Left empty, it takes the name of the file.",
    )


class FolderForm(forms.Form):
    """A dataset that lies on the server."""

    path = forms.CharField(
        label="Folder",
        max_length=4096,
        widget=forms.TextInput(
            attrs={"list": "found-datasets", "autocomplete": "off", "spellcheck": "false"}
        ),
        error_messages={"required": "Choose a folder."},
    )
    folder_name = forms.CharField(
        label="Name",
        max_length=NAME_LENGTH,
        required=False,
        help_text="Left empty, it takes the name of the folder.",
    )


class RepositoryForm(forms.Form):
    """What lies on the Hugging Face Hub."""

    repo = forms.CharField(
        label="Repository",
        max_length=200,
        widget=forms.TextInput(
            attrs={"placeholder": "owner/name", "autocomplete": "off", "spellcheck": "false"}
        ),
        error_messages={"required": "Name a repository as owner/name."},
    )
    revision = forms.CharField(
        max_length=100,
        required=False,
        help_text="A branch, a tag or a commit; left empty, the main branch as it is now.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    @property
    def host(self) -> str:
        """Of which Hub."""
        return urlsplit(settings.EFM_HUB_URL).hostname or "huggingface.co"

    @property
    def further(self) -> list[forms.BoundField]:
        """All but repository and revision, which stand side by side."""
        return [field for field in self if field.name not in ("repo", "revision")]


class HubForm(RepositoryForm):
    """A dataset of the Hub."""

    hub_name = forms.CharField(
        label="Name",
        max_length=NAME_LENGTH,
        required=False,
        help_text="Left empty, it takes owner/name.",
    )
