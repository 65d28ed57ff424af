"""Sign in by name and password or by a one-time link, and sign out."""

import hashlib
import logging

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.forms import AuthenticationForm
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST
from redis.exceptions import RedisError

from practice.errors import ForbiddenError
from practice.services.people import use_sign_in_link

log = logging.getLogger(__name__)

TRIES = 10
"""Passwords that may be tried for one name from one address within `WINDOW` seconds."""
WINDOW = 60
BACKEND = "django.contrib.auth.backends.ModelBackend"


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Name and password; afterwards the page that was asked for."""
    target = _target(request)
    if request.user.is_authenticated and request.method != "POST":
        return redirect(target)
    if request.method == "POST" and not _may_try(request):
        text = "That was tried too often; wait a minute, then try again."
        form = AuthenticationForm(request)
        return _page(request, form, target, fault=text, status=429)
    form = AuthenticationForm(request, data=request.POST or None)
    if request.method == "POST" and form.is_valid():
        login(request, form.get_user())
        _forget_tries(request)
        return redirect(target)
    fault = "Name and password do not fit together." if form.errors else ""
    return _page(request, form, target, fault=fault, status=400 if fault else 200)


def _page(
    request: HttpRequest, form: AuthenticationForm, target: str, *, fault: str, status: int
) -> HttpResponse:
    context = {"form": form, "next": target, "fault": fault}
    return render(request, "sign_in/sign_in.html", context, status=status)


def _target(request: HttpRequest) -> str:
    """Where to go afterwards: `next` when it lies on this site, else the overview."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if ours else resolve_url(settings.LOGIN_REDIRECT_URL)


def _tries_key(request: HttpRequest) -> str:
    name = request.POST.get("username", "").strip().lower()
    who = f"{name}\n{request.META.get('REMOTE_ADDR', '')}"
    return f"sign-in:{hashlib.sha256(who.encode()).hexdigest()}"


def _may_try(request: HttpRequest) -> bool:
    """Count this try. Without Redis nobody counts: being locked out by an outage would be worse."""
    key = _tries_key(request)
    try:
        cache.add(key, 0, timeout=WINDOW)
        return int(cache.incr(key)) <= TRIES
    except RedisError as error:
        log.warning("Sign-in tries are not counted, for Redis did not answer: %s", error)
    except ValueError:
        log.info("A sign-in window ended between two commands; the try counts as the first.")
    return True


def _forget_tries(request: HttpRequest) -> None:
    try:
        cache.delete(_tries_key(request))
    except RedisError as error:
        log.warning("Sign-in tries were not forgotten, for Redis did not answer: %s", error)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def by_link(request: HttpRequest, secret: str) -> HttpResponse:
    """A page with one button; only pressing it spends the link, so that previews of the link do no harm."""
    if request.method != "POST":
        return render(request, "sign_in/by_link.html", {"fault": ""})
    try:
        person = use_sign_in_link(secret)
    except ForbiddenError as error:
        return render(request, "sign_in/by_link.html", {"fault": error.message}, status=403)
    login(request, person, backend=BACKEND)
    return redirect(settings.LOGIN_REDIRECT_URL)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect("web:sign_in")
