"""Quality on pages: the panel of a dataset, facts of an episode, filters of the list."""

import pytest
from django.urls import reverse

from practice.models import Dataset, Episode, User
from practice.selectors.quality import quality_view
from practice.services.quality import judge_dataset
from practice.services.selections import create_selection
from tests.factories import make_dataset, make_demos, make_episodes
from tests.services.test_quality import mixed
from tests.web.paging import assert_flat, page_of, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def judged() -> tuple[Dataset, list[Episode]]:
    """A measured dataset with a duplicate (11th), an odd length (12th) and a saturated episode (13th)."""
    dataset, rows = mixed()
    judge_dataset(dataset)
    return dataset, list(Episode.objects.filter(pk__in=[row.pk for row in rows]).order_by("pk"))


def test_what_stands_out_is_named_with_reasons(judged: tuple[Dataset, list[Episode]]) -> None:
    dataset, rows = judged
    view = quality_view(dataset.episodes.all())
    assert (view.total, view.measured, view.odd) == (13, 13, 2)
    reasons = {oddity.uid: " ".join(oddity.reasons) for oddity in view.oddities}
    assert "400 steps long" in reasons["long"]
    assert "commands are at a bound" in reasons["hard"]
    assert [(group.first, group.others) for group in view.twins] == [(rows[2].pk, (rows[10].pk,))]
    assert [spread.name for spread in view.spreads] == ["Length", "Idle", "At a bound", "Jerk"]
    assert all(sum(spread.counts) == 13 for spread in view.spreads)
    assert view.covered is not None


def test_the_panel_shows_it(vera: User, judged: tuple[Dataset, list[Episode]]) -> None:
    dataset, rows = judged
    page = text_of(page_of(vera).get(reverse("web:dataset", args=[dataset.pk])))
    assert "13 episodes measured" in page
    assert "400 steps long, the median is" in page
    assert f'/episodes/{rows[11].pk}/?dataset={dataset.pk}"' in page
    assert "again as" in page
    assert "by their first two principal components" in page


def test_a_selection_shows_the_quality_of_what_it_takes(
    vera: User, otto: User, judged: tuple[Dataset, list[Episode]]
) -> None:
    dataset, rows = judged
    selection = create_selection(dataset.task, by=otto, name="Short", query={"longest": 100})
    page = text_of(page_of(vera).get(reverse("web:dataset", args=[selection.pk])))
    assert "12 episodes measured" in page
    assert "400 steps long" not in page
    assert f'/episodes/{rows[12].pk}/?dataset={selection.pk}"' in page
    assert "are told within one import" in page
    assert "principal components" not in page


def test_a_dataset_that_nobody_measured_says_what_to_do(vera: User) -> None:
    page = text_of(page_of(vera).get(reverse("web:dataset", args=[make_demos().pk])))
    assert "Not measured yet" in page
    assert "manage.py judge_quality" in page


def test_few_measured_episodes_draw_without_comparison(vera: User) -> None:
    dataset = make_dataset()
    make_episodes(dataset=dataset, count=2)
    judge_dataset(dataset)
    page = text_of(page_of(vera).get(reverse("web:dataset", args=[dataset.pk])))
    assert "No episode stands out" in page
    assert "Too few episodes to tell" in page
    assert "no episode repeats another" in page


def test_the_page_of_a_large_set_asks_no_more(
    vera: User, judged: tuple[Dataset, list[Episode]]
) -> None:
    dataset, _ = judged

    def grow() -> None:
        make_episodes(dataset=dataset, count=5)
        judge_dataset(dataset)

    assert_flat(page_of(vera), reverse("web:dataset", args=[dataset.pk]), grow)


def test_an_episode_shows_its_quality(vera: User, judged: tuple[Dataset, list[Episode]]) -> None:
    _, rows = judged
    page = text_of(page_of(vera).get(reverse("web:episode", args=[rows[10].pk])))
    assert "of the action values" in page
    assert f"episode {rows[2].pk}</a>" in page
    fresh = make_episodes(count=1)[0]
    assert "not measured yet" in text_of(page_of(vera).get(f"/episodes/{fresh.pk}/"))


@pytest.mark.parametrize(
    ("query", "places"),
    [("odd=duplicate", [10]), ("odd=length", [11]), ("clipped=50", [12]), ("idle=50", [])],
)
def test_the_list_is_filtered(
    vera: User, judged: tuple[Dataset, list[Episode]], query: str, places: list[int]
) -> None:
    _, rows = judged
    make_episodes(count=2)  # unmeasured
    page = page_of(vera).get(f"/episodes/?{query}")
    assert {row.pk for row in page.context["page"]} == {rows[place].pk for place in places}
    strange = page_of(vera).get("/episodes/?odd=x&idle=x")
    assert len(strange.context["page"]) == 15


def test_what_all_do_does_not_stand_out() -> None:
    dataset, rows = mixed()
    judge_dataset(dataset)
    for row in Episode.objects.filter(pk__in=[row.pk for row in rows]):
        row.quality |= {"clipped_share": 0.4, "odd_length": False, "length_z": 0.0, "jerk": None}
        row.save(update_fields=["quality"])
    assert quality_view(dataset.episodes.all()).odd == 0


def test_a_long_rest_is_a_moment_of_the_replay(vera: User) -> None:
    episode = make_episodes(count=1, quality={"idle_first": 3, "idle_end": 9})[0]
    url = reverse("web:episode_replay", args=[episode.pk])
    moments = page_of(vera).get(url).json()["moments"]
    assert {"step": 3, "name": "rests until 9"} in moments
    Episode.objects.filter(pk=episode.pk).update(quality={"idle_first": 3, "idle_end": 5})
    assert "rests" not in page_of(vera).get(url).content.decode()
