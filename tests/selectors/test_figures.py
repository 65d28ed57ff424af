"""Curves: what is drawn, over what, and that Plotly knows every word of it."""

from typing import Any

import plotly.graph_objects as go
import pytest

from practice.models import Run, RunPoint
from practice.selectors.figures import AXES, axes_of, charts_of, curves, measures_of
from practice.selectors.points import FETCHED, MOST_POINTS, points_of
from tests.factories import make_points, make_run

pytestmark = pytest.mark.django_db


def drawn(run: Run, chart: str, name: str, **options: Any) -> dict[str, Any]:
    """One named curve of one chart."""
    traces = curves(run, **options)[chart]["data"]
    return next(trace for trace in traces if trace.get("name") == name)


@pytest.mark.parametrize("kind", Run.Kind.values)
def test_plotly_accepts_every_figure(kind: str) -> None:
    run = make_run(kind=kind)
    make_points(run, 11)
    if kind == Run.Kind.SFT:
        make_grounding(run)
        make_naming(run)
    for chart, figure in curves(run, start=0.4).items():
        # Colours are the theme's variables, which only the browser resolves.
        go.Figure(_with_colours(figure))
        assert figure["data"], chart


def make_grounding(run: Run) -> None:
    """One measurement of where things are thought to be, before anything else is trained."""
    values = {"grounding_error_mm": 7.25}
    RunPoint.objects.create(run=run, iteration=0, seconds=1, values=values)


def make_naming(run: Run) -> None:
    """One measurement of how well instructions are named."""
    values = {"loss_instruction": 1.5, "val_loss_instruction": 1.75}
    RunPoint.objects.create(run=run, iteration=12, seconds=40, values=values)


def test_what_few_runs_measure_may_be_missing() -> None:
    run = make_run(kind="sft")
    make_points(run, 3)
    optional = [chart.id for chart in charts_of(run) if chart.optional]
    assert optional == ["places", "instruction"]
    assert [curves(run)[chart]["data"] for chart in optional] == [[], []]
    make_grounding(run)
    curve = drawn(run, "places", "median error, kept-out pictures")
    assert (curve["x"], curve["y"], curve["mode"]) == ([0], [7.25], "lines+markers")
    assert curve["hovertemplate"].endswith(" mm")
    make_naming(run)
    assert drawn(run, "instruction", "training")["hovertemplate"].endswith(" nats per token")
    assert drawn(run, "instruction", "validation")["y"] == [1.75]


def _with_colours(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_colours(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_colours(each) for each in value]
    return "#888888" if isinstance(value, str) and value.startswith("var(--ch-") else value


def test_kept_values_are_called_as_in_the_charts() -> None:
    kept = {"oddness_x": 1.0, "eval_ci_low": 0.4, "eval_success": 0.5, "eval_ci_high": 0.6}
    success, odd = measures_of(kept)
    assert success.label.startswith("Success rate, evaluation")
    assert (success.value, success.low, success.high, success.share) == (0.5, 0.4, 0.6, True)
    assert (odd.label, odd.value) == ("oddness x", 1.0)
    [loss] = measures_of({"val_loss_bc": 2.0})
    assert (loss.label, loss.unit) == ("Behavioural cloning loss, validation", "nats")


def test_success_is_in_per_cent_with_its_interval() -> None:
    run = make_run()
    values = {"eval_success": 0.9, "eval_ci_low": 0.8, "eval_ci_high": 0.95}
    RunPoint.objects.create(run=run, iteration=3, env_steps=700, seconds=30, values=values)
    upper, lower, curve = curves(run)["success"]["data"]
    assert (upper["y"], lower["y"], curve["y"]) == ([95.0], [80.0], [90.0])
    assert curve["x"] == [700]
    assert lower["fill"] == "tonexty"


@pytest.mark.parametrize(
    ("axis", "place"), [("env_steps", 700), ("iteration", 3), ("minutes", 0.5)]
)
def test_the_axis_can_be_chosen(axis: str, place: float) -> None:
    run = make_run()
    RunPoint.objects.create(
        run=run, iteration=3, env_steps=700, seconds=30, values={"mean_distance": 8.0}
    )
    name = "mean over all frames"
    assert drawn(run, "distance", name, axis=axis)["x"] == [place]


def test_an_unknown_axis_is_the_first() -> None:
    run = make_run(kind="sft")
    make_points(run, 3)
    assert axes_of(run)[0] == "iteration"
    assert drawn(run, "imitation", "training", axis="env_steps")["x"] == [1, 2, 3]
    assert set(axes_of(make_run())) == set(AXES)


def test_what_was_not_measured_is_left_out_not_drawn_as_zero() -> None:
    run = make_run()
    for i, values in enumerate([{"mean_return": 1.0}, {"mean_return": None}, {"mean_return": 3.0}]):
        RunPoint.objects.create(run=run, iteration=i, seconds=i, values=values)
    assert drawn(run, "learning", "mean return")["y"] == [1.0, 3.0]
    assert curves(run)["success"]["data"] == []


def test_a_long_curve_is_thinned_and_keeps_its_newest_point() -> None:
    run = make_run()
    count = 2 * MOST_POINTS + 7
    RunPoint.objects.bulk_create(
        RunPoint(run=run, iteration=i, env_steps=i, seconds=i, values={"mean_return": i})
        for i in range(count)
    )
    places = drawn(run, "learning", "mean return")["x"]
    assert len(places) <= MOST_POINTS
    assert places[-1] == count - 1
    assert places == sorted(places)


def test_of_a_very_long_run_few_points_are_fetched_and_nothing_rare_is_lost() -> None:
    run = make_run()
    count = 20 * FETCHED * MOST_POINTS
    RunPoint.objects.bulk_create(
        RunPoint(
            run=run, iteration=i, env_steps=i, seconds=i,
            values={"mean_return": i} | ({"eval_success": 0.5} if i % 1_001 == 0 else {}),
        )
        for i in range(count)
    )  # fmt: skip
    evaluated = set(range(0, count, 1_001))
    fetched = [point[0] for point in points_of(run, sparse=["eval_success"])]
    assert fetched == sorted(fetched)
    assert fetched[-1] == count - 1
    assert evaluated < set(fetched)
    assert len(fetched) <= FETCHED * MOST_POINTS + len(evaluated) + 1
    assert len(drawn(run, "learning", "mean return")["x"]) > MOST_POINTS / 2
    assert drawn(run, "success", "evaluation, 95 % interval")["x"] == sorted(evaluated)


def test_where_it_started_is_a_level_line() -> None:
    run = make_run()
    make_points(run, 3)
    assert curves(run, start=0.63)["success"]["layout"]["shapes"][0]["y0"] == 63.0
    assert "shapes" not in curves(run)["success"]["layout"]


def test_every_kind_has_charts() -> None:
    for kind in Run.Kind.values:
        assert charts_of(make_run(kind=kind))
