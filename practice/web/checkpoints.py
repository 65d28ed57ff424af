"""Checkpoints: tables with evaluations, comparison side by side, one checkpoint's facts, launching an evaluation."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_safe

from practice.errors import ConflictError, PracticeError
from practice.learning.presets import presets
from practice.models import Checkpoint, Run, Task, User
from practice.selectors import checkpoints as selectors
from practice.selectors.cards import made_by
from practice.selectors.figures import measures_of
from practice.selectors.transfers import pushes_of, why_waiting
from practice.services.runs import launch_run
from practice.web.access import PageRequest, operator_page, viewer_page
from practice.web.errors import add_to_form
from practice.web.parts import render_page
from practice.web.say import say


@require_safe
@viewer_page
def checkpoint_list(request: PageRequest) -> HttpResponseBase:
    """A table per task; `?compare=1&compare=2` puts those side by side."""
    chosen = _ids(request.GET)
    context: dict[str, Any] = {
        "comparison": selectors.compare(request.user, chosen),
        "chosen": chosen,
        "most": selectors.MOST_COMPARED,
    }
    if request.htmx and request.htmx.target == "comparison":
        response = render(request, "checkpoints/_comparison.html", context)
    else:
        wanted = selectors.CheckpointFilter.parse(request.GET)
        page = selectors.checkpoint_page(request.user, wanted, request.GET.get("page"))
        rows = selectors.checkpoint_rows(page.object_list)
        context |= {
            "page": page,
            "groups": [(t, list(g)) for t, g in groupby(rows, key=lambda r: r.checkpoint.task)],
            "wanted": wanted,
            "tasks": Task.objects.visible_to(request.user).current(),
            "kinds": Checkpoint.Kind.choices,
        }
        response = render(request, "checkpoints/list.html", context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _ids(query: QueryDict) -> list[int]:
    found = [int(pk) for pk in query.getlist("compare") if pk.isdecimal() and len(pk) < 19]
    return list(dict.fromkeys(found))


@require_safe
@viewer_page
def checkpoint_detail(request: PageRequest, pk: int) -> HttpResponseBase:
    """Manifest, lineage, evaluations and users of one checkpoint."""
    checkpoint = selectors.visible_checkpoint(request.user, pk)
    context = _detail(checkpoint, request.user)
    return render_page(request, "checkpoints/detail.html", "checkpoints/_pushes.html", context)


def _detail(checkpoint: Checkpoint, person: User) -> dict[str, Any]:
    evaluable = checkpoint.kind == Checkpoint.Kind.POLICY and checkpoint.task.archived_at is None
    evaluations = list(selectors.evaluations_of(checkpoint))
    pushes = pushes_of(person, checkpoint)
    return {
        "checkpoint": checkpoint,
        "measures": measures_of(checkpoint.metrics),
        "manifest": selectors.manifest_of(checkpoint),
        "lineage": selectors.lineage(checkpoint),
        "children": selectors.descendants(checkpoint),
        "evaluations": evaluations,
        "newest": evaluations[0] if evaluations else None,
        "runs": selectors.runs_using(checkpoint),
        "form": EvaluateForm(checkpoint=checkpoint) if evaluable else None,
        "made_by": made_by(checkpoint),
        "pushes": pushes,
        "pushes_wait": why_waiting(pushes),
        "hub": bool(settings.EFM_HUB_TOKEN),
        "may_evaluate": evaluable and person.is_operator,
    }


class EvaluateForm(forms.Form):
    """What an evaluation is told; empty numbers are the preset's."""

    preset = forms.ChoiceField()
    episodes = forms.IntegerField(
        required=False, min_value=1, help_text="More episodes, narrower interval."
    )
    first_seed = forms.IntegerField(
        required=False, min_value=0, help_text="The same seeds make checkpoints comparable."
    )
    reward = forms.ModelChoiceField(
        queryset=Checkpoint.objects.none(),
        required=False,
        label="Reward model",
        empty_label="none: the detector is not measured",
        help_text="Its steps-to-go are the detector whose precision and recall are measured.",
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, checkpoint: Checkpoint) -> None:
        super().__init__(data)
        known = presets(Run.Kind.EVALUATION.value, checkpoint.task.embodiment)
        rewards = selectors.reward_models(checkpoint)
        fields: dict[str, Any] = self.fields
        fields["preset"].choices = [(p.name, p.title) for p in known.values()]
        fields["reward"].queryset = rewards
        self.initial["reward"] = rewards.first()
        usual = next(iter(known.values())).config.to_json()
        for name in ("episodes", "first_seed"):
            fields[name].widget.attrs["placeholder"] = f"{usual[name]} (preset)"

    def changes(self) -> dict[str, Any]:
        """The settings that depart from the preset."""
        numbers = {name: self.cleaned_data[name] for name in ("episodes", "first_seed")}
        return {name: value for name, value in numbers.items() if value is not None}


@require_http_methods(["GET", "HEAD", "POST"])
@operator_page
def checkpoint_evaluate(request: PageRequest, pk: int) -> HttpResponseBase:
    """The form alone, and the launch of an evaluation run."""
    checkpoint = selectors.visible_checkpoint(request.user, pk)
    if checkpoint.kind != Checkpoint.Kind.POLICY:
        raise ConflictError(f"{checkpoint} is a reward model; evaluate a policy, judged by it.")
    form = EvaluateForm(request.POST or None, checkpoint=checkpoint)
    if request.method == "POST" and form.is_valid():
        run = _launch(request, checkpoint, form)
        if run is not None:
            say(request, f"{run.name} is queued.")
            return redirect("web:run", run.pk)
    context = {"checkpoint": checkpoint, "form": form}
    return render(request, "checkpoints/evaluate.html", context, status=400 if form.errors else 200)


def _launch(request: PageRequest, checkpoint: Checkpoint, form: EvaluateForm) -> Run | None:
    try:
        return launch_run(
            checkpoint.task,
            by=request.user,
            kind=Run.Kind.EVALUATION,
            preset=form.cleaned_data["preset"],
            config=form.changes(),
            policy=checkpoint,
            reward=form.cleaned_data["reward"],
        )
    except PracticeError as error:
        add_to_form(form, error)
        return None
