"""Who may open a page. Every page's view carries one of three decorators: viewer_page, operator_page, admin_page."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django_htmx.middleware import HtmxDetails

from practice.errors import InvalidError, PracticeError
from practice.models import User
from practice.roles import Role, require
from practice.web import errors

NO_ROW = "The address asks for what no row can hold, such as a NUL byte (%00); write it without."

P = ParamSpec("P")


class PageRequest(HttpRequest):
    """A request as page views see it: signed in, and aware of htmx."""

    user: User
    htmx: HtmxDetails


View = Callable[Concatenate[PageRequest, P], HttpResponseBase]
Guarded = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def viewer_page(view: View[P]) -> Guarded[P]:
    """A page for everybody with a role."""
    return _guard(view, Role.VIEWER)


def operator_page(view: View[P]) -> Guarded[P]:
    """A page for those who act: operators and administrators."""
    return _guard(view, Role.OPERATOR)


def admin_page(view: View[P]) -> Guarded[P]:
    """A page for administrators."""
    return _guard(view, Role.ADMIN)


def _guard(view: View[P], needed: Role) -> Guarded[P]:
    """Send strangers to the sign-in page, refuse a role too small, and translate every refusal in one place."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        page_request = cast(PageRequest, request)
        try:
            require(page_request.user, needed)
            return view(page_request, *args, **kwargs)
        except PracticeError as error:
            return errors.answer(request, error)
        except DataError:
            if request.method not in {"GET", "HEAD"}:
                raise  # our own mistake: what is stored has been checked
            return errors.answer(request, InvalidError(NO_ROW))

    return cast("Guarded[P]", guarded)


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """The sign-in page, which leads back here; htmx is told to load it as a page of its own."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": resolve_url(settings.LOGIN_URL)})
    return redirect_to_login(request.get_full_path())
