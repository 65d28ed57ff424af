"""Pages of tasks: the list, one task, its form, archiving."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from practice.errors import PracticeError
from practice.models import Task
from practice.selectors import tasks as selector
from practice.selectors.recording import recorded_bytes
from practice.services import tasks as service
from practice.web import errors
from practice.web.access import PageRequest, operator_page, viewer_page
from practice.web.forms_task import TaskForm, defaults_of
from practice.web.parts import render_page
from practice.web.say import say

PAGE_SIZE = 50


@require_GET
@viewer_page
def task_list(request: PageRequest) -> HttpResponse:
    """All tasks, or the archived ones."""
    archived = request.GET.get("archived") == "1"
    rows = selector.task_rows(request.user, archived=archived)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "tasks/list.html", {"page": page, "archived": archived})


@require_GET
@viewer_page
def task_detail(request: PageRequest, slug: str) -> HttpResponse:
    """One task with everything made for it; htmx gets the panels that change."""
    task = selector.find_task(request.user, slug)
    context = {"task": task, "page": selector.task_page(task)}
    return render_page(request, "tasks/detail.html", "tasks/_panels.html", context)


@require_http_methods(["GET", "POST"])
@operator_page
def task_new(request: PageRequest) -> HttpResponse:
    """Define a task, on the robot of `?embodiment=`."""
    return _form(request, None)


@require_http_methods(["GET", "POST"])
@operator_page
def task_edit(request: PageRequest, slug: str) -> HttpResponse:
    """Change a task's definition."""
    return _form(request, selector.find_task(request.user, slug))


def _form(request: PageRequest, task: Task | None) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    form = TaskForm(posted, task=task, wanted=request.GET.get("embodiment", ""))
    if form.is_bound and form.is_valid():
        try:
            kept = _keep(form, task, request)
        except PracticeError as error:
            errors.add_to_form(form, error)
        else:
            return redirect("web:task", kept.slug)
    defaults = {spec.id: defaults_of(spec) for spec in form.specs.values()}
    taken = recorded_bytes(task) if task else 0
    context = {"form": form, "task": task, "defaults": defaults, "recorded_bytes": taken}
    return render(request, "tasks/form.html", context)


def _keep(form: TaskForm, task: Task | None, request: PageRequest) -> Task:
    if task is None:
        return service.create_task(form.to_fields(), by=request.user)
    kept = service.update_task(task, form.to_fields(), by=request.user)
    say(request, f"{kept.name} is changed; runs that exist keep what they were launched with.")
    return kept


@require_POST
@operator_page
def task_archive(request: PageRequest, slug: str) -> HttpResponse:
    """Put a task away, or back (`archived=0`)."""
    task = selector.find_task(request.user, slug)
    archived = request.POST.get("archived", "1") != "0"
    service.archive_task(task, by=request.user, archived=archived)
    say(request, f"{task.name} is {'archived' if archived else 'back'}.")
    return redirect("web:task", slug)
