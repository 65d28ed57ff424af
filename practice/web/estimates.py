"""What a run would cost, on the page that launches it: ask, look how far it is, stop."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from practice.errors import PracticeError
from practice.models import Estimate, Run
from practice.selectors.estimates import find_estimate, why_waiting
from practice.selectors.tasks import find_task
from practice.selectors.workers import crew
from practice.services.estimates import ask_estimate, stop_estimate
from practice.web.access import PageRequest, operator_page, viewer_page
from practice.web.forms_run import SHOWN_PRESET, RunForm, launch_values


@require_POST
@operator_page
def estimate_new(request: PageRequest, slug: str) -> HttpResponse:
    """Ask what the run of this form would cost; a form that cannot launch one says why."""
    task = find_task(request.user, slug)
    kind = request.GET.get("kind", "")
    kind = kind if kind in Run.Kind.values else str(Run.Kind.SFT)
    wanted = {"preset": request.POST.get(SHOWN_PRESET)}
    form = RunForm(request.POST, task=task, kind=kind, team=crew(), wanted=wanted)
    if not form.is_valid():
        refused = [
            f"{form.fields[name].label or name}: {error}" if name in form.fields else str(error)
            for name, errors in form.errors.items()
            for error in errors
        ]
        return _panel(request, slug, kind, refused=refused)
    try:
        estimate = ask_estimate(task, by=request.user, **launch_values(form))
    except PracticeError as error:
        return _panel(request, slug, kind, refused=[error.message])
    return _panel(request, slug, kind, estimate)


@require_safe
@viewer_page
def estimate_detail(request: PageRequest, pk: int) -> HttpResponse:
    """The panel alone; it asks for itself while something is being found out."""
    estimate = find_estimate(request.user, pk)
    return _panel(request, estimate.task.slug, estimate.kind, estimate)


@require_POST
@operator_page
def estimate_stop(request: PageRequest, pk: int) -> HttpResponse:
    """Give it up."""
    estimate = stop_estimate(find_estimate(request.user, pk), by=request.user)
    return _panel(request, estimate.task.slug, estimate.kind, estimate)


def _panel(
    request: PageRequest,
    slug: str,
    kind: str,
    estimate: Estimate | None = None,
    refused: list[str] | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "slug": slug,
        "kind": kind,
        "estimate": estimate,
        "cost": estimate.cost if estimate else None,
        "why": why_waiting(estimate) if estimate else "",
        "refused": refused or [],
    }
    return render(request, "runs/_cost.html", context)
