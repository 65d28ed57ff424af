"""The form that uploads demonstrations."""

from django import forms


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
        max_length=160, required=False, help_text="Left empty, it takes the name of the file."
    )
