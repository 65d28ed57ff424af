"""The sections of the main navigation and which of them a page belongs to."""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of the main navigation."""

    url_name: str
    label: str
    icon: str
    keys: str
    """Keys that lead here, pressed one after the other."""
    managers_only: bool = False


SECTIONS = (
    Section("web:overview", "Overview", "overview", "g o"),
    Section("web:live", "Live", "live", "g l"),
    Section("web:tasks", "Tasks", "task", "g t"),
    Section("web:datasets", "Datasets", "dataset", "g d"),
    Section("web:runs", "Runs", "run", "g r"),
    Section("web:episodes", "Episodes", "episode", "g e"),
    Section("web:checkpoints", "Checkpoints", "checkpoint", "g c"),
    Section("web:people", "People", "people", "g p", managers_only=True),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A section as it is drawn for one person on one page."""

    section: Section
    url: str
    current: bool


def entries(path: str, *, manager: bool) -> list[Entry]:
    """The sections somebody may open, with the one that `path` lies in marked.

    A section whose page is not installed is left out: the frame also serves a partial URL
    configuration.
    """
    found = []
    for section in SECTIONS:
        if section.managers_only and not manager:
            continue
        try:
            found.append((section, reverse(section.url_name)))
        except NoReverseMatch:
            continue
    inside = [url for _, url in found if path == url or (url != "/" and path.startswith(url))]
    nearest = max(inside, key=len, default=None)
    return [Entry(section, url, url == nearest) for section, url in found]
