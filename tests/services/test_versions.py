"""Versions: what a run learned from stays known, whatever is edited afterwards."""

import pytest

from practice.bridge.demonstrations import demonstrations
from practice.errors import ConflictError, ForbiddenError, InvalidError
from practice.models import Dataset, Episode, EpisodeEdit, User
from practice.selectors.membership import EpisodeQuery, members_of
from practice.services.edits import exclude_episodes, reword_episodes, trim_episode, undo_edit
from practice.services.labels import approve_episodes, label_episode
from practice.services.runs import launch_run
from practice.services.selections import change_selection, create_selection
from practice.services.versions import freeze
from tests.factories import make_dataset, make_episodes, make_run, make_task


def demos(count: int = 3) -> tuple[Dataset, list[Episode]]:
    """A ready dataset with so many demonstrations."""
    dataset = make_dataset()
    return dataset, make_episodes(dataset=dataset, count=count)


def test_an_unchanged_dataset_makes_no_second_version(otto: User) -> None:
    dataset, rows = demos()
    first = freeze(dataset, by=otto)
    assert (first.number, first.episodes) == (1, 3)
    assert first.frames == sum(row.length for row in rows)
    assert freeze(dataset, by=otto) == first
    exclude_episodes(rows[:1], by=otto, excluded=True)
    second = freeze(dataset, by=otto)
    assert (second.number, second.episodes) == (2, 2)
    assert first.members.count() == 3  # the old one stays
    exclude_episodes(rows[:1], by=otto, excluded=False)
    assert freeze(dataset, by=otto) == first


def test_a_trim_and_a_new_instruction_are_part_of_a_version(otto: User) -> None:
    dataset, rows = demos(1)
    trim_episode(rows[0], by=otto, first=1, end=3)
    reword_episodes(rows, by=otto, instruction="reach the ring")
    member = freeze(dataset, by=otto).members.get()
    assert (member.first, member.end, member.instruction) == (1, 3, "reach the ring")


def test_failures_and_refused_episodes_are_no_members(otto: User) -> None:
    dataset, rows = demos(4)
    approve_episodes(rows[:1], by=otto, approved=False)
    label_episode(rows[1], by=otto, verdict="failure")
    Episode.objects.filter(pk=rows[2].pk).update(true_success=False)
    assert list(members_of(dataset)) == rows[3:]


def test_an_empty_dataset_cannot_be_frozen(otto: User) -> None:
    with pytest.raises(InvalidError, match="holds no episode"):
        freeze(make_dataset(), by=otto)


def test_a_viewer_cannot_freeze_or_edit(vera: User) -> None:
    dataset, rows = demos(1)
    with pytest.raises(ForbiddenError):
        freeze(dataset, by=vera)
    with pytest.raises(ForbiddenError):
        exclude_episodes(rows, by=vera, excluded=True)


def test_a_run_learns_from_what_was_there_when_it_was_launched(otto: User) -> None:
    dataset, rows = demos(3)
    trim_episode(rows[0], by=otto, first=None, end=2)
    run = launch_run(dataset.task, by=otto, kind="sft", datasets=[dataset])
    exclude_episodes(rows[1:], by=otto, excluded=True)
    trim_episode(rows[0], by=otto, first=None, end=None)
    learned = demonstrations(run)
    assert learned.num_episodes == 3
    assert int(learned.acted.sum()) == 2 + rows[1].length + rows[2].length


def test_approved_practice_becomes_a_version_of_its_own(otto: User) -> None:
    dataset, _ = demos(2)
    practised = make_run(dataset.task)
    rows = make_episodes(practised, 2)
    approve_episodes(rows[:1], by=otto, approved=True)
    run = launch_run(dataset.task, by=otto, kind="sft", datasets=[dataset], with_approved=True)
    assert sorted(v.episodes for v in run.versions.all()) == [1, 2]
    assert demonstrations(run).num_episodes == 3


def test_a_run_launched_before_there_were_versions_gets_them(otto: User) -> None:
    dataset, _ = demos(2)
    run = make_run(dataset.task, kind="sft", datasets=(dataset,))
    assert demonstrations(run).num_episodes == 2
    assert run.versions.get().episodes == 2


def test_a_selection_follows_its_filter(otto: User) -> None:
    dataset, rows = demos(3)
    Episode.objects.filter(pk=rows[0].pk).update(instruction="circle the ring twice")
    picked = create_selection(dataset.task, by=otto, name="Rings", query={"words": "twice"})
    assert list(members_of(picked)) == rows[:1]
    change_selection(picked, by=otto, name="Rings", query={"longest": 1})
    assert not members_of(picked).exists()
    with pytest.raises(ConflictError, match="was imported"):
        change_selection(dataset, by=otto, name="x", query={})


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"colour": "red"}, "no filter 'colour'"),
        ({"kinds": ["evaluation"]}, "cannot select 'evaluation'"),
        ({"longest": "ten"}, "'longest' cannot be 'ten'"),
        ({"runs": ["1; drop"]}, "'runs' cannot be"),
        ({"unapproved": 1}, "'unapproved' cannot be 1"),
        ({"idle": -0.5}, "'idle' cannot be -0.5"),
    ],
)
def test_a_filter_that_nobody_knows_is_refused(query: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        EpisodeQuery.from_json(query)


def test_a_query_comes_back_from_json() -> None:
    query = EpisodeQuery(kinds=("practice",), words="ring", runs=(3,), idle=0.2, duplicates=False)
    assert EpisodeQuery.from_json(query.to_json()) == query
    assert EpisodeQuery().to_json() == {}


def test_an_edit_is_taken_back_newest_first(otto: User) -> None:
    _, rows = demos(1)
    trim_episode(rows[0], by=otto, first=1, end=None, reason="idle start")
    trim_episode(rows[0], by=otto, first=2, end=None)
    newest, oldest = EpisodeEdit.objects.all()
    with pytest.raises(ConflictError, match="later one"):
        undo_edit(oldest, by=otto)
    undo_edit(newest, by=otto)
    undo_edit(oldest, by=otto)
    rows[0].refresh_from_db()
    assert rows[0].span == (0, rows[0].length)


def test_a_trim_leaves_at_least_one_step(otto: User) -> None:
    _, rows = demos(1)
    with pytest.raises(InvalidError, match="cannot be trimmed to 2 to 2"):
        trim_episode(rows[0], by=otto, first=2, end=2)


def test_an_instruction_the_robot_cannot_read_is_refused(otto: User) -> None:
    rows = make_episodes(make_run(make_task(embodiment="language-table-4")), 1)
    with pytest.raises(InvalidError):
        reword_episodes(rows, by=otto, instruction="sing a song")


@pytest.mark.parametrize("text", ["reach\0it", "reach \ud83d"])
def test_a_text_that_no_database_keeps_is_refused(otto: User, text: str) -> None:
    _, rows = demos(1)
    with pytest.raises(InvalidError, match="holds a NUL byte or half a character") as raised:
        reword_episodes(rows, by=otto, instruction=text)
    assert "instruction" in raised.value.fields
    with pytest.raises(InvalidError, match="The reason"):
        exclude_episodes(rows, by=otto, excluded=True, reason=text)
    rows[0].refresh_from_db()
    assert (rows[0].instruction == text, rows[0].excluded) == (False, False)
