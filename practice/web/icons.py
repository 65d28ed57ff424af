"""Icons and marks, drawn for this project on a 16-unit grid with a 1.5-unit line.

Every drawing is a constant of this file, so it may go into a page unescaped.
A `class="solid"` part is filled.
"""

from typing import Final

ICONS: Final[dict[str, str]] = {
    "account": '<circle cx="8" cy="5.5" r="2.5"/><path d="M3 13.5c.6-2.8 2.5-4 5-4s4.4 1.2 5 4"/>',
    "archive": '<path d="M2.5 3h11v3h-11zM3.5 6v7h9V6M6.5 9h3"/>',
    "auto": '<circle cx="8" cy="8" r="5.5"/><path class="solid" d="M8 2.5a5.5 5.5 0 0 1 0 11z"/>',
    "check": '<path d="m3 8.5 3.5 3.5L13 4.5"/>',
    "checkpoint": '<path d="M8 1.8 13.5 5v6L8 14.2 2.5 11V5z"/><path d="m5.5 8 1.8 1.8 3.2-3.5"/>',
    "chevron": '<path d="m6 3.5 4.5 4.5L6 12.5"/>',
    "chevron-down": '<path d="M3.5 6 8 10.5 12.5 6"/>',
    "clock": '<circle cx="8" cy="8" r="5.7"/><path d="M8 4.8V8l2.3 1.5"/>',
    "compare": '<path d="M5 2.5v11M11 2.5v11M2.5 5 5 2.5 7.5 5M8.5 11l2.5 2.5 2.5-2.5"/>',
    "copy": '<path d="M5.5 5.5h8v8h-8z"/><path d="M3.5 10.5h-1v-8h8v1"/>',
    "cross": '<path d="m4 4 8 8M12 4l-8 8"/>',
    "dataset": '<path d="M2.5 4c0-1 2.5-1.7 5.5-1.7s5.5.7 5.5 1.7v8c0 1-2.5 1.7-5.5 1.7'
    'S2.5 13 2.5 12z"/><path d="M2.5 4C2.5 5 5 5.7 8 5.7S13.5 5 13.5 4M2.5 8c0 1 2.5 1.7'
    ' 5.5 1.7S13.5 9 13.5 8"/>',
    "download": '<path d="M8 2.5v8M4.8 7.5 8 10.7l3.2-3.2M2.5 13.5h11"/>',
    "edit": '<path d="M3 13v-2.5l7.5-7.5L13 5.5 5.5 13zM8.8 4.7l2.5 2.5"/>',
    "episode": '<path d="M2.5 3.5h11v9h-11z"/><path d="m6.8 6 3.2 2-3.2 2z"/>',
    "eye": '<path d="M1.5 8C3 5.2 5.3 3.8 8 3.8S13 5.2 14.5 8c-1.5 2.8-3.8 4.2-6.5 4.2S3 10.8'
    ' 1.5 8z"/><circle cx="8" cy="8" r="1.8"/>',
    "external": '<path d="M9.5 2.5h4v4M13.5 2.5 8 8M11.5 9.5v4h-9v-9h4"/>',
    "flag": '<path d="M4 14V2.5h8.5l-2 3 2 3H4"/>',
    "help": '<circle cx="8" cy="8" r="5.7"/><path d="M6.3 6.3c.2-2 3.5-1.9 3.4.1 0 1.3-1.7 1.3'
    '-1.7 2.6M8 11.3v.1"/>',
    "info": '<circle cx="8" cy="8" r="5.7"/><path d="M8 7.3v3.7M8 5v.1"/>',
    "key": '<circle cx="5.2" cy="10.8" r="2.7"/><path d="m7.2 8.8 6-6M10.5 5.5l2 2"/>',
    "keyboard": '<path d="M1.5 4h13v8h-13z"/><path d="M4 6.5h.1M6.6 6.5h.1M9.3 6.5h.1M12 6.5h.1'
    'M5 9.5h6"/>',
    "live": '<circle class="solid" cx="8" cy="8" r="1.6"/><path d="M5 11a4.2 4.2 0 0 1 0-6M11 5a4.2'
    " 4.2 0 0 1 0 6M2.9 13.1a7.2 7.2 0 0 1 0-10.2M13.1 2.9a7.2 7.2 0 0 1 0"
    ' 10.2"/>',
    "logout": '<path d="M6.5 2.5h-4v11h4M10 4.8 13.2 8 10 11.2M13 8H6"/>',
    "menu": '<path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11"/>',
    "moon": '<path d="M13 9.7A5.6 5.6 0 0 1 6.3 3a5.6 5.6 0 1 0 6.7 6.7z"/>',
    "more": '<circle class="solid" cx="3.5" cy="8" r="1.2"/><circle class="solid" cx="8" cy="8"'
    ' r="1.2"/><circle class="solid" cx="12.5" cy="8" r="1.2"/>',
    "overview": '<path d="M2.5 11.5a5.5 5.5 0 0 1 11 0"/><path d="m8 11.5 2.7-4M2.5 14h11"/>',
    "pause": '<path d="M5.5 3.5v9M10.5 3.5v9"/>',
    "people": '<circle cx="6" cy="5.5" r="2.3"/><path d="M1.8 13c.4-2.6 2-3.7 4.2-3.7s3.8 1.1'
    ' 4.2 3.7M10.3 3.4a2.3 2.3 0 0 1 0 4.2M11.8 9.6c1.4.5 2.2 1.6 2.4 3.4"/>',
    "play": '<path d="m4.5 3 8 5-8 5z"/>',
    "plus": '<path d="M8 3v10M3 8h10"/>',
    "retry": '<path d="M13.2 8a5.2 5.2 0 1 1-1.6-3.7M13 1.8v3h-3"/>',
    "robot": '<path d="M3 6h10v7H3zM8 6V3.3"/><circle cx="8" cy="2.4" r=".9"/><path d="M6 9v1M10 9v1"/>',
    "run": '<path d="M1.5 8.5h2.7l2-5.5 3.3 10 2.2-6 1 1.5h1.8"/>',
    "search": '<circle cx="7" cy="7" r="4.3"/><path d="m10.2 10.2 3.5 3.5"/>',
    "settings": '<path d="M2.5 4.5h5M11 4.5h2.5M2.5 11.5H5M8.5 11.5h5"/><circle cx="9.2"'
    ' cy="4.5" r="1.7"/><circle cx="6.7" cy="11.5" r="1.7"/>',
    "star": '<path d="m8 2 1.8 3.9 4.2.5-3.1 2.9.8 4.2L8 11.4l-3.7 2.1.8-4.2L2 6.4l4.2-.5z"/>',
    "stop": '<path d="M3.5 3.5h9v9h-9z"/>',
    "sun": '<circle cx="8" cy="8" r="2.7"/><path d="M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2'
    ' 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9"/>',
    "task": '<circle cx="8" cy="8" r="5.7"/><circle cx="8" cy="8" r="2.5"/><path d="M8 .8v3M8'
    ' 12.2v3M.8 8h3M12.2 8h3"/>',
    "trash": '<path d="M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.6 9h6.8l.6-9"/>',
    "upload": '<path d="M8 10.7v-8M4.8 5.7 8 2.5l3.2 3.2M2.5 13.5h11"/>',
    "warning": '<path d="M8 2.3 14.5 13.5h-13zM8 6.5v3.3M8 11.5v.1"/>',
}
"""Name to the inside of an <svg viewBox="0 0 16 16">."""

SHAPES: Final[dict[str, str]] = {
    "ring": '<circle cx="6" cy="6" r="4.2"/>',
    "dashed": '<circle cx="6" cy="6" r="4.2" stroke-dasharray="2 2.4"/>',
    "clock": '<circle cx="6" cy="6" r="4.2"/><path d="M6 3.8V6l1.6 1"/>',
    "play": '<path class="solid" d="m2.8 1.6 7.4 4.4-7.4 4.4z"/>',
    "bars": '<path d="M4 2.5v7M8 2.5v7"/>',
    "check": '<path d="m2 6.4 2.7 2.7L10 3.2"/>',
    "cross": '<path d="m2.8 2.8 6.4 6.4M9.2 2.8 2.8 9.2"/>',
    "slash": '<circle cx="6" cy="6" r="4.2"/><path d="m3.1 8.9 5.8-5.8"/>',
    "question": '<path d="M4 4.3c.2-2.6 4.2-2.4 4 .1-.1 1.5-2 1.5-2 3.1M6 10v.1"/>',
    "diamond": '<path class="solid" d="m6 1.4 4.6 4.6L6 10.6 1.4 6z"/>',
    "square": '<path class="solid" d="M2.2 2.2h7.6v7.6H2.2z"/>',
    "dot": '<circle class="solid" cx="6" cy="6" r="3.2"/>',
    "dash": '<path d="M3 6h6"/>',
}
"""Shape of a badge to the inside of an <svg viewBox="0 0 12 12">."""
