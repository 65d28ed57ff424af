"""Small drawings as inline SVG: sparkline, meter with interval, distribution.

They scale with their box (`preserveAspectRatio="none"`) and strokes keep their width, so no size
is known here and nothing shifts when data arrives. static/js/spark.js draws the same two live.
"""

from collections.abc import Sequence
from itertools import pairwise

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from practice.web.formats import interval, known, number, percent

MAX_POINTS = 240
"""A sparkline of more points is thinned to this many: more than it has pixels tells nothing."""


def _thin(values: Sequence[object]) -> list[float]:
    kept = [x for x in (known(value) for value in values) if x is not None]
    if len(kept) <= MAX_POINTS:
        return kept
    last = len(kept) - 1
    return [kept[round(i * last / (MAX_POINTS - 1))] for i in range(MAX_POINTS)]


def _title(label: str) -> SafeString:
    return format_html("<title>{}</title>", label) if label else mark_safe("")


def spark(
    values: Sequence[object],
    *,
    threshold: float | None = None,
    low: float | None = None,
    high: float | None = None,
    label: str = "",
) -> SafeString:
    """Draw a line through `values`, the newest marked by a dot; unknown values are left out."""
    points = _thin(values)
    extremes = [*points, *([] if threshold is None else [threshold])]
    bottom = min(extremes, default=0.0) if low is None else low
    top = max(extremes, default=1.0) if high is None else high
    span = (top - bottom) or 1.0

    def y(value: float) -> str:
        return f"{22 - 20 * (min(max(value, bottom), top) - bottom) / span:.2f}"

    step = 100 / max(len(points) - 1, 1)
    path = " ".join(f"{i * step:.2f},{y(value)}" for i, value in enumerate(points))
    parts = [_title(label or (f"latest {number(points[-1])}" if points else "no data yet"))]
    if threshold is not None:
        rule = '<line class="threshold" x1="0" x2="100" y1="{0}" y2="{0}"/>'
        parts.append(format_html(rule, y(threshold)))
    if points:
        x = f"{(len(points) - 1) * step:.2f}"
        line = '<polyline class="line" points="{}"/><path class="end" d="M{} {}h0"/>'
        parts.append(format_html(line, path, x, y(points[-1])))
    inner = format_html_join("", "{}", ((part,) for part in parts))
    frame = '<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" role="img">{}</svg>'
    return format_html(frame, inner)


def meter(
    value: object,
    low: object = None,
    high: object = None,
    *,
    reference: object = None,
    label: str = "",
) -> SafeString:
    """Draw a share of one as a bar, its interval as a whisker, a reference as a tick."""
    x = known(value)
    ends = known(low), known(high)
    shown = [None if end is None else 100 * end for end in ends]

    def at(share: float) -> str:
        return f"{100 * min(max(share, 0.0), 1.0):.2f}"

    said = " ".join(filter(None, (label, percent(x), interval(shown[0], shown[1], 1))))
    parts = [_title(said), mark_safe('<rect class="track" y="5" width="100" height="6"/>')]
    if x is not None:
        parts.append(format_html('<rect class="fill" y="5" width="{}" height="6"/>', at(x)))
    if ends[0] is not None and ends[1] is not None:
        whisker = '<path class="whisker" d="M{0} 8H{1}M{0} 3v10M{1} 3v10"/>'
        parts.append(format_html(whisker, at(ends[0]), at(ends[1])))
    mark = known(reference)
    if mark is not None:
        parts.append(format_html('<path class="reference" d="M{} 1v14"/>', at(mark)))
    inner = format_html_join("", "{}", ((part,) for part in parts))
    frame = '<svg class="meter" viewBox="0 0 100 16" preserveAspectRatio="none" role="img">{}</svg>'
    return format_html(frame, inner)


def distribution(
    probs: Sequence[float],
    centres: Sequence[float] = (),
    *,
    mean: object = None,
    threshold: object = None,
) -> SafeString:
    """Draw P(steps-to-go) as bars over the bins, with the mean and the threshold s as upright rules.

    `probs` (bins,) sum to one; `centres` (bins,) in steps, ascending, the bin numbers where not given.
    """
    bins = len(probs)
    places = (
        [float(c) for c in centres] if len(centres) == bins else [float(i) for i in range(bins)]
    )
    peak = max(probs, default=0.0) or 1.0
    width = 100 / max(bins, 1)
    bars = format_html_join(
        "",
        '<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>',
        (
            (f"{i * width + 0.1 * width:.2f}", f"{48 - h:.2f}", f"{0.8 * width:.2f}", f"{h:.2f}")
            for i, h in ((i, 44 * float(p) / peak) for i, p in enumerate(probs))
        ),
    )
    marks = [(name, known(at)) for name, at in (("threshold", threshold), ("mean", mean))]
    rules = format_html_join(
        "",
        '<path class="{}" d="M{} 2V48"/>',
        ((name, f"{place(at, places):.2f}") for name, at in marks if at is not None and places),
    )
    label = f"steps-to-go, mean {number(mean, 1)}" if known(mean) is not None else "steps-to-go"
    return format_html(
        '<svg class="dist" viewBox="0 0 100 50" preserveAspectRatio="none" role="img">{}{}{}'
        '<path class="axis" d="M0 48.5H100"/></svg>',
        _title(label),
        bars,
        rules,
    )


def place(value: float, centres: Sequence[float]) -> float:
    """Where `value` lies on the axis of the bins, 0..100: linear between centres, clamped."""
    width = 100 / len(centres)
    if value <= centres[0]:
        return width / 2
    for i, (left, right) in enumerate(pairwise(centres)):
        if value <= right:
            share = (value - left) / (right - left) if right > left else 0.0
            return width * (i + 0.5 + share)
    return 100 - width / 2
