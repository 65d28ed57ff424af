"""Curves as Plotly figures, built as plain JSON; the browser draws them in the theme's colours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from practice.models import Run
from practice.selectors.points import points_of, thin

Axis = Literal["env_steps", "iteration", "minutes"]
Figure = dict[str, Any]
AXES: dict[Axis, str] = {
    "env_steps": "environment steps",
    "iteration": "iteration",
    "minutes": "minutes of work",
}


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: which value it draws, and how."""

    key: str
    name: str
    channel: int
    """The colour, 1..6, as the theme numbers them."""
    low: str = ""
    high: str = ""
    """Keys of an interval to shade."""
    sparse: bool = False
    """Measured now and then: drawn with a marker at each point."""
    dash: str = "solid"


@dataclass(frozen=True, slots=True)
class Chart:
    """One panel of curves that share a unit."""

    id: str
    title: str
    unit: str
    series: tuple[Series, ...]
    share: bool = False
    """Values are shares of one, drawn in per cent from 0 to 100."""
    optional: bool = False
    """Not every run measures it: hidden as long as there is nothing to draw."""

    @property
    def figure_id(self) -> str:
        """Id of the element that carries the figure's JSON."""
        return f"figure-{self.id}"


_SUCCESS = Chart(
    "success",
    "Success rate",
    "%",
    (
        Series("eval_success", "evaluation, 95 % interval", 1, "eval_ci_low", "eval_ci_high", True),
        Series("practice_true_success", "practice, as the simulator knows", 3),
        Series("practice_success", "practice, as it ended", 2, dash="dot"),
    ),
    share=True,
)
_STEPS = Chart(
    "steps",
    "Steps per episode",
    "steps",
    (
        Series("eval_mean_steps", "evaluation", 1, sparse=True),
        Series("practice_mean_steps", "practice", 2),
    ),
)
_DETECTOR = Chart(
    "detector",
    "Success detector",
    "%",
    (
        Series("detector_precision", "precision", 1, sparse=True),
        Series("detector_recall", "recall", 2, sparse=True),
    ),
    share=True,
)
CHARTS: dict[str, tuple[Chart, ...]] = {
    Run.Kind.SFT: (
        Chart(
            "places",
            "Where things are",
            "mm",
            (Series("grounding_error_mm", "median error, kept-out pictures", 3, sparse=True),),
            optional=True,
        ),
        Chart(
            "imitation",
            "Behavioural cloning loss",
            "nats",
            (Series("loss_bc", "training", 1), Series("val_loss_bc", "validation", 2, sparse=True)),
        ),
        Chart(
            "steps-to-go",
            "Steps-to-go loss",
            "nats",
            (
                Series("loss_steps_to_go", "training", 1),
                Series("val_loss_steps_to_go", "validation", 2, sparse=True),
            ),
        ),
        Chart(
            "instruction",
            "Instruction prediction loss",
            "nats per token",
            (
                Series("loss_instruction", "training", 1),
                Series("val_loss_instruction", "validation", 2, sparse=True),
            ),
            optional=True,
        ),
    ),
    Run.Kind.PRACTICE: (
        _SUCCESS,
        _STEPS,
        Chart(
            "distance",
            "Predicted steps-to-go",
            "steps",
            (Series("mean_distance", "mean over all frames", 3),),
        ),
        _DETECTOR,
        Chart(
            "learning",
            "Return and loss",
            "",
            (Series("mean_return", "mean return", 5), Series("policy_loss", "policy loss", 4)),
        ),
        Chart(
            "policy",
            "Spread and drift of the policy",
            "",
            (
                Series("action_std", "standard deviation of actions", 1),
                Series("drift", "drift from the start", 4),
            ),
        ),
    ),
    Run.Kind.EVALUATION: (_SUCCESS, _STEPS, _DETECTOR),
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One value of a run as people read it."""

    label: str
    value: float
    unit: str
    share: bool
    """Whether it is a share of one; then `low` and `high` may bound it."""
    low: float | None = None
    high: float | None = None


def measures_of(values: Mapping[str, float]) -> list[Measure]:
    """Values that a run kept, under the names of its charts, in their order; unknown ones last, under their own."""
    told, left = [], dict(values)
    for chart in {chart.id: chart for charts in CHARTS.values() for chart in charts}.values():
        for series in chart.series:
            if series.key in left:
                label = f"{chart.title}, {series.name}" if len(chart.series) > 1 else chart.title
                ends = left.pop(series.low, None), left.pop(series.high, None)
                value = left.pop(series.key)
                unit = "" if chart.share else chart.unit
                told.append(Measure(label, value, unit, chart.share, *ends))
    rest = [Measure(name.replace("_", " "), value, "", False) for name, value in left.items()]
    return [*told, *rest]


def charts_of(run: Run) -> tuple[Chart, ...]:
    """The panels of a run's page, by its kind."""
    return CHARTS[run.kind]


def axis_words(run: Run, axis: Axis) -> str:
    """What stands below the curves."""
    return run.counted if axis == "iteration" else AXES[axis]


def axes_of(run: Run) -> list[Axis]:
    """The x axes that make sense for a run; the first is the one to start with."""
    if run.kind == Run.Kind.SFT:
        return ["iteration", "minutes"]
    return ["env_steps", "iteration", "minutes"]


def curves(run: Run, *, axis: str = "", start: float | None = None) -> dict[str, Figure]:
    """Chart id -> Plotly figure of everything the run has measured so far.

    `start` is the success rate of the checkpoint it started from, drawn as a reference.
    """
    allowed = axes_of(run)
    chosen = next((a for a in allowed if a == axis), allowed[0])
    charts = charts_of(run)
    sparse = [series.key for chart in charts for series in chart.series if series.sparse]
    points = points_of(run, sparse=sparse)
    places = [_place(chosen, *point[:3]) for point in points]
    values = [point[3] for point in points]
    words = axis_words(run, chosen)
    return {chart.id: _figure(chart, words, places, values, start) for chart in charts}


def _place(axis: Axis, iteration: int, env_steps: int, seconds: float) -> float:
    if axis == "minutes":
        return round(seconds / 60, 4)
    return iteration if axis == "iteration" else env_steps


def _figure(
    chart: Chart,
    axis_title: str,
    places: Sequence[float],
    values: Sequence[dict[str, float]],
    start: float | None,
) -> Figure:
    traces: list[dict[str, Any]] = []
    for series in chart.series:
        traces += _traces(series, chart, places, values)
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": axis_title}, "rangemode": "tozero"},
        "yaxis": {"range": [0, 102], "ticksuffix": " %"} if chart.share else {},
        "showlegend": False,
        "uirevision": axis_title,
    }
    if chart.unit in {"steps", "mm"}:
        layout["yaxis"] = {"rangemode": "tozero"}
    if chart.id == "success" and start is not None:
        layout["shapes"] = [_reference(100 * start)]
    return {"data": traces, "layout": layout}


def _reference(height: float) -> dict[str, Any]:
    """A level line across the whole panel."""
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": height,
        "y1": height,
        "line": {"color": "var(--ch-6)", "width": 1, "dash": "dash"},
    }


def _traces(
    series: Series, chart: Chart, places: Sequence[float], values: Sequence[dict[str, float]]
) -> list[dict[str, Any]]:
    known = [(x, v) for x, v in zip(places, values, strict=True) if v.get(series.key) is not None]
    known = thin(known)
    if not known:
        return []
    scale = 100 if chart.share else 1
    colour = f"var(--ch-{series.channel})"
    xs = [x for x, _ in known]

    def line(key: str) -> list[float | None]:
        found = (v.get(key) for _, v in known)
        return [None if y is None else round(scale * y, 5) for y in found]

    band = _band(xs, line(series.low), line(series.high), colour) if series.low else []
    curve = {
        "type": "scatter",
        "name": series.name,
        "x": xs,
        "y": line(series.key),
        "mode": "lines+markers" if series.sparse or len(xs) == 1 else "lines",
        "line": {"color": colour, "width": 1.75, "dash": series.dash},
        "marker": {"color": colour, "size": 5},
        "hovertemplate": f"%{{y:.4~g}} {chart.unit}".rstrip(),
    }
    return [*band, curve]


def _band(
    xs: Sequence[float], low: Sequence[float | None], high: Sequence[float | None], colour: str
) -> list[dict[str, Any]]:
    edge = {
        "type": "scatter",
        "x": list(xs),
        "mode": "lines",
        "line": {"width": 0, "color": colour},
        "hoverinfo": "skip",
    }
    upper = {**edge, "y": list(high)}
    return [upper, {**edge, "y": list(low), "fill": "tonexty", "fillcolor": f"{colour}/0.16"}]
