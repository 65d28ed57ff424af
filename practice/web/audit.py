"""The page of the record of who did what."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from practice.selectors import audit as selector
from practice.web.access import PageRequest, admin_page
from practice.web.parts import render_page

PAGE_SIZE = 50
KINDS = ("task", "dataset", "run", "episode", "user")
"""What entries are about, as the filter offers it."""


@require_GET
@admin_page
def audit_trail(request: PageRequest) -> HttpResponse:
    """Who did what, newest first, by person and by kind of thing."""
    chosen = {name: request.GET.get(name, "") for name in ("by", "about")}
    page = Paginator(selector.audit_rows(**chosen), PAGE_SIZE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "page": page,
        "lines": selector.audit_lines(page.object_list),
        "chosen": chosen,
        "people": selector.audited(),
        "kinds": KINDS,
    }
    return render_page(request, "people/audit.html", "people/_audit.html", context)
