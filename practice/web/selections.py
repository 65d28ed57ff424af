"""Pages of selections: name a filter over a task's episodes, see what it takes now, change it."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from practice.errors import ConflictError, PracticeError
from practice.models import Dataset, Task
from practice.selectors.datasets import find_dataset
from practice.selectors.episodes import EpisodeFilter
from practice.selectors.membership import EpisodeQuery
from practice.selectors.selections import Holding, would_hold
from practice.selectors.tasks import find_task
from practice.services import selections as service
from practice.web import errors
from practice.web.access import PageRequest, operator_page
from practice.web.forms_selection import SelectionForm, query_of
from practice.web.say import say


@require_http_methods(["GET", "POST"])
@operator_page
def selection_new(request: PageRequest, slug: str) -> HttpResponse:
    """Name a filter; the episode list's filter in the query string begins it."""
    task = find_task(request.user, slug)
    return _form(request, task, query_of(EpisodeFilter.parse(request.GET), task))


@require_http_methods(["GET", "POST"])
@operator_page
def selection_edit(request: PageRequest, pk: int) -> HttpResponse:
    """Change a selection's name or filter; versions stay what they are."""
    dataset = find_dataset(request.user, pk)
    if dataset.kind != Dataset.Kind.SELECTION:
        raise ConflictError(f"{dataset} was imported and has no filter; make a selection of it.")
    return _form(request, dataset.task, EpisodeQuery.from_json(dataset.query), dataset)


@require_POST
@operator_page
def selection_count(request: PageRequest, slug: str) -> HttpResponse:
    """How much the form's filter takes now; writes nothing."""
    task = find_task(request.user, slug)
    form = SelectionForm(request.POST, task=task, query=_named(request))
    return render(request, "datasets/_takes.html", _said(_takes(form, task), task))


def _form(
    request: PageRequest, task: Task, query: EpisodeQuery, dataset: Dataset | None = None
) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    name = dataset.name if dataset else ""
    form = SelectionForm(posted, task=task, query=query, name=name)
    if form.is_bound and form.is_valid():
        try:
            kept = _keep(form, task, dataset, request)
        except PracticeError as error:
            errors.add_to_form(form, error)
        else:
            return redirect("web:dataset", kept.pk)
    takes = _takes(form, task) if form.is_bound else would_hold(task, query)
    context = {"form": form, "task": task, "dataset": dataset, **_said(takes, task)}
    return render(request, "datasets/selection.html", context)


def _keep(
    form: SelectionForm, task: Task, dataset: Dataset | None, request: PageRequest
) -> Dataset:
    name, query = form.cleaned_data["name"], form.to_query()
    if dataset is None:
        return service.create_selection(task, by=request.user, name=name, query=query)
    kept = service.change_selection(dataset, by=request.user, name=name, query=query)
    say(request, f"{kept.name} is changed; versions that exist keep what they hold.")
    return kept


def _takes(form: SelectionForm, task: Task) -> Holding | None:
    """What the form's filter takes; None where it cannot be read. A name is not needed for that."""
    if set(form.errors) - {"name"}:
        return None
    return would_hold(task, EpisodeQuery.from_json(form.to_query()))


def _said(takes: Holding | None, task: Task) -> dict[str, Any]:
    """What the count shows; where it is none, whether there is anything to take at all."""
    none = takes is not None and not takes.episodes
    return {"takes": takes, "task_is_empty": none and not task.episodes.exists()}


def _named(request: PageRequest) -> EpisodeQuery:
    """The datasets and runs that the form names, so that each is among its choices."""
    return EpisodeQuery(datasets=_ids(request, "datasets"), runs=_ids(request, "runs"))


def _ids(request: PageRequest, name: str) -> tuple[int, ...]:
    given = request.POST.getlist(name)
    return tuple(int(pk) for pk in given if pk.isdecimal() and len(pk) < 19)
