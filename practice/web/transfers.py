"""Checkpoints in and out: a task's page that takes one from outside, pushes to the Hub, the download."""

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from practice.errors import PracticeError
from practice.models import CheckpointImport, Task, User
from practice.selectors.checkpoints import visible_checkpoint
from practice.selectors.tasks import find_task, spec_of
from practice.selectors.transfers import find_import, find_push, imports_of, why_waiting
from practice.services.checkpoint_imports import (
    delete_import,
    receive_checkpoint,
    receive_from_hub,
)
from practice.services.checkpoint_pushes import delete_push, start_push
from practice.web.access import PageRequest, operator_page
from practice.web.errors import add_to_form
from practice.web.forms_checkpoint import CheckpointForm, CheckpointHubForm
from practice.web.parts import render_page
from practice.web.say import say


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page
def checkpoint_new(request: PageRequest, slug: str) -> HttpResponseBase:
    """Bring a checkpoint from outside to a task, and see how earlier ones stand."""
    task = find_task(request.user, slug)
    form, hub_form = CheckpointForm(), CheckpointHubForm()
    if request.method == "POST":
        tried: CheckpointForm | CheckpointHubForm
        if "hub-repo" in request.POST:
            tried = hub_form = CheckpointHubForm(request.POST)
        else:
            tried = form = CheckpointForm(request.POST, request.FILES)
        row = _received(tried, task, request.user)
        if row is not None:
            say(request, f"{row.name} is being checked.")
            return redirect("web:checkpoint_new", slug)
    imports = imports_of(request.user, task)
    context = {
        "task": task,
        "form": form,
        "hub_form": hub_form,
        "spec": spec_of(task),
        "imports": imports,
        "waits": why_waiting(imports),
    }
    page = render_page(request, "checkpoints/new.html", "checkpoints/_imports.html", context)
    if form.errors or hub_form.errors:
        page.status_code = 400
    return page


def _received(
    form: CheckpointForm | CheckpointHubForm, task: Task, person: User
) -> CheckpointImport | None:
    """The import that begins, or None with the reason in the form."""
    if not form.is_valid():
        return None
    given = form.cleaned_data
    serves: dict[str, str] = {"kind": given["kind"], "name": given["name"]}
    try:
        if isinstance(form, CheckpointHubForm):
            return receive_from_hub(task, given["repo"], given["revision"], by=person, **serves)
        file = given["file"]
        return receive_checkpoint(task, file, by=person, filename=file.name, **serves)
    except PracticeError as error:
        add_to_form(form, error)
        return None


@require_POST
@operator_page
def checkpoint_import_delete(request: PageRequest, pk: int) -> HttpResponse:
    """Stop an import, or forget one that failed."""
    row = find_import(request.user, pk)
    delete_import(row, by=request.user)
    say(request, f"The import of {row.name} is deleted.")
    return redirect("web:checkpoint_new", row.task.slug)


@require_POST
@operator_page
def checkpoint_push(request: PageRequest, pk: int) -> HttpResponse:
    """Queue a push to the Hub."""
    checkpoint = visible_checkpoint(request.user, pk)
    push = start_push(checkpoint, request.POST.get("repo", ""), by=request.user)
    say(request, f"It is being pushed to {push.repo}.")
    return redirect("web:checkpoint", pk)


@require_POST
@operator_page
def push_delete(request: PageRequest, pk: int) -> HttpResponse:
    """Forget a push."""
    push = find_push(request.user, pk)
    delete_push(push, by=request.user)
    say(request, f"The push to {push.repo} is forgotten; what is on the Hub stays there.")
    return redirect("web:checkpoint", push.checkpoint_id)
