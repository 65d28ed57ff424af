"""Figures of a finding: Plotly, as JSON for a page and as a file that needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from practice.learning.experiments.marks import MARKS
from practice.learning.experiments.running import Finding
from practice.learning.experiments.summary import Estimate, Row, success_over_seeds

_COLOURS = ("#3569b8", "#c2571a", "#2f8f5b", "#8a4fb0", "#b8862b", "#5a6b7b")
_Points = list[tuple[float, Estimate]]


def figure(finding: Finding) -> go.Figure:
    """Success against practice episodes, or before and after, as the experiment asks."""
    n = len(finding.seeds)
    seeds = f"{finding.scale.name}, {n} seed{'s' * (n > 1)}"
    if finding.judges:
        return _judges(finding, f"{seeds}{', 95 % intervals over seeds' * (n > 1)}")
    rows = list(finding.rows.values())
    drawn = _curves(rows) if finding.experiment.figure == "curves" else _bars(rows)
    subtitle = f"{seeds}, 95 % intervals {'over seeds' if n > 1 else 'over episodes'}"
    drawn.update_layout(
        title={"text": finding.experiment.title, "subtitle": {"text": subtitle}},
        template="plotly_white",
        yaxis={"title": {"text": "success, %"}, "range": [0, 102]},
        legend={"orientation": "h", "y": -0.2},
    )
    return drawn


def write(finding: Finding, folder: Path) -> None:
    """figure.json, and figure.html with plotly.min.js beside it."""
    drawn = figure(finding)
    (folder / "figure.json").write_text(drawn.to_json() + "\n")
    drawn.write_html(folder / "figure.html", include_plotlyjs="directory")


def _judges(finding: Finding, subtitle: str) -> go.Figure:
    """A panel per mark, a bar per judge."""
    drawn = make_subplots(rows=1, cols=len(MARKS), subplot_titles=list(MARKS.values()))
    judges = list(finding.judges.values())
    for column, mark in enumerate(MARKS, start=1):
        found = [judge.mark(mark) for judge in judges]
        drawn.add_bar(
            x=[judge.name for judge in judges],
            y=[estimate.value for estimate in found],
            error_y=_errors(found, 1.0),
            marker={"color": _cycled(len(judges))},
            showlegend=False,
            row=1,
            col=column,
        )
    drawn.update_layout(
        title={"text": finding.experiment.title, "subtitle": {"text": subtitle}},
        template="plotly_white",
    )
    return drawn


def _curves(rows: list[Row]) -> go.Figure:
    drawn = go.Figure()
    drawn.update_xaxes(title_text="practice episodes")
    for row, colour in zip(rows, _cycled(len(rows)), strict=True):
        points = _mean_curve(row)
        _band(drawn, row.arm, points, colour)
        for run in row.runs if len(row.runs) > 1 else ():
            its = [(entry["episodes"], entry["eval_success"]) for entry in run.curve]
            _line(drawn, f"{row.arm}, seed {run.seed}", its, colour)
        kept = sum(run.kept_at for run in row.runs) / len(row.runs)
        _dots(drawn, f"{row.arm}, kept, fresh episodes", [(kept, row.after)], colour)
        if row.paper is not None:
            at = (0, row.paper_episodes if row.paper_episodes is not None else kept)
            drawn.add_scatter(
                x=at, y=[100 * value for value in row.paper], name=f"{row.arm}, paper",
                mode="markers", marker={"color": colour, "symbol": "diamond-open", "size": 11},
            )  # fmt: skip
    return drawn


def _bars(rows: list[Row]) -> go.Figure:
    drawn = go.Figure()
    for name, colour in (("before", _COLOURS[-1]), ("after", _COLOURS[0])):
        found = [getattr(row, name) for row in rows]
        drawn.add_bar(
            x=[row.arm for row in rows],
            y=[100 * estimate.value for estimate in found],
            error_y=_errors(found),
            name=name,
            marker={"color": colour},
        )
    for index, name, symbol in ((0, "before", "diamond-open"), (1, "after", "diamond")):
        told = [row for row in rows if row.paper is not None]
        if told:
            drawn.add_scatter(
                x=[row.arm for row in told],
                y=[100 * row.paper[index] for row in told if row.paper],
                name=f"paper, {name}",
                mode="markers",
                marker={"color": "#222", "symbol": symbol, "size": 10},
            )
    return drawn


def _mean_curve(row: Row) -> _Points:
    """As long as every seed goes on: after that the mean would be of those that go on alone."""
    length = min(len(run.curve) for run in row.runs)
    points = []
    for i in range(length):
        episodes = sum(run.curve[i]["episodes"] for run in row.runs) / len(row.runs)
        points.append((episodes, success_over_seeds([run.evaluated[i] for run in row.runs])))
    return points


def _band(drawn: go.Figure, name: str, points: _Points, colour: str) -> None:
    x = [episodes for episodes, _ in points]
    edges = [100 * e.high for _, e in points] + [100 * e.low for _, e in reversed(points)]
    drawn.add_scatter(
        x=x + x[::-1], y=edges, fill="toself", fillcolor=colour, opacity=0.15, mode="none",
        legendgroup=name, showlegend=False, hoverinfo="skip",
    )  # fmt: skip
    drawn.add_scatter(
        x=x, y=[100 * e.value for _, e in points], name=name, legendgroup=name,
        mode="lines+markers", line={"color": colour, "width": 3},
    )  # fmt: skip


def _line(drawn: go.Figure, name: str, points: list[tuple[float, float]], colour: str) -> None:
    drawn.add_scatter(
        x=[episodes for episodes, _ in points], y=[100 * success for _, success in points],
        name=name, mode="lines", line={"color": colour, "width": 1}, opacity=0.5, showlegend=False,
    )  # fmt: skip


def _dots(drawn: go.Figure, name: str, points: _Points, colour: str) -> None:
    drawn.add_scatter(
        x=[episodes for episodes, _ in points], y=[100 * e.value for _, e in points],
        error_y=_errors([e for _, e in points]), name=name, mode="markers",
        marker={"color": colour, "symbol": "star", "size": 12},
    )  # fmt: skip


def _errors(found: list[Estimate], unit: float = 100.0) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [unit * (e.high - e.value) for e in found],
        "arrayminus": [unit * (e.value - e.low) for e in found],
    }


def _cycled(count: int) -> list[str]:
    return [_COLOURS[i % len(_COLOURS)] for i in range(count)]
