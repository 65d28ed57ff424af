"""Template tags of the visual language (`{% load ui %}`), listed in docs/visual-language.md."""

from collections.abc import Sequence
from datetime import datetime

from django import template
from django.forms import BoundField
from django.template.context import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from practice.web import drawing, formats, importmap, nav
from practice.web.icons import ICONS, SHAPES

register = template.Library()

NOTHING = mark_safe(formats.NOTHING)  # noqa: S308 - a constant

# What a state or verdict looks like: tone (colour) and shape. No two of one family share a shape.
LOOKS: dict[str, tuple[str, str]] = {
    "draft": ("", "dashed"),
    "queued": ("", "clock"),
    "running": ("accent", "play"),
    "paused": ("hold", "bars"),
    "succeeded": ("good", "check"),
    "failed": ("bad", "cross"),
    "cancelled": ("", "slash"),
    "validating": ("accent", "play"),
    "mapping": ("warn", "question"),
    "writing": ("accent", "play"),
    "working": ("accent", "play"),
    "done": ("good", "check"),
    "ready": ("good", "check"),
    "approved": ("good", "check"),
    "rejected": ("bad", "cross"),
    "archived": ("", "slash"),
    "live": ("good", "dot"),
    "stale": ("warn", "diamond"),
    "waiting": ("", "ring"),
    "stopped": ("bad", "square"),
    "success": ("good", "check"),
    "failure": ("bad", "cross"),
    "unsure": ("warn", "question"),
    "unlabelled": ("", "dash"),
    "excluded": ("bad", "slash"),
    "trimmed": ("hold", "bars"),
}


WORDS = {"mapping": "needs mapping"}
"""States that are called otherwise than they are written."""


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Draw an icon; with `label` it speaks to screen readers, without it is decoration.

    Raises:
        TemplateSyntaxError: for a name that is not drawn, naming those that are.
    """
    if name not in ICONS:
        raise template.TemplateSyntaxError(
            f"No icon {name!r}; there are {', '.join(sorted(ICONS))}."
        )
    inner = mark_safe(ICONS[name])  # noqa: S308 - a constant of icons.py
    if not label:
        return format_html(
            '<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">{}</svg>', inner
        )
    frame = '<svg class="icon" viewBox="0 0 16 16" role="img" aria-label="{}">{}</svg>'
    return format_html(frame, label, inner)


def _badge(key: str, label: str) -> SafeString:
    tone, shape = LOOKS.get(key, ("", "dot"))
    return format_html(
        '<span class="badge" data-state="{}" data-tone="{}">'
        '<svg viewBox="0 0 12 12" aria-hidden="true">{}</svg>{}</span>',
        key,
        tone,
        mark_safe(SHAPES[shape]),  # noqa: S308 - a constant of icons.py
        label,
    )


@register.simple_tag
def state_badge(state: object, label: str = "") -> SafeString:
    """Draw the badge of a run's, dataset's or robot's state; an unknown state is drawn plain."""
    key = str(state or "draft").lower()
    return _badge(key, label or WORDS.get(key, key.replace("_", " ")))


@register.simple_tag
def verdict(value: object, source: str = "") -> SafeString:
    """Draw success, failure, unsure or, for None, unlabelled; True and False are success and failure."""
    words = {True: "success", False: "failure", None: "unlabelled", "": "unlabelled"}
    key = (
        words.get(value, str(value).lower())
        if isinstance(value, (bool, str)) or value is None
        else ""
    )
    return _badge(key or "unlabelled", f"{source}: {key}" if source else key)


@register.filter(name="number")
def number_filter(value: object, digits: int | None = None) -> str:
    """Write a number; see `formats.number`."""
    return formats.number(value, digits)


@register.filter(name="percent")
def percent_filter(value: object, digits: int = 1) -> str:
    """Write a share of one in per cent."""
    return formats.percent(value, digits)


@register.filter(name="duration")
def duration_filter(value: object) -> str:
    """Write seconds or a timedelta as people say them."""
    return formats.duration(value)


@register.filter(name="size")
def size_filter(value: object) -> str:
    """Write bytes in decimal units."""
    return formats.size(value)


@register.filter(name="plural")
def plural_filter(count: object, noun: str) -> str:
    """Write a count with its noun: `{{ n|plural:"episode" }}`."""
    return formats.plural(count, noun)


@register.filter
def short(digest: str) -> SafeString:
    """Write the first ten characters of a digest, the whole of it in the title."""
    return format_html('<code title="{}">{}</code>', digest, str(digest)[:10])


@register.filter
def ago(moment: datetime | None) -> SafeString:
    """Write how long ago `moment` was; app.js keeps it fresh, the title is the exact time."""
    if moment is None:
        return NOTHING
    local = timezone.localtime(moment)
    return format_html(
        '<time class="nowrap" datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat(),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        formats.ago(moment, timezone.now()),
    )


@register.filter
def unit(field: BoundField) -> str:
    """The unit of a form field: its `unit` attribute, or the widget's `data-unit`."""
    own = getattr(field.field, "unit", "")
    return str(own or field.field.widget.attrs.get("data-unit", ""))


@register.simple_tag
def quantity(  # noqa: PLR0917 - a template names what it passes
    value: object,
    unit: str = "",
    digits: int | None = None,
    low: object = None,
    high: object = None,
    spread: object = None,
) -> SafeString:
    """Write a number with its unit and, where given, ± spread or its interval."""
    if formats.known(value) is None:
        return NOTHING
    plus = "" if formats.known(spread) is None else f" ± {formats.number(spread, digits)}"
    ends = formats.interval(low, high, digits)
    return format_html(
        '<span class="quantity">{}{}{}{}</span>',
        formats.number(value, digits),
        plus,
        format_html('<span class="unit-text">{}{}</span>', formats.THIN, unit) if unit else "",
        format_html('<span class="interval">{}</span>', ends) if ends else "",
    )


@register.simple_tag
def rate(
    value: object, low: object = None, high: object = None, n: object = None, digits: int = 1
) -> SafeString:
    """Write a success rate (share of one) with its interval and the number of episodes."""
    if formats.known(value) is None:
        return NOTHING
    left, right = formats.known(low), formats.known(high)
    bounds = ""
    if left is not None and right is not None:
        bounds = formats.interval(100 * left, 100 * right, digits)
    return format_html(
        '<span class="quantity">{}{}{}</span>',
        formats.percent(value, digits),
        format_html('<span class="interval">{}</span>', bounds) if bounds else "",
        format_html('<span class="count">n = {}</span>', formats.number(n))
        if n is not None
        else "",
    )


@register.simple_tag
def meter(
    value: object,
    low: object = None,
    high: object = None,
    reference: object = None,
    label: str = "",
) -> SafeString:
    """Draw a share of one as a bar with its interval as a whisker."""
    return drawing.meter(value, low, high, reference=reference, label=label)


@register.simple_tag
def spark(
    values: Sequence[object] | None, threshold: float | None = None, label: str = ""
) -> SafeString:
    """Draw a sparkline of a sequence of numbers."""
    return drawing.spark(values or (), threshold=threshold, label=label)


@register.simple_tag
def distribution(
    probs: Sequence[float] | None,
    centres: Sequence[float] = (),
    mean: object = None,
    threshold: object = None,
) -> SafeString:
    """Draw the predicted distribution of steps-to-go."""
    return drawing.distribution(probs or (), centres, mean=mean, threshold=threshold)


@register.inclusion_tag("partials/readout.html")
def readout(
    label: str, value: object, unit: str = "", interval: str = "", note: str = ""
) -> dict[str, object]:
    """Draw one big number inside `<div class="readouts">`; a `value` that is text stands as it is."""
    shown = value if isinstance(value, str) else formats.number(value)
    return {"label": label, "value": shown, "unit": unit, "interval": interval, "note": note}


@register.inclusion_tag("partials/progress.html")
def progress(  # noqa: PLR0917 - a template names what it passes
    value: object,
    total: object = None,
    eta: object = None,
    state: str = "",
    label: str = "",
    compact: bool = False,
) -> dict[str, object]:
    """Draw a progress bar with n / total, per cent and time left; an unknown total is drawn still, of a share only per cent."""
    done, whole = formats.known(value) or 0.0, formats.known(total)
    share = min(done / whole, 1.0) if whole else None
    tone = LOOKS.get(state, ("accent", ""))[0]
    left = formats.duration(eta) if formats.known(eta) is not None and state == "running" else ""
    return {
        "label": label,
        "done": "" if whole == 1 else formats.number(done, 0),
        "total": formats.number(whole, 0) if whole and whole != 1 else "",
        "share": f"{share:.4f}" if share is not None else None,
        "percent": formats.percent(share, 0) if share is not None else "",
        "eta": left,
        "tone": tone,
        "compact": compact,
    }


@register.inclusion_tag("partials/nav.html", takes_context=True)
def main_nav(context: Context) -> dict[str, object]:
    """Draw the sections the person may open, the one of this page marked."""
    path = getattr(context.get("request"), "path", "")
    manager = bool(getattr(context.get("user"), "is_manager", False))
    return {"entries": nav.entries(path, manager=manager)}


@register.simple_tag(takes_context=True)
def import_map(context: Context) -> SafeString:
    """The import map of the shared modules, with the nonce that the answer's policy will name."""
    return importmap.import_map_tag(str(getattr(context.get("request"), "csp_nonce", "")))
