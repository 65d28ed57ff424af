"""People and tokens. A link or a secret is shown once, in the answer to the request that made it, and kept nowhere."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from practice.errors import InvalidError, PracticeError
from practice.models import User
from practice.roles import Role
from practice.selectors import people as selectors
from practice.services import people as services
from practice.web.access import PageRequest, admin_page, viewer_page
from practice.web.errors import add_to_form
from practice.web.say import say

ROLES = [(role.value, role.value) for role in Role]
LONGEST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Secret:
    """What is shown exactly once."""

    title: str
    text: str
    value: str
    example: str = ""
    """A command line that uses it."""


class PersonForm(forms.Form):
    """A new person."""

    username = forms.CharField(
        max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(
        choices=ROLES,
        initial=Role.VIEWER.value,
        help_text="A viewer sees, an operator acts, an admin manages people and tokens.",
    )
    password = forms.CharField(
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Left empty, they sign in by a link that works once.",
    )


class TokenForm(forms.Form):
    """A new token of one's own."""

    name = forms.CharField(
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": "notebook on the bench"}),
        help_text="What uses it.",
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=LONGEST_DAYS,
        initial=90,
        label="Lifetime",
        widget=forms.NumberInput(attrs={"data-unit": "days"}),
    )
    read_only = forms.BooleanField(required=False, label="Read only: it may see, not act")


@require_safe
@admin_page
def people_list(request: PageRequest) -> HttpResponseBase:
    """Everybody, with role and last sign of life."""
    return _people(request)


def _people(
    request: PageRequest, *, form: PersonForm | None = None, secret: Secret | None = None
) -> HttpResponse:
    context: dict[str, Any] = {
        "rows": selectors.people_rows(),
        "roles": [role.value for role in Role],
        "form": form or PersonForm(),
        "secret": secret,
    }
    template = "people/_people.html" if request.htmx else "people/list.html"
    # htmx swaps in no answer of status 400, and the errors are what has to be seen.
    bad = bool(form and form.errors and not request.htmx)
    return render(request, template, context, status=400 if bad else 200)


@never_cache
@admin_page
def person_new(request: PageRequest) -> HttpResponseBase:
    """Add a person; without a password the answer shows their first sign-in link."""
    if request.method != "POST":
        return render(request, "people/new.html", {"form": PersonForm()})
    form = PersonForm(request.POST)
    if not form.is_valid():
        return _people(request, form=form)
    values = form.cleaned_data
    try:
        person = services.add_person(
            values["username"],
            by=request.user,
            role=Role(values["role"]),
            password=values["password"],
        )
    except PracticeError as error:
        add_to_form(form, error)
        return _people(request, form=form)
    if not values["password"]:
        return _people(request, secret=_link(request, person))
    say(request, f"{person} is added as {values['role']}.")
    return _back(request, "web:people")


def _link(request: PageRequest, person: User) -> Secret:
    secret = services.make_sign_in_link(person, by=request.user)
    minutes = int(services.LINK_LIFETIME.total_seconds() // 60)
    return Secret(
        title=f"Sign-in link for {person}",
        text=f"It works once, within {minutes} minutes. Send it to {person} alone; it is not shown again.",
        value=request.build_absolute_uri(reverse("web:sign_in_link", args=[secret])),
    )


def _back(request: PageRequest, name: str) -> HttpResponse:
    """Load the page anew, also for htmx."""
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": reverse(name)})
    return redirect(name)


@require_POST
@admin_page
def person_role(request: PageRequest, pk: int) -> HttpResponseBase:
    """Give a role, or take it away."""
    word = request.POST.get("role", "")
    if word and word not in [role.value for role in Role]:
        raise InvalidError(f"There is no role {word!r}; choose one of {', '.join(Role)}.")
    person = services.give_role(
        selectors.person_by_id(pk), Role(word) if word else None, by=request.user
    )
    say(request, f"{person} is {word} now." if word else f"{person} has no role now.")
    return redirect("web:people")


@require_POST
@admin_page
def person_active(request: PageRequest, pk: int) -> HttpResponseBase:
    """Let somebody in again, or keep them out; keeping out also revokes their tokens."""
    active = request.POST.get("active") == "yes"
    person = services.set_active(selectors.person_by_id(pk), active=active, by=request.user)
    say(request, f"{person} may enter again." if active else f"{person} is kept out from now on.")
    return redirect("web:people")


@never_cache
@require_POST
@admin_page
def person_link(request: PageRequest, pk: int) -> HttpResponseBase:
    """Make a one-time sign-in link and show it once."""
    person = selectors.person_by_id(pk)
    if not person.is_active:
        raise InvalidError(f"{person} is kept out; let them in again before making a link.")
    return _people(request, secret=_link(request, person))


@require_safe
@viewer_page
def token_list(request: PageRequest) -> HttpResponseBase:
    """One's own tokens; an administrator sees everybody's."""
    return _tokens(request)


def _tokens(
    request: PageRequest, *, form: TokenForm | None = None, secret: Secret | None = None
) -> HttpResponse:
    tokens = selectors.tokens_for(request.user)
    context: dict[str, Any] = {
        "tokens": [(token, selectors.has_expired(token)) for token in tokens],
        "form": form or TokenForm(),
        "secret": secret,
    }
    template = "people/_tokens.html" if request.htmx else "people/tokens.html"
    bad = bool(form and form.errors and not request.htmx)
    return render(request, template, context, status=400 if bad else 200)


@never_cache
@viewer_page
def token_new(request: PageRequest) -> HttpResponseBase:
    """Make a token; the answer shows its secret, once."""
    if request.method != "POST":
        return redirect("web:tokens")
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _tokens(request, form=form)
    values = form.cleaned_data
    try:
        token, value = services.issue_token(
            request.user,
            by=request.user,
            name=values["name"],
            days=values["days"],
            read_only=values["read_only"],
        )
    except PracticeError as error:
        add_to_form(form, error)
        return _tokens(request, form=form)
    url = request.build_absolute_uri("/api/runs/")
    secret = Secret(
        title=f"Token “{token.name}”",
        text="Copy it now; only its hash is kept, so it cannot be shown again.",
        value=value,
        example=f'curl -H "Authorization: Token {value}" {url}',
    )
    return _tokens(request, secret=secret)


@require_POST
@viewer_page
def token_revoke(request: PageRequest, key: str) -> HttpResponseBase:
    """Make a token worthless at once."""
    token = selectors.token_by_key(request.user, key)
    services.revoke_token(token, by=request.user)
    say(request, f"The token “{token.name}” is revoked.")
    return redirect("web:tokens")
