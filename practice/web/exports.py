"""Exports on a dataset's page: ask for one, download it, delete it."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from practice.files import download
from practice.selectors import exports as selector
from practice.selectors.datasets import find_dataset
from practice.services import exporting
from practice.web.access import PageRequest, operator_page, viewer_page


@require_POST
@operator_page
def export_new(request: PageRequest, pk: int) -> HttpResponse:
    """Freeze what the dataset holds and queue its export."""
    dataset = find_dataset(request.user, pk)
    export = exporting.start_export(
        dataset,
        by=request.user,
        cameras=request.POST.get("cameras", ""),
        repo=request.POST.get("repo", ""),
    )
    messages.success(request, f"Version {export.version.number} is being exported.")
    return redirect("web:dataset", pk)


@require_POST
@operator_page
def export_delete(request: PageRequest, pk: int) -> HttpResponse:
    """Delete an export and its file, or stop one that is being written."""
    export = selector.find_export(request.user, pk)
    dataset_id = export.version.dataset_id
    exporting.delete_export(export, by=request.user)
    messages.success(request, f"Export {pk} is deleted.")
    return redirect("web:dataset", dataset_id)


@require_safe
@viewer_page
def export_download(request: PageRequest, pk: int) -> HttpResponseBase:
    """The finished .zip, from where a broken download left off."""
    export = selector.find_export(request.user, pk)
    return download(
        request,
        selector.export_file(export),
        tag=selector.file_tag(export),
        filename=selector.file_name(export),
        content_type="application/zip",
    )
