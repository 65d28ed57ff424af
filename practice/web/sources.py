"""Imports that need no upload, from the page of new datasets; and stopping an import, or trying it again."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from practice.errors import PracticeError
from practice.models import Dataset
from practice.selectors.datasets import find_dataset
from practice.selectors.tasks import find_task
from practice.services import sources
from practice.web import errors
from practice.web.access import PageRequest, operator_page
from practice.web.datasets import new_page
from practice.web.forms_dataset import FolderForm, HubForm


@require_POST
@operator_page
def dataset_from_folder(request: PageRequest, slug: str) -> HttpResponse:
    """Import what lies in an allowed folder of the server."""
    task = find_task(request.user, slug)
    form = FolderForm(request.POST)

    def receive() -> Dataset:
        given = form.cleaned_data
        return sources.receive_folder(
            task, given["path"], by=request.user, name=given["folder_name"]
        )

    made = _tried(form, receive)
    if made is None:
        return new_page(request, task, folder_form=form)
    return redirect("web:dataset", made.pk)


@require_POST
@operator_page
def dataset_from_hub(request: PageRequest, slug: str) -> HttpResponse:
    """Import a dataset of the Hub."""
    task = find_task(request.user, slug)
    form = HubForm(request.POST)

    def receive() -> Dataset:
        given = form.cleaned_data
        return sources.receive_hub(
            task, given["repo"], given["revision"], by=request.user, name=given["hub_name"]
        )

    made = _tried(form, receive)
    if made is None:
        return new_page(request, task, hub_form=form)
    return redirect("web:dataset", made.pk)


def _tried(form: FolderForm | HubForm, receive: Callable[[], Dataset]) -> Dataset | None:
    """The new dataset, or None with the reason in the form."""
    if not form.is_valid():
        return None
    try:
        return receive()
    except PracticeError as error:
        errors.add_to_form(form, error)
        return None


@require_POST
@operator_page
def dataset_stop(request: PageRequest, pk: int) -> HttpResponse:
    """Stop an import."""
    sources.stop_import(find_dataset(request.user, pk), by=request.user)
    messages.success(request, "The import is stopped; its original is kept as it was.")
    return redirect("web:dataset", pk)


@require_POST
@operator_page
def dataset_retry(request: PageRequest, pk: int) -> HttpResponse:
    """Try a failed import again."""
    sources.retry_import(find_dataset(request.user, pk), by=request.user)
    messages.success(request, "The import begins again.")
    return redirect("web:dataset", pk)
