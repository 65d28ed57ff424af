"""The page that launches a run."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from practice.errors import PracticeError
from practice.models import Run, Task
from practice.selectors.tasks import find_task
from practice.selectors.workers import crew
from practice.services.runs import launch_run
from practice.web import errors
from practice.web.access import PageRequest, operator_page
from practice.web.forms_run import SHOWN_PRESET, RunForm, launch_values


@require_http_methods(["GET", "POST"])
@operator_page
def run_new(request: PageRequest, slug: str) -> HttpResponse:
    """Launch a run of `?kind=` on a task; `?policy=`, `?reward=` and `?preset=` choose beforehand."""
    task = find_task(request.user, slug)
    kind = request.GET.get("kind", "")
    kind = kind if kind in Run.Kind.values else _likely_kind(task)
    posted = request.POST if request.method == "POST" else None
    wanted = request.GET.dict() | ({"preset": posted.get(SHOWN_PRESET)} if posted else {})
    form = RunForm(posted, task=task, kind=kind, team=crew(), wanted=wanted)
    if form.is_bound and form.is_valid():
        try:
            run = launch_run(task, by=request.user, **launch_values(form))
        except PracticeError as error:
            errors.add_to_form(form, _on_settings(error))
        else:
            return redirect("web:run", run.pk)
    context: dict[str, Any] = {
        "form": form,
        "task": task,
        "kind": kind,
        "slug": task.slug,
        "kinds": Run.Kind.choices,
        "lacks": _lacks(form),
    }
    return render(request, "runs/new.html", context)


def _on_settings(error: PracticeError) -> PracticeError:
    """The config class names the setting at the start of its sentence; the sentence itself is what helps."""
    return error if set(error.fields) - {"config"} else type(error)(error.message)


def _likely_kind(task: Task) -> str:
    """Practice once Stage 1 has left a policy, Stage 1 before."""
    return Run.Kind.PRACTICE if task.checkpoints.exists() else Run.Kind.SFT


def _lacks(form: RunForm) -> str:
    """What has to come first: "dataset" or "checkpoint", or nothing."""
    if form.kind == Run.Kind.SFT:
        datasets: Any = form.fields["datasets"]
        return "" if datasets.choices else "dataset"
    policy: Any = form.fields["policy"]
    return "" if policy.choices[0][0] else "checkpoint"
