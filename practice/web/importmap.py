"""The import map of base.html: shared modules by bare name.

It makes hashed file names work without a build. A browser takes an import map only inline; the
nonce lets this one script through `script-src 'self'`.
"""

import json

from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

SHARED_MODULES = (
    "dialog",
    "events",
    "keys",
    "live_format",
    "live_group",
    "live_robot",
    "live_socket",
    "live_tile",
    "plot",
    "refresh",
    "replay_cameras",
    "replay_clock",
    "replay_curves",
    "replay_film",
    "spark",
    "tile",
    "toast",
    "tus",
    "upload",
)
"""Modules of static/js that others import, as "efm/<name>"."""


def import_map_json() -> str:
    """The import map as it stands in the page; "<" is escaped so that it cannot end the script."""
    imports = {f"efm/{name}": static(f"js/{name}.js") for name in SHARED_MODULES}
    return json.dumps({"imports": imports}, separators=(",", ":")).replace("<", "\\u003c")


def import_map_tag(nonce: str = "") -> SafeString:
    """The `<script type="importmap">` element, with the nonce of the answer it goes into."""
    inner = mark_safe(import_map_json())  # noqa: S308 - JSON of our own names, "<" escaped
    if not nonce:
        return format_html('<script type="importmap">{}</script>', inner)
    return format_html('<script type="importmap" nonce="{}">{}</script>', nonce, inner)
