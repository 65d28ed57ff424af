"""The overview: what goes on, what waits for a person, who does the work."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from practice.selectors import overview as selector
from practice.web.access import PageRequest, viewer_page
from practice.web.gallery import gallery
from practice.web.live import wall_groups
from practice.web.parts import render_page


@require_GET
@viewer_page
def overview(request: PageRequest) -> HttpResponse:
    """The page; htmx gets the panels that change, without the live wall."""
    page = selector.overview(request.user)
    shown = wall_groups([page.live] if page.live else [])
    context = {"page": page, "run": page.live, "groups": shown}
    return render_page(request, "overview/overview.html", "overview/_panels.html", context)


@require_GET
@viewer_page
def style_guide(request: PageRequest) -> HttpResponse:
    """Every component of the visual language, in all its states."""
    return render(request, "style_guide.html", gallery())
