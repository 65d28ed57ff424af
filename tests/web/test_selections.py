"""Selections: named from a form or the list's filter, counted as they are typed, changed, learned from; versions as pages show them."""

from typing import Any

import pytest
from django.urls import reverse

from practice.models import Dataset, Episode, Run, User
from practice.selectors.selections import filter_words
from practice.services.edits import exclude_episodes, trim_episode
from practice.services.runs import launch_run
from practice.services.selections import create_selection
from practice.services.versions import freeze
from tests.factories import make_demos, make_episodes, make_run, make_task
from tests.web.paging import assert_flat, page_of, text_of

pytestmark = pytest.mark.django_db

FILLED = {"name": "Long ones", "kinds": ["demonstration"], "duplicates": "on"}


def test_a_selection_is_made_and_shows_what_it_takes(otto: User) -> None:
    demos = make_demos(count=3)  # 12, 13 and 14 steps
    client = page_of(otto)
    url = reverse("web:selection_new", args=[demos.task.slug])
    answer: Any = client.post(url, {**FILLED, "shortest": "13", "idle": "", "clipped": ""})
    made = Dataset.objects.get(kind=Dataset.Kind.SELECTION)
    assert answer.url == reverse("web:dataset", args=[made.pk])
    assert made.query == {"kinds": ["demonstration"], "shortest": 13}
    shown = text_of(client.get(answer.url))
    assert "2<small>episodes</small>" in shown
    assert "at least 13 steps" in shown
    assert "None yet: a run that learns from it, or an export, freezes the first." in shown
    assert "sha256" not in shown
    listed = text_of(client.get(reverse("web:datasets") + "?kind=selection"))
    assert "Long ones" in listed
    assert demos.name not in listed
    page: Any = client.get(f"/episodes/?dataset={made.pk}").context["page"]
    assert len(page.object_list) == 2, "The list shows what it takes now."


def test_it_is_changed_and_the_form_shows_what_it_was(otto: User) -> None:
    demos = make_demos()
    query = {"datasets": [demos.pk], "idle": 0.2, "words": "ring", "duplicates": False}
    made = create_selection(demos.task, by=otto, name="Calm", query=query)
    client = page_of(otto)
    url = reverse("web:selection_edit", args=[made.pk])
    form: Any = client.get(url).context["form"]
    values = {field.name: field.value() for field in form}
    assert values["idle"] == "20"
    assert values["datasets"] == [str(demos.pk)]
    sent = {name: value for name, value in values.items() if value not in (None, False)}
    client.post(url, {**sent, "name": "Calmer", "idle": "12.5"})
    made.refresh_from_db()
    assert made.name == "Calmer"
    assert made.query == {**query, "idle": 0.125}
    assert client.get(reverse("web:selection_edit", args=[demos.pk])).status_code == 409


@pytest.mark.parametrize(
    "changes", [{"name": " "}, {"kinds": []}, {"idle": "120"}, {"shortest": "-1"}, {"runs": ["77"]}]
)
def test_what_cannot_be_a_filter_is_said_on_the_form(otto: User, changes: dict[str, Any]) -> None:
    task = make_task()
    url = reverse("web:selection_new", args=[task.slug])
    answer: Any = page_of(otto).post(url, {**FILLED, **changes})
    assert set(answer.context["form"].errors) == set(changes)
    assert not Dataset.objects.exists()


def test_what_it_takes_is_counted_as_it_is_typed_and_nothing_is_written(otto: User) -> None:
    demos = make_demos(count=3)
    client = page_of(otto)
    url = reverse("web:selection_count", args=[demos.task.slug])
    trim_episode(Episode.objects.order_by("pk")[2], by=otto, first=4, end=None)
    shown = text_of(client.post(url, {"kinds": ["demonstration"], "shortest": "13"}))
    assert "2<small>episodes</small>" in shown, "A name is not needed for that."
    assert "23<small>steps</small>" in shown
    none = {"kinds": ["demonstration"], "words": "somewhere else"}
    assert "none fits" in text_of(client.post(url, none))
    assert "missing or wrong" in text_of(client.post(url, {"kinds": []}))
    assert Dataset.objects.count() == 1


def test_the_lists_filter_begins_a_selection(otto: User) -> None:
    run = make_run(episode_count=2)
    make_episodes(run, 2)
    client = page_of(otto)
    query = f"run={run.pk}&kind=practice&verdict=success"
    url = reverse("web:selection_new", args=[run.task.slug])
    Episode.objects.update(verdict="success")
    assert f"{url}?run={run.pk}" in text_of(client.get(f"/episodes/?{query}"))
    form: Any = client.get(f"{url}?{query}").context["form"]
    assert form["kinds"].value() == ("practice",)
    assert form["runs"].value() == [str(run.pk)]
    assert form["labelled_success"].value() is True


def test_stage_1_learns_from_a_selection_and_its_page_names_the_version(otto: User) -> None:
    demos = make_demos(count=3)
    made = create_selection(demos.task, by=otto, name="Long", query={"shortest": 13})
    client = page_of(otto)
    url = reverse("web:run_new", args=[demos.task.slug])
    form: Any = client.get(f"{url}?kind=sft").context["form"]
    assert form["datasets"].value() == [str(demos.pk)], "Imports alone are chosen beforehand."
    form = client.get(f"{url}?kind=sft&dataset={made.pk}").context["form"]
    assert form["datasets"].value() == [str(made.pk)]
    assert "Long · selection, 2 episodes" in text_of(client.get(f"{url}?kind=sft"))
    run = launch_run(demos.task, by=otto, kind="sft", datasets=[made])
    version = run.versions.get()
    shown = text_of(client.get(reverse("web:run", args=[run.pk])))
    assert "Long v1" in shown
    assert version.digest[:10] in shown
    of_dataset = text_of(client.get(reverse("web:dataset", args=[made.pk])))
    assert version.digest[:10] in of_dataset
    assert run.name in of_dataset


def test_an_imports_page_shows_its_versions_without_a_query_each(otto: User) -> None:
    demos = make_demos(count=4)
    rows = list(demos.episodes.all())

    def another() -> None:
        exclude_episodes([rows.pop()], by=otto, excluded=True)
        run = make_run(demos.task, datasets=(demos,), kind=Run.Kind.SFT)
        run.versions.add(freeze(demos, by=otto))

    another()
    client = page_of(otto)
    assert_flat(client, reverse("web:dataset", args=[demos.pk]), another)
    assert "v2" in text_of(client.get(reverse("web:dataset", args=[demos.pk])))


def test_lists_count_all_selections_at_once(otto: User) -> None:
    demos = make_demos(count=3)
    create_selection(demos.task, by=otto, name="All", query={})

    def another() -> None:
        create_selection(demos.task, by=otto, name="Long", query={"shortest": 14})

    client = page_of(otto)
    assert_flat(client, reverse("web:datasets"), another)
    page: Any = client.get(reverse("web:datasets")).context["page"]
    assert [row.episodes_kept for row in page.object_list] == [1, 3, demos.episodes_kept]
    assert_flat(client, reverse("web:task", args=[demos.task.slug]), another)


def test_a_filter_is_said_in_words(otto: User) -> None:
    demos = make_demos()
    run = make_run(demos.task)
    query = {
        "kinds": ["practice", "demonstration"],
        "unapproved": True,
        "labelled_success": True,
        "datasets": [demos.pk],
        "runs": [run.pk],
        "words": "ring",
        "shortest": 2,
        "longest": 9,
        "idle": 0.25,
        "clipped": 0.1,
        "duplicates": False,
    }
    made = create_selection(demos.task, by=otto, name="All of it", query=query)
    assert filter_words(made) == [
        "demonstrations and practice episodes, approved or not",
        "labelled a success",
        f"from dataset {demos.name} or run {run.name}",
        "instruction with “ring”",
        "at least 2 steps",
        "at most 9 steps",
        "nothing moves in at most 25 % of the steps",
        "at most 10 % of the action values at a bound",
        "no near-duplicate of an earlier episode",
    ]
    assert filter_words(demos) == []


def test_a_viewer_sees_selections_and_makes_none(vera: User, otto: User) -> None:
    demos = make_demos()
    made = create_selection(demos.task, by=otto, name="All", query={})
    client = page_of(vera)
    shown = text_of(client.get(reverse("web:dataset", args=[made.pk])))
    edit = reverse("web:selection_edit", args=[made.pk])
    assert edit not in shown
    new = reverse("web:selection_new", args=[demos.task.slug])
    assert new not in text_of(client.get(reverse("web:task", args=[demos.task.slug])))
    count = reverse("web:selection_count", args=[demos.task.slug])
    for url in (edit, new, count):
        assert client.post(url, FILLED).status_code == 403
    assert page_of(otto).get(count).status_code == 405
    assert Dataset.objects.count() == 2
