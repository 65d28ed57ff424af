"""Reward models that look at an episode afterwards: who may be asked, what is there, what is being computed."""

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from practice.models import Episode
from practice.selectors.checkpoints import reward_model, reward_models_of
from practice.selectors.episodes import visible_episode
from practice.selectors.workers import why_no_cpu_worker
from practice.services.judging import ask_judgement
from practice.web.access import PageRequest, operator_page, viewer_page

SHOWN = 50
"""Reward models that the choice offers, the newest."""


def judgement_context(episode: Episode, chosen: str) -> dict[str, Any]:
    """What the panel of judgements shows; `chosen` is the reward model whose curve is drawn, "" for the recorded one."""
    asked = list(episode.judgements.select_related("reward").order_by("-reward_id"))
    # One that failed may be asked again.
    known = {judgement.reward_id for judgement in asked if not judgement.error}
    models = reward_models_of(episode.task)[:SHOWN]
    judging = any(not judgement.distance and not judgement.error for judgement in asked)
    return {
        "episode": episode,
        "chosen": chosen,
        "judgements": asked,
        "others": [model for model in models if model.pk not in known],
        "judging": judging,
        "judges_wait": why_no_cpu_worker() if judging else "",
    }


@require_safe
@viewer_page
def episode_judgements(request: PageRequest, pk: int) -> HttpResponseBase:
    """The panel alone; it asks for itself while something is being computed."""
    context = judgement_context(visible_episode(request.user, pk), request.GET.get("judge", ""))
    return render(request, "episodes/_judgements.html", context)


@require_POST
@operator_page
def episode_judge(request: PageRequest, pk: int) -> HttpResponseBase:
    """Ask a reward model; the panel says when it has answered."""
    episode = visible_episode(request.user, pk)
    reward = reward_model(request.user, request.POST.get("reward", ""))
    ask_judgement(episode, reward, by=request.user)
    if request.htmx:
        context = judgement_context(episode, request.GET.get("judge", ""))
        return render(request, "episodes/_judgements.html", context)
    return redirect(reverse("web:episode", args=[episode.pk]))
