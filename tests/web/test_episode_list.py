"""The list of episodes: its order, its filters, and what a row says."""

import pytest

from practice.models import Episode, User
from tests.factories import make_dataset, make_episodes, make_run, make_task
from tests.web.test_episodes import listed, signed_in, with_doubts

pytestmark = pytest.mark.django_db


def test_the_most_doubtful_stands_first_and_ties_go_by_newest(vera: User) -> None:
    a, b, c, d = with_doubts(0.5, 0.9, 0.5, 0.1)
    client = signed_in(vera)
    assert listed(client) == [b.pk, c.pk, a.pk, d.pk]
    assert listed(client, "?order=new") == [d.pk, c.pk, b.pk, a.pk]
    assert listed(client, "?order=long") == [d.pk, c.pk, b.pk, a.pk]


def test_far_puts_episodes_without_d_last(vera: User) -> None:
    a, b, c = with_doubts(0, 0, 0)
    for episode, d_end in ((a, 3.0), (b, None), (c, 11.0)):
        Episode.objects.filter(pk=episode.pk).update(d_end=d_end)
    assert listed(signed_in(vera), "?order=far") == [c.pk, a.pk, b.pk]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("verdict=success", {0}),
        ("verdict=none", {1, 2, 3}),
        ("approved=yes", {1}),
        ("approved=no", {2}),
        ("approved=open", {0, 3}),
        ("ended_by=horizon", {3}),
        ("truth=disagree", {2}),
        ("outcome=success", {0, 1, 3}),
        ("outcome=failure", {2}),
        ("outcome=unknown", set()),
        ("outcome=perhaps", {0, 1, 2, 3}),
        ("words=THE+RING", {0, 2, 3}),
        ("words=blue+%25", {1}),
        ("words=%00blue", {1}),
        ("shortest=13", {1, 2, 3}),
        ("longest=13", {0, 1}),
        ("shortest=13&longest=13&words=blue", {1}),
        ("shortest=-1&longest=1e3", {0, 1, 2, 3}),
        ("kind=practice&verdict=none&approved=open", {3}),
        ("kind=nonsense&verdict=maybe&run=x&dataset=-1&order=up", {0, 1, 2, 3}),
        ("run=99999999999999999999999", {0, 1, 2, 3}),
        ("task=nowhere", set()),
    ],
)
def test_filters(vera: User, query: str, expected: set[int]) -> None:
    rows = make_episodes(count=4)
    Episode.objects.update(detector_success=True, true_success=True, ended_by="detector")
    Episode.objects.filter(pk=rows[0].pk).update(verdict="success")
    Episode.objects.filter(pk=rows[1].pk).update(approved=True, instruction="30 % Blue % left")
    Episode.objects.filter(pk=rows[2].pk).update(approved=False, true_success=False)
    Episode.objects.filter(pk=rows[3].pk).update(ended_by="horizon", true_success=None)
    assert set(listed(signed_in(vera), f"?{query}")) == {rows[i].pk for i in expected}


def test_the_list_shows_length_instruction_outcome_and_quality(vera: User) -> None:
    told, silent = make_episodes(count=2, length=25)
    quality = {"idle_share": 0.31, "clipped_share": 0.4, "odd_length": True, "duplicate_of": 7}
    Episode.objects.filter(pk=told.pk).update(
        instruction="push <it>", quality=quality, true_success=False, detector_success=True
    )
    Episode.objects.filter(pk=silent.pk).update(true_success=None, detector_success=None)
    page = signed_in(vera).get("/episodes/?order=new").content.decode()
    rows = [" ".join(row.split()) for row in page.split("<tr ")[1:]]
    for part in ("2.5", "push &lt;it&gt;", "failure", "detector: success", "31", "repeats 7"):
        assert part in rows[1], part
    for part in ("detector:", "idle", "odd length"):
        assert part not in rows[0], part


def test_a_selection_begins_with_the_lists_filter(otto: User) -> None:
    task = make_task()
    url = f"/tasks/{task.slug}/selections/new/?words=blue&shortest=5&longest=90"
    page = signed_in(otto).get(url).content.decode()
    for value in ("blue", "5", "90"):
        assert f'value="{value}"' in page


def test_filters_by_run_and_dataset(vera: User) -> None:
    task = make_task()
    dataset = make_dataset(task)
    demos = make_episodes(dataset=dataset, count=2)
    runs = [make_run(task), make_run(task)]
    practised = [make_episodes(run, 1)[0] for run in runs]
    client = signed_in(vera)
    assert set(listed(client, f"?dataset={dataset.pk}")) == {e.pk for e in demos}
    assert listed(client, f"?run={runs[1].pk}") == [practised[1].pk]
    assert set(listed(client, f"?task={task.slug}&kind=demonstration")) == {e.pk for e in demos}


def test_rows_carry_the_filter_along(vera: User) -> None:
    episode = make_episodes(count=1)[0]
    page = signed_in(vera).get("/episodes/?verdict=none&order=new").content.decode()
    assert f'data-href="/episodes/{episode.pk}/?verdict=none&amp;order=new"' in page
