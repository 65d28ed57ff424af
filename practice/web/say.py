"""Tell a person that something is done, on the next page they see."""

from django.contrib import messages
from django.http import HttpRequest


def say(request: HttpRequest, text: str) -> None:
    """Show `text` as a toast on the next page."""
    messages.success(request, text)
