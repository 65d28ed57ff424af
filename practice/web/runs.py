"""Pages of runs: the list, one run live, its controls. The form that launches one stands in run_form.py."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from practice.models import Run, Task
from practice.selectors import figures
from practice.selectors import runs as selector
from practice.selectors.estimates import expected_cost
from practice.selectors.selections import versions_for
from practice.services import runs as service
from practice.web.access import PageRequest, operator_page, viewer_page
from practice.web.live import wall_groups
from practice.web.parts import render_page, wants_parts
from practice.web.run_form import run_new

__all__ = [
    "run_curves",
    "run_detail",
    "run_list",
    "run_log",
    "run_new",
    "run_pause",
    "run_resume",
    "run_stop",
]

PAGE_SIZE = 50
PARTS = {"status": "runs/_status.html", "results": "runs/_results.html"}


@require_GET
@viewer_page
def run_list(request: PageRequest) -> HttpResponse:
    """All runs, by task, kind and state."""
    chosen = {name: request.GET.get(name, "") for name in ("task", "kind", "state")}
    rows = selector.run_rows(request.user, **chosen)
    context: dict[str, Any] = {
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "chosen": chosen,
        "tasks": Task.objects.visible_to(request.user).current(),
        "kinds": Run.Kind.choices,
        "states": [("active", "not over"), *Run.State.choices],
    }
    return render_page(request, "runs/list.html", "runs/_rows.html", context)


@require_GET
@viewer_page
def run_detail(request: PageRequest, pk: int) -> HttpResponse:
    """One run; htmx asks for the part that changed: `?part=status` or `?part=results`."""
    run = selector.find_run(request.user, pk)
    part = PARTS.get(request.GET.get("part", "")) if wants_parts(request) else None
    context: dict[str, Any] = {"run": run}
    if part != PARTS["results"]:
        context |= _status(run)
    if part != PARTS["status"]:
        context["results"] = selector.results_of(run)
    if part is None:
        context |= _whole(run, context["start"])
    return render_page(request, "runs/detail.html", part or "runs/detail.html", context)


def _status(run: Run) -> dict[str, Any]:
    return {
        "why": selector.why_waiting(run),
        "newest": selector.newest_values(run),
        "start": selector.start_evaluation(run),
    }


def _whole(run: Run, start: Any) -> dict[str, Any]:
    drawn = figures.curves(run, start=start.success if start else None)
    settings = selector.settings_of(run)
    return {
        "axes": [(axis, figures.axis_words(run, axis)) for axis in figures.axes_of(run)],
        "curves": [(chart, drawn[chart.id]) for chart in figures.charts_of(run)],
        "log": selector.log_tail(run),
        "settings": settings,
        "departures": sum(setting.departs for setting in settings),
        "datasets": list(run.datasets.defer("report")),
        "versions": list(versions_for(run)),
        "groups": wall_groups([run]),
        "expected": expected_cost(run),
    }


@require_GET
@viewer_page
def run_curves(request: PageRequest, pk: int) -> HttpResponse:
    """The curves as Plotly figures, by chart; `?x=` chooses the axis."""
    run = selector.find_run(request.user, pk)
    start = selector.start_evaluation(run)
    drawn = figures.curves(
        run, axis=request.GET.get("x", ""), start=start.success if start else None
    )
    return JsonResponse(drawn)


@require_GET
@viewer_page
def run_log(request: PageRequest, pk: int) -> HttpResponse:
    """The lines after `?after=ID` for htmx; for anybody else the whole log as text."""
    run = selector.find_run(request.user, pk)
    if not request.htmx:
        return HttpResponse(selector.whole_log(run), content_type="text/plain; charset=utf-8")
    after = request.GET.get("after", "")
    lines = selector.log_tail(run, after=int(after) if after.isdecimal() else 0)
    return render(request, "runs/_log_lines.html", {"log": lines})


@require_POST
@operator_page
def run_pause(request: PageRequest, pk: int) -> HttpResponse:
    """Ask a run to pause after its next commit."""
    run = service.pause_run(selector.find_run(request.user, pk), by=request.user)
    return _after_control(request, run)


@require_POST
@operator_page
def run_resume(request: PageRequest, pk: int) -> HttpResponse:
    """Let a run that rests go on from its last commit."""
    run = service.resume_run(selector.find_run(request.user, pk), by=request.user)
    return _after_control(request, run)


@require_POST
@operator_page
def run_stop(request: PageRequest, pk: int) -> HttpResponse:
    """Ask a run to stop; it can be resumed."""
    run = service.stop_run(selector.find_run(request.user, pk), by=request.user)
    return _after_control(request, run)


def _after_control(request: PageRequest, run: Run) -> HttpResponse:
    """The run's status for htmx, its page for a plain form."""
    if not request.htmx:
        return redirect("web:run", run.pk)
    shown = selector.find_run(request.user, run.pk)
    return render(request, PARTS["status"], {"run": shown, **_status(shown)})
