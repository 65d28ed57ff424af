"""Made-up values for the page that shows the visual language (templates/style_guide.html)."""

import math
from datetime import UTC, datetime, timedelta

from django import forms

STATES = ("draft", "queued", "running", "paused", "succeeded", "failed", "cancelled")
DATASET_STATES = ("queued", "validating", "mapping", "ready", "failed")
ROBOT_STATES = ("live", "stale", "waiting", "stopped")
VERDICTS = ("success", "failure", "unsure", None)
TOKENS = ("ink", "ink-2", "ink-3", "accent", "good", "bad", "warn", "hold", "ch-1", "ch-2", "ch-3")


class GalleryForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(help_text="Shown wherever the task is named.")
    embodiment = forms.ChoiceField(choices=[("point-mass", "PointMass 2D")])
    horizon = forms.IntegerField(
        initial=100,
        help_text="An episode ends after this many steps.",
        widget=forms.NumberInput(attrs={"data-unit": "steps"}),
    )
    threshold = forms.FloatField(
        label="Threshold s", max_value=10, widget=forms.NumberInput(attrs={"data-unit": "steps"})
    )
    notes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    paced = forms.BooleanField(required=False, label="Pace at the control rate of the task")


def gallery() -> dict[str, object]:
    """The context of the page: nothing in it comes from the database."""
    falling = [40 * math.exp(-i / 25) + 1.5 * math.sin(i / 2) + 2 for i in range(80)]
    weights = [math.exp(-(((i - 12) / 5) ** 2)) for i in range(40)]
    form = GalleryForm(
        {"name": "", "horizon": "100", "threshold": "12", "embodiment": "point-mass"}
    )
    return {
        "states": STATES,
        "dataset_states": DATASET_STATES,
        "robot_states": ROBOT_STATES,
        "verdicts": VERDICTS,
        "tokens": TOKENS,
        "falling": falling,
        "probs": [w / sum(weights) for w in weights],
        "centres": [2.5 * i for i in range(40)],
        "moment": datetime.now(UTC) - timedelta(minutes=3),
        "form": form,
        "figure": _figure(falling),
        "robots": [
            {"index": i, "name": f"robot {i}", "state": ROBOT_STATES[0 if i < 4 else i - 3]}
            for i in range(1, 7)
        ],
        "runs": [_run(i, state) for i, state in enumerate(STATES, start=1)],
    }


def _run(number: int, state: str) -> dict[str, object]:
    share = number / 7
    return {
        "id": number,
        "name": f"push-to-corner / practice {number}",
        "state": state,
        "done": 40 * number,
        "success": share,
        "low": max(share - 0.11, 0.0),
        "high": min(share + 0.07, 1.0),
        "steps": 9.4 + number,
    }


def _figure(values: list[float]) -> dict[str, object]:
    x = list(range(len(values)))
    band = {"mode": "lines", "x": x, "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    upper = {**band, "y": [v + 3 for v in values]}
    lower = {
        **band,
        "y": [v - 3 for v in values],
        "fill": "tonexty",
        "fillcolor": "var(--ch-1)/0.16",
    }
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": "mean steps-to-go",
        "x": x,
        "y": values,
        "line": {"color": "var(--ch-1)"},
    }
    other = {
        **line,
        "name": "steps taken",
        "y": [0.6 * v + 8 for v in values],
        "line": {"color": "var(--ch-2)", "dash": "4px,2px"},
    }
    return {
        "data": [upper, lower, line, other],
        "layout": {
            "xaxis": {"title": {"text": "iteration"}},
            "yaxis": {"title": {"text": "steps"}, "rangemode": "tozero"},
        },
    }
