"""What a visitor or a program is told when the server itself failed outside any view."""

from django.http import HttpRequest, HttpResponse
from django.views.defaults import server_error as html_page

from practice.api.errors import error_response


def server_error(request: HttpRequest) -> HttpResponse:
    """JSON in the API's one shape below /api/, a page elsewhere; never a traceback."""
    if request.path.startswith("/api/"):
        return error_response(500, "The server failed at this; the failure is logged.")
    return html_page(request)
