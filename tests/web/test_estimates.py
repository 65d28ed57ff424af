"""What a run would cost, on the page that launches it."""

from typing import Any

import pytest
from django.urls import reverse

from practice.bridge.estimating import compute_estimate
from practice.models import Estimate, Run, User
from practice.services.estimates import claim_estimate
from practice.services.runs import launch_run
from tests.factories import make_demos, make_task
from tests.web.paging import page_of, text_of
from tests.web.test_run_form import filled, form_of

pytestmark = pytest.mark.django_db


def ask(person: User, **changes: Any) -> Any:
    """Press Estimate on the form of Stage 1 of a small task."""
    task = make_task()
    make_demos(task)
    url = reverse("web:estimate_new", args=[task.slug]) + "?kind=sft"
    return page_of(person).post(url, filled(form_of(task, "sft"), **changes))


def find_out(**changes: Any) -> Estimate:
    """The one estimate, found out, with `changes` to what was."""
    estimate = Estimate.objects.get()
    assert claim_estimate(estimate.pk, owner="me")
    compute_estimate(estimate, owner="me", seconds=0.2)
    estimate.refresh_from_db()
    estimate.result |= changes
    estimate.save()
    return estimate


def panel(person: User, estimate: Estimate) -> str:
    return str(page_of(person).get(reverse("web:estimate", args=[estimate.pk])).content.decode())


def test_the_form_offers_to_estimate(otto: User) -> None:
    task = make_task()
    make_demos(task)
    page = page_of(otto).get(reverse("web:run_new", args=[task.slug])).content.decode()
    assert reverse("web:estimate_new", args=[task.slug]) in page
    assert "20 seconds" in page


def test_the_panel_asks_for_itself_until_the_figures_are_there(otto: User) -> None:
    waiting = ask(otto)
    assert "every 2s" in waiting.content.decode()
    assert "manage.py worker gpu" in text_of(waiting)
    estimate = find_out()
    assert estimate.cost is not None
    page = panel(otto, estimate)
    assert "every 2s" not in page
    assert "data-problem" not in page
    for word in ("Parameters", "Trained", "Memory", "weights", "Optimiser steps", "Validations"):
        assert word in page, word


def test_a_problem_is_marked_for_the_button(otto: User) -> None:
    ask(otto)
    page = panel(otto, find_out(problem="512 rows at once take 90 GB: raise accumulate."))
    assert "data-problem" in page
    assert "512 rows at once take 90 GB" in page
    assert "data-stale hidden" in page


def test_a_form_that_launches_nothing_says_why(otto: User) -> None:
    assert "whole number" in text_of(ask(otto, set_steps="many"))
    assert "equal parts" in text_of(ask(otto, set_batch_size="9", set_accumulate="2"))
    assert not Estimate.objects.exists()


def test_it_can_be_stopped_and_a_viewer_asks_for_nothing(otto: User, vera: User) -> None:
    assert ask(vera).status_code == 403
    ask(otto)
    estimate = Estimate.objects.get()
    url = reverse("web:estimate_stop", args=[estimate.pk])
    assert page_of(vera).post(url).status_code == 403
    assert "Stopped by otto" in text_of(page_of(otto).post(url))


def test_a_run_shows_what_was_expected_and_what_it_took(otto: User) -> None:
    ask(otto)
    estimate = find_out()
    dataset = estimate.task.datasets.get()
    run = launch_run(estimate.task, by=otto, kind="sft", datasets=[dataset])
    assert run.cost == estimate.result
    page = page_of(otto).get(reverse("web:run", args=[run.pk])).content.decode()
    assert "<dt>Expected</dt>" in page
    assert ", took" not in page
    Run.objects.update(state="succeeded", seconds=840.0)
    page = page_of(otto).get(reverse("web:run", args=[run.pk])).content.decode()
    assert ", took 14" in page
