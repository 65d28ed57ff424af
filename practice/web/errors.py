"""Refusals as people see them: a page, a message on the page they came from, or errors on a form's fields."""

import json

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme

from practice.errors import PracticeError

TITLES = {
    400: "That cannot be done",
    403: "Not allowed",
    404: "Not found",
    409: "Not in this state",
}


def answer(request: HttpRequest, error: PracticeError) -> HttpResponse:
    """Say what was refused: to htmx as a toast, after a form as a message on the page before, else as a page."""
    if request.headers.get("HX-Request"):
        toast = {"toast": {"text": error.message, "kind": "danger"}}
        return HttpResponse(
            status=error.status, headers={"HX-Trigger": json.dumps(toast), "HX-Reswap": "none"}
        )
    before = page_before(request)
    if request.method == "POST" and before:
        messages.error(request, error.message)
        return redirect(before)
    context = {"title": TITLES.get(error.status, TITLES[400]), "text": error.message}
    return render(request, "errors/refused.html", context, status=error.status)


def page_before(request: HttpRequest) -> str:
    """The page of this site that the request came from, or "" when it does not say."""
    url = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if ours else ""


def add_to_form(form: BaseForm, error: PracticeError) -> None:
    """Put a refusal where the person can mend it: on the fields it names, else above the form."""
    named = {name: why for name, why in error.fields.items() if name in form.fields}
    for name, why in named.items():
        text = why if len(error.fields) > 1 else error.message
        form.add_error(name, text)
    if not named:
        form.add_error(NON_FIELD_ERRORS, error.message)
