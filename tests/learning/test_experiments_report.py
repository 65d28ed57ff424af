"""Intervals against published values, figures that Plotly accepts, tables rewritten in place."""

from __future__ import annotations

import json
import re
from pathlib import Path

import plotly.io
import pytest

from practice.learning.errors import LearningError
from practice.learning.experiments import figures
from practice.learning.experiments.catalogue import EXPERIMENTS
from practice.learning.experiments.experiment import (
    does_not_collapse,
    keeps_its_peak,
    never_worse,
)
from practice.learning.experiments.report import markdown, update_results
from practice.learning.experiments.running import Finding, run
from practice.learning.experiments.summary import (
    Judged,
    SeedRun,
    difference,
    over_seeds,
    student,
    success_over_seeds,
)
from practice.learning.experiments.workshop import Workshop
from practice.learning.statistics import Share
from tests.learning.tiny_experiment import SCALE, STEADY, TINY


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("stages"))


@pytest.fixture(scope="module")
def finding(shop: Workshop) -> Finding:
    return run(TINY, SCALE, (0, 1), shop)


def test_a_difference_of_shares_is_newcombes() -> None:
    """Newcombe 1998, table II, 56/70 - 48/80 and 10/10 - 0/10, method 10."""
    one, two = difference(Share(48, 80), Share(56, 70)), difference(Share(0, 10), Share(10, 10))
    assert (one.value, one.low, one.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert (two.value, two.low, two.high) == pytest.approx((1.0, 0.6075, 1.0), abs=1e-4)


@pytest.mark.parametrize(("degrees", "t"), [(1, 12.706), (2, 4.303), (9, 2.262), (15, 2.131)])
def test_students_t(degrees: int, t: float) -> None:
    assert student(degrees) == pytest.approx(t, abs=1e-3)


def test_three_seeds_say_little_and_agreeing_seeds_no_more_than_their_episodes() -> None:
    spread = success_over_seeds([Share(40, 100), Share(50, 100), Share(60, 100)])
    assert (spread.value, spread.low, spread.high) == pytest.approx((0.5, 0.2516, 0.7484), abs=1e-4)
    agreed = success_over_seeds([Share(100, 100)] * 3)
    assert agreed.value == agreed.high == 1.0
    assert agreed.low == pytest.approx(Share(300, 300).interval[0])
    alone = difference(Share(1, 4), Share(3, 4))
    assert over_seeds([alone.value], alone, lowest=-1.0) == alone


def seed_run(*, before: int, after: int, curve: list[float]) -> SeedRun:
    start, end = (Judged(Share(k, 500), 10.0, {}) for k in (before, after))
    entries = [{"episodes": 10.0 * i, "eval_success": s} for i, s in enumerate(curve)]
    return SeedRun(0, start, end, entries, 200, 100, 50, 1.0, {})


@pytest.mark.parametrize(
    ("run_of_it", "holds"),
    [
        (seed_run(before=250, after=240, curve=[0.5, 0.52, 0.48]), [1, 1, 1]),
        (seed_run(before=250, after=210, curve=[0.45, 0.42]), [0, 1, 1]),
        (seed_run(before=250, after=260, curve=[0.5, 0.9, 0.85]), [1, 0, 1]),
        (seed_run(before=250, after=400, curve=[0.5, 0.8, 0.1]), [1, 1, 0]),
    ],
    ids=["steady", "worse", "peak lost", "collapsed but kept"],
)
def test_robustness_is_judged_by_intervals(run_of_it: SeedRun, holds: list[int]) -> None:
    checks = (never_worse, keeps_its_peak, does_not_collapse)
    assert [check(run_of_it) for check in checks] == holds


def test_goals_are_checked_whatever_they_say(finding: Finding, shop: Workshop) -> None:
    lift, lead, budget = finding.goals
    rows = finding.rows
    assert lift["value"] == pytest.approx(100 * rows["practice"].lift.value)
    assert lead["value"] == pytest.approx(
        100 * (rows["practice"].after.value - rows["more"].after.value)
    )
    assert lead["reached"] == (lead["value"] >= 15)
    assert budget["reached"]
    steady = run(STEADY, SCALE, (0, 1), shop)
    assert all(goal["value"] in (0.0, 0.5, 1.0) for goal in steady.goals)


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
@pytest.mark.parametrize("experiment", [TINY, STEADY], ids=["bars", "curves"])
def test_figures_are_plotlys_and_need_no_network(
    experiment: object, seeds: tuple[int, ...], shop: Workshop, tmp_path: Path
) -> None:
    asked = TINY if experiment is TINY else STEADY
    found = run(asked, SCALE, seeds, shop)
    figures.write(found, tmp_path)
    drawn = plotly.io.from_json((tmp_path / "figure.json").read_text())
    names = [trace.name for trace in drawn.data if trace.name]
    page = (tmp_path / "figure.html").read_text()
    assert 'src="plotly.min.js"' in page
    assert "cdn." not in page
    assert (tmp_path / "plotly.min.js").stat().st_size > 1_000_000
    row = next(iter(found.rows.values()))
    if asked is TINY:
        assert names == ["before", "after", "paper, before", "paper, after"]
        assert next(iter(drawn.data[1].y)) == pytest.approx(100 * row.after.value)
        low = drawn.data[1].y[0] - drawn.data[1].error_y.arrayminus[0]
        assert low == pytest.approx(100 * row.after.low)
        assert list(drawn.data[2].y) == [92.0, 92.0]
        return
    curve = drawn.data[1]
    episodes = [sum(r.curve[i]["episodes"] for r in row.runs) / len(seeds) for i in range(4)]
    assert list(curve.x) == pytest.approx(episodes)
    assert len([name for name in names if ", seed " in name]) == (2 if len(seeds) > 1 else 0)
    assert next(t for t in drawn.data if t.name == "practice, paper").x == (0, 100)


def test_everything_is_json(finding: Finding) -> None:
    whole = json.loads(json.dumps(finding.to_json(), allow_nan=False))
    assert whole["seeds"] == [0, 1]
    kept = whole["rows"][0]["seeds"][1]
    assert kept["after"]["episodes"] == 32
    assert set(kept["stages"]) == {"start", "before", "end", "after"}
    assert set(kept["stages"].values()) <= set(whole["stages"])
    assert whole["stages"][kept["stages"]["end"]]["config"]["gamma"] == 0.9


def test_the_table_says_what_was_found(finding: Finding) -> None:
    lines = markdown(finding, "a small machine").splitlines()
    row = finding.rows["practice"]
    cells = [
        cell.strip() for cell in next(li for li in lines if li.startswith("| practice")).split("|")
    ]
    assert cells[2] == "40"
    assert cells[4].startswith(f"{100 * row.before.value:.1f} [")
    assert cells[6].startswith(f"{100 * row.lift.value:+.1f} [")
    assert cells[8].count(">") == 2
    assert cells[9] == "92.0 > 100.0"
    assert sum(line.startswith("- Goal:") for line in lines) == 3
    assert lines[-1].startswith(
        "Scale small, seeds 0, 1: mean over 2 seeds with its 95 % t interval."
    )
    assert "of work on a small machine." in lines[-1]


def test_a_section_is_rewritten_in_place_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.md"
    assert not update_results(path, "a", "text")
    kept = "# Mine\n\n<!-- reproduce:a -->\nold\n<!-- end -->\n\nby hand\n\n<!-- reproduce:b -->\nb\n<!-- end -->\n"
    path.write_text(kept)
    for text in ("new\n\ntable", "newer"):
        assert update_results(path, "a", text)
    assert path.read_text() == kept.replace("old", "newer")
    update_results(path, "c", "third")
    assert path.read_text() == kept.replace("old", "newer") + (
        "\n<!-- reproduce:c -->\nthird\n<!-- end -->\n"
    )
    assert [child.name for child in tmp_path.iterdir()] == ["results.md"]


@pytest.mark.parametrize("tail", ["x", "x\n<!-- reproduce:b -->\n<!-- end -->"])
def test_a_section_without_an_end_is_left_alone(tail: str, tmp_path: Path) -> None:
    path = tmp_path / "results.md"
    path.write_text(whole := f"<!-- reproduce:a -->\n{tail}\n")
    with pytest.raises(LearningError, match="does not end; close it with <!-- end -->"):
        update_results(path, "a", "new")
    assert path.read_text() == whole


def test_every_experiment_has_its_section_in_the_results() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "results.md").read_text()
    marks = re.findall(r"<!-- reproduce:(.+) -->\n(?:(?!<!--).*\n)+<!-- end -->", text)
    assert marks == list(EXPERIMENTS)
