"""What the template tags write: numbers, spans of time, drawings, badges, navigation."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory, override_settings
from django.urls import NoReverseMatch

from practice.web import drawing, formats, importmap, nav
from practice.web.icons import ICONS, SHAPES
from practice.web.templatetags import ui

T = formats.THIN


def render(source: str, **context: object) -> str:
    """Render a template that loads the tags."""
    return Template("{% load ui %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1234.5, 1, f"1{T}234.5"),
        (-3, None, f"{formats.MINUS}3"),
        (-0.001, 1, "0.0"),
        (0.01234, None, "0.0123"),
        (12.345, None, "12.3"),
        (7, None, "7"),
        (None, 1, formats.NOTHING),
        (math.nan, 1, formats.NOTHING),
        ("loss", 1, formats.NOTHING),
        (True, None, formats.NOTHING),
    ],
)
def test_number(value: object, digits: int | None, text: str) -> None:
    assert formats.number(value, digits) == text


def test_percent_is_exact_only_at_the_ends() -> None:
    assert formats.percent(1.0) == f"100{T}%"
    assert formats.percent(0.9996) == f"100.0{T}%"
    assert formats.percent(0.962) == f"96.2{T}%"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.35, f"0.35{T}s"),
        (4.2, f"4.2{T}s"),
        (59.7, f"1{T}min 00{T}s"),
        (125, f"2{T}min 05{T}s"),
        (timedelta(hours=3, minutes=7), f"3{T}h 07{T}min"),
        (100_000, f"1{T}d 3{T}h"),
        (-1, formats.NOTHING),
        (None, formats.NOTHING),
    ],
)
def test_duration(seconds: object, text: str) -> None:
    assert formats.duration(seconds) == text


def test_ago_and_ahead() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    assert formats.ago(now - timedelta(seconds=2), now) == "now"
    assert formats.ago(now - timedelta(minutes=3), now) == f"3{T}min ago"
    assert formats.ago(now + timedelta(hours=2), now) == f"in 2{T}h"
    assert formats.ago(now - timedelta(days=3), now) == f"3{T}d ago"


def test_size_and_plural() -> None:
    assert formats.size(1_400_000) == f"1.4{T}MB"
    assert formats.size(999) == f"999{T}B"
    assert formats.plural(1, "episode") == "1 episode"
    assert formats.plural(2, "policy") == "2 policies"
    assert formats.plural(0, "person,people") == "0 people"


def test_spark_keeps_the_last_point_and_thins() -> None:
    svg = drawing.spark([float(i) for i in range(5000)])
    points = re.findall(r"[\d.]+,[\d.]+", svg)
    assert len(points) == drawing.MAX_POINTS
    assert points[0] == "0.00,22.00"
    assert points[-1] == "100.00,2.00"


def test_spark_of_nothing_and_of_unknown_values() -> None:
    assert "polyline" not in drawing.spark([])
    assert "nan" not in drawing.spark([1.0, math.nan, None, 2.0])


def test_meter_draws_the_interval_and_stays_inside() -> None:
    svg = drawing.meter(0.5, 0.25, 1.2, reference=0.4)
    assert 'width="50.00"' in svg
    assert "M25.00 8H100.00" in svg
    assert "M40.00 1v14" in svg
    assert f"<title>50.0{T}% [25.0, 120.0]</title>" in svg
    assert "whisker" not in drawing.meter(0.5)


def test_distribution_scales_to_the_peak_and_places_the_mean() -> None:
    svg = drawing.distribution([0.1, 0.4, 0.5], [0.0, 10.0, 20.0], mean=10, threshold=5)
    heights = [float(h) for h in re.findall(r'height="([\d.]+)"', svg)]
    assert heights == [8.8, 35.2, 44.0]
    assert "M50.00 2V48" in svg
    assert "M33.33 2V48" in svg


def test_labels_are_escaped() -> None:
    assert "<b>" not in drawing.spark([1.0], label="<b>")
    assert "&lt;b&gt;" in render("{% state_badge x %}", x="<b>")


def test_badges_of_one_family_differ_in_shape() -> None:
    for family in (
        ("draft", "queued", "running", "paused", "succeeded", "failed", "cancelled"),
        ("live", "stale", "waiting", "stopped"),
        ("success", "failure", "unsure", "unlabelled"),
    ):
        shapes = [ui.LOOKS[name][1] for name in family]
        assert len(set(shapes)) == len(family)
        assert set(shapes) <= set(SHAPES)


def test_verdict_words() -> None:
    assert "unlabelled" in render("{% verdict v %}", v=None)
    assert "detector: success" in render('{% verdict v source="detector" %}', v=True)
    assert 'data-tone="bad"' in render("{% verdict v %}", v="failure")


def test_an_unknown_icon_names_the_known_ones() -> None:
    with pytest.raises(TemplateSyntaxError, match="overview"):
        render('{% icon "nothing" %}')
    for name in ICONS:
        assert "<svg" in ui.icon(name)


def test_quantity_carries_unit_and_interval() -> None:
    text = re.sub("<[^>]+>", "", render('{% quantity 11.4 "steps" digits=1 low=10.9 high=12 %}'))
    assert text == f"11.4{T}steps[10.9, 12.0]"
    assert render('{% quantity None "steps" %}') == formats.NOTHING


def test_rate_writes_shares_in_percent() -> None:
    text = re.sub("<[^>]+>", " ", render("{% rate 0.5 0.4 0.6 n=100 %}"))
    assert text.split() == ["50.0", "%", "[40.0,", "60.0]", "n", "=", "100"]


def test_progress_known_and_unknown() -> None:
    known = render('{% progress 30 120 eta=65 state="running" label="Iteration" %}')
    assert 'value="0.2500"' in known
    assert f"1{T}min 05{T}s left" in known
    assert "value=" not in render("{% progress 0 %}")
    assert "left" not in render('{% progress 30 120 eta=65 state="paused" %}')


def test_ago_writes_a_machine_readable_time() -> None:
    moment = datetime.now(UTC) - timedelta(minutes=3)
    html = render("{{ moment|ago }}", moment=moment)
    assert f'datetime="{moment.isoformat()}"' in html
    assert f"3{T}min ago" in html
    assert render("{{ nothing|ago }}", nothing=None) == formats.NOTHING


def _urls(monkeypatch: pytest.MonkeyPatch, known: dict[str, str]) -> None:
    def reverse(name: str) -> str:
        if name not in known:
            raise NoReverseMatch(name)
        return known[name]

    monkeypatch.setattr(nav, "reverse", reverse)


def test_navigation_marks_the_section_and_keeps_people_for_managers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _urls(monkeypatch, {"web:overview": "/", "web:runs": "/runs/", "web:people": "/people/"})
    shown = nav.entries("/runs/3/", manager=False)
    assert [(entry.url, entry.current) for entry in shown] == [("/", False), ("/runs/", True)]
    assert [entry.url for entry in nav.entries("/people/", manager=True) if entry.current] == [
        "/people/"
    ]
    assert [entry.url for entry in nav.entries("/", manager=False) if entry.current] == ["/"]
    assert not [entry for entry in nav.entries("/elsewhere/", manager=False) if entry.current]


def test_import_map_carries_the_nonce_of_the_request() -> None:
    request = RequestFactory().get("/")
    request.csp_nonce = "n0nce"  # type: ignore[attr-defined]
    html = render("{% import_map %}", request=request)
    assert 'nonce="n0nce"' in html
    found = json.loads(re.sub("<[^>]+>", "", html))
    assert set(found["imports"]) == {f"efm/{name}" for name in importmap.SHARED_MODULES}
    with override_settings(STATIC_URL="/x</script>/"):
        assert "</script>/" not in importmap.import_map_json()


def test_unit_of_a_field_comes_from_the_field_or_its_widget() -> None:
    widget = SimpleNamespace(attrs={"data-unit": "steps"})
    assert ui.unit(SimpleNamespace(field=SimpleNamespace(widget=widget))) == "steps"  # type: ignore[arg-type]
    both = SimpleNamespace(field=SimpleNamespace(widget=widget, unit="m"))
    assert ui.unit(both) == "m"  # type: ignore[arg-type]
