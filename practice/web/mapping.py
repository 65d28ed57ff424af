"""The panel on which a person says which of a dataset's features is which of the robot's."""

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from practice.errors import ConflictError, PracticeError
from practice.models import Dataset
from practice.selectors.datasets import find_dataset
from practice.selectors.mapping import mapping_of
from practice.services.mapping import map_dataset
from practice.web.access import PageRequest, operator_page

FIELD = "feature:"
"""Begins the name of each choice in the form; the robot's feature follows."""


@require_POST
@operator_page
def dataset_mapping(request: PageRequest, pk: int) -> HttpResponse:
    """Read the dataset as the form says; the import goes on."""
    dataset = find_dataset(request.user, pk)
    try:
        map_dataset(
            dataset, _mapping(request.POST), by=request.user, any_rate=_any_rate(request.POST)
        )
    except PracticeError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, "The import goes on with this mapping.")
    return redirect("web:dataset", pk)


@require_POST
@operator_page
def dataset_mapping_check(request: PageRequest, pk: int) -> HttpResponse:
    """The panel with what the form's choices would mean; writes nothing."""
    dataset = find_dataset(request.user, pk)
    return render(
        request, "datasets/_mapping.html", {"dataset": dataset, "mapping": _view(dataset, request)}
    )


def _view(dataset: Dataset, request: PageRequest) -> object:
    view = mapping_of(dataset, _mapping(request.POST), any_rate=_any_rate(request.POST))
    if view is None:
        raise ConflictError(f"{dataset} no longer waits for a mapping; load the page again.")
    return view


def _mapping(posted: QueryDict) -> dict[str, str]:
    """The robot's feature -> the dataset's."""
    return {
        name.removeprefix(FIELD): str(value)
        for name, value in posted.items()
        if name.startswith(FIELD)
    }


def _any_rate(posted: QueryDict) -> bool:
    return posted.get("any_rate") == "on"
