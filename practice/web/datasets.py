"""Pages of datasets: the list, the upload, one dataset with its report."""

from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from practice.errors import PracticeError
from practice.models import Dataset, Task
from practice.selectors import datasets as selector
from practice.selectors.exports import exports_of, why_queued
from practice.selectors.folders import allowed_folders, found_datasets
from practice.selectors.mapping import mapping_of
from practice.selectors.selections import count_selections, filter_words, versions_of
from practice.selectors.tasks import find_task, spec_of
from practice.services.datasets import receive_upload
from practice.web import errors, formats
from practice.web.access import PageRequest, operator_page, viewer_page
from practice.web.forms_dataset import DatasetForm, FolderForm, HubForm
from practice.web.parts import render_page

PAGE_SIZE = 50


@require_GET
@viewer_page
def dataset_list(request: PageRequest) -> HttpResponse:
    """All datasets, by task and state."""
    chosen = {name: request.GET.get(name, "") for name in ("task", "state", "kind")}
    rows = selector.dataset_rows(request.user, **chosen)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    page.object_list = count_selections(page.object_list)
    context: dict[str, Any] = {
        "page": page,
        "kinds": Dataset.Kind.choices,
        "chosen": chosen,
        "tasks": Task.objects.visible_to(request.user).current(),
        "states": Dataset.State.choices,
    }
    return render_page(request, "datasets/list.html", "datasets/_rows.html", context)


@require_http_methods(["GET", "POST"])
@operator_page
def dataset_new(request: PageRequest, slug: str) -> HttpResponse:
    """Upload demonstrations for a task, for a browser without scripts; others upload in pieces through the API."""
    task = find_task(request.user, slug)
    form = DatasetForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        form = DatasetForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                dataset = _receive(form, task, request)
            except PracticeError as error:
                errors.add_to_form(form, error)
            else:
                return redirect("web:dataset", dataset.pk)
    return new_page(request, task, form=form)


def new_page(
    request: PageRequest,
    task: Task,
    *,
    form: DatasetForm | None = None,
    folder_form: FolderForm | None = None,
    hub_form: HubForm | None = None,
) -> HttpResponse:
    """The page with the three ways in, one of which a person may have tried."""
    context = {
        "form": form or DatasetForm(),
        "folder_form": folder_form or FolderForm(),
        "hub_form": hub_form or HubForm(),
        "folders": allowed_folders(),
        "found": found_datasets(),
        "task": task,
        "spec": spec_of(task),
        "limit_text": f".zip, .tar, .tar.gz or .tgz, up to {formats.size(settings.EFM_UPLOAD_LIMIT)}",
    }
    return render(request, "datasets/new.html", context)


def _receive(form: DatasetForm, task: Task, request: PageRequest) -> Dataset:
    upload = form.cleaned_data["file"]
    return receive_upload(
        task, upload, by=request.user, filename=upload.name, name=form.cleaned_data["name"]
    )


@require_GET
@viewer_page
def dataset_detail(request: PageRequest, pk: int) -> HttpResponse:
    """One dataset; `?report=json` downloads its report."""
    dataset = selector.find_dataset(request.user, pk)
    if request.GET.get("report") == "json":
        name = f"dataset-{dataset.pk}-report.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return JsonResponse(dataset.report, headers=headers, json_dumps_params={"indent": 2})
    count_selections([dataset])
    exports, spec = exports_of(request.user, dataset), spec_of(dataset.task)
    context = {
        "dataset": dataset,
        "view": selector.report_of(dataset),
        "quality": selector.quality_of(dataset),
        "runs": selector.runs_on(dataset),
        "waits": selector.why_waiting(dataset),
        "mapping": mapping_of(dataset),
        "instructions": selector.instructions_of(dataset),
        "versions": list(versions_of(dataset)),
        "filter_words": filter_words(dataset),
        "exports": exports,
        "exports_wait": why_queued(exports),
        "has_cameras": spec is None or bool(spec.cameras),
        "hub": bool(settings.EFM_HUB_TOKEN),
    }
    return render_page(request, "datasets/detail.html", "datasets/_panels.html", context)
