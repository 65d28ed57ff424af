"""Checkpoints in and out: a task's page that takes one from outside, pushes to the Hub, the download."""

from typing import Any

from django import forms
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from practice.errors import PracticeError
from practice.models import Checkpoint
from practice.selectors.checkpoints import visible_checkpoint
from practice.selectors.tasks import find_task, spec_of
from practice.selectors.transfers import find_import, find_push, imports_of, why_waiting
from practice.services.checkpoint_imports import delete_import, receive_checkpoint
from practice.services.checkpoint_pushes import delete_push, start_push
from practice.web.access import PageRequest, operator_page
from practice.web.errors import add_to_form
from practice.web.say import say


class CheckpointForm(forms.Form):
    """One .zip, and what it is to serve as."""

    file = forms.FileField(
        label="Checkpoint",
        error_messages={
            "required": "Choose the .zip of a checkpoint.",
            "empty": "The file is empty; choose the .zip of a checkpoint.",
        },
    )
    kind = forms.ChoiceField(
        label="Serves as",
        choices=Checkpoint.Kind.choices,
        help_text="Every checkpoint answers both questions: what to do, and how many steps are still to go.",
    )
    name = forms.CharField(
        max_length=160, required=False, help_text="Left empty, it takes the name of the file."
    )


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page
def checkpoint_new(request: PageRequest, slug: str) -> HttpResponseBase:
    """Bring a checkpoint from outside to a task, and see how earlier ones stand."""
    task = find_task(request.user, slug)
    form = (
        CheckpointForm(request.POST, request.FILES)
        if request.method == "POST"
        else CheckpointForm()
    )
    if request.method == "POST" and form.is_valid():
        given: dict[str, Any] = form.cleaned_data
        file = given["file"]
        try:
            row = receive_checkpoint(
                task,
                file,
                by=request.user,
                filename=file.name,
                kind=given["kind"],
                name=given["name"],
            )
        except PracticeError as error:
            add_to_form(form, error)
        else:
            say(request, f"{row.name} is being checked.")
            return redirect("web:checkpoint_new", slug)
    imports = imports_of(request.user, task)
    context = {
        "task": task,
        "form": form,
        "spec": spec_of(task),
        "imports": imports,
        "waits": why_waiting(imports),
    }
    return render(request, "checkpoints/new.html", context, status=400 if form.errors else 200)


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
