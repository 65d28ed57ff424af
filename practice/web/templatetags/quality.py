"""Drawings of the quality of episodes (`{% load quality %}`): a histogram, and where episodes start."""

from collections.abc import Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from practice.selectors.quality import Spread
from practice.web.formats import number, percent, plural

register = template.Library()

FAINTEST = 0.25
"""How dark a cell with one episode is drawn; the fullest is 1."""


@register.simple_tag
def histogram(spread: Spread) -> SafeString:
    """Draw how a measure is distributed, with the median as an upright rule."""
    peak, width = max(spread.counts, default=0) or 1, 100 / len(spread.counts)
    bars = format_html_join(
        "",
        '<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>',
        (
            (f"{(i + 0.05) * width:.2f}", f"{48 - h:.2f}", f"{0.9 * width:.2f}", f"{h:.2f}")
            for i, h in ((i, 44 * count / peak) for i, count in enumerate(spread.counts))
        ),
    )
    middle = percent(spread.median) if spread.share else number(spread.median)
    return format_html(
        '<svg class="dist" viewBox="0 0 100 50" preserveAspectRatio="none" role="img">'
        '<title>{}: median {} {}, {}</title>{}<path class="mean" d="M{} 2V48"/>'
        '<path class="axis" d="M0 48.5H100"/></svg>',
        spread.name,
        middle,
        spread.unit,
        plural(sum(spread.counts), "episode"),
        bars,
        f"{100 * (spread.median - spread.low) / (spread.high - spread.low):.2f}",
    )


@register.simple_tag
def heatmap(counts: Sequence[Sequence[int]], label: str = "") -> SafeString:
    """Draw (rows, columns) counts as cells, the darker the fuller; an empty one stays empty."""
    rows, columns = len(counts), len(counts[0])
    peak = max(max(row) for row in counts) or 1
    cells = format_html_join(
        "",
        '<rect class="bar" x="{}" y="{}" width="0.92" height="0.92" fill-opacity="{}">'
        "<title>{}</title></rect>",
        (
            (
                f"{x + 0.04:.2f}",
                f"{y + 0.04:.2f}",
                f"{FAINTEST + (1 - FAINTEST) * count / peak:.2f}",
                plural(count, "episode"),
            )
            for y, row in enumerate(counts)
            for x, count in enumerate(row)
            if count
        ),
    )
    return format_html(
        '<svg class="dist" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img">'
        "<title>{}</title>{}</svg>",
        columns,
        rows,
        label,
        cells,
    )
