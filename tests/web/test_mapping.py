"""The panel that maps a dataset's features to the robot's, and the one that rewords instructions."""

import pytest
from django.urls import reverse

from practice.models import Dataset, User
from tests.examples import dataset_report
from tests.factories import make_dataset, make_demos
from tests.web.paging import page_of, text_of

pytestmark = pytest.mark.django_db

FEATURES = {
    "observation.pose": {
        "dtype": "float32",
        "shape": [6],
        "names": ["x", "y", "vx", "vy", "a", "b"],
    },
    "observation.other": {"dtype": "float32", "shape": [4], "names": None},
    "action": {"dtype": "float32", "shape": [2], "names": ["ax", "ay"]},
}


def waiting(fps: int = 10) -> Dataset:
    """A dataset whose state has another name."""
    report = {**dataset_report(), "features": FEATURES, "fps": fps, "findings": [], "episodes": []}
    return make_dataset(state=Dataset.State.MAPPING, report=report, episodes_kept=0)


def test_the_robots_features_stand_beside_the_datasets(otto: User) -> None:
    dataset = waiting()
    shown = page_of(otto).get(reverse("web:dataset", args=[dataset.pk])).content.decode()
    assert "Which feature is which" in shown
    assert '<option value="observation.pose" selected' in " ".join(shown.split())
    assert "x, y, vx, vy, a, b" in shown
    assert "Import with this mapping" in shown


def test_a_choice_is_looked_at_before_it_is_made(otto: User) -> None:
    dataset = waiting(fps=30)
    url = reverse("web:dataset_mapping_check", args=[dataset.pk])
    page = page_of(otto)
    response = page.post(url, {"feature:observation.state": "observation.other"})
    assert "observation.other has shape (4,)" in text_of(response)
    assert "disabled" in response.content.decode()
    response = page.post(url, {"feature:observation.state": "observation.pose", "any_rate": "on"})
    assert "disabled" not in response.content.decode()
    dataset.refresh_from_db()
    assert (dataset.state, dataset.mapping) == ("mapping", {})


def test_the_form_lets_the_import_go_on(otto: User) -> None:
    dataset = waiting(fps=30)
    url = reverse("web:dataset_mapping", args=[dataset.pk])
    page = page_of(otto)
    page.post(url, {"feature:observation.state": "observation.pose"})
    dataset.refresh_from_db()
    assert dataset.state == "mapping", "The rate was not accepted."
    page.post(url, {"feature:observation.state": "observation.pose", "any_rate": "on"})
    dataset.refresh_from_db()
    assert (dataset.state, dataset.accept_rate) == ("queued", True)
    assert dataset.mapping["observation.state"] == "observation.pose"
    assert page.post(reverse("web:dataset_mapping_check", args=[dataset.pk])).status_code == 409


def test_viewers_see_that_it_waits_and_change_nothing(vera: User) -> None:
    dataset = waiting()
    page = page_of(vera)
    shown = text_of(page.get(reverse("web:dataset", args=[dataset.pk])))
    assert "needs mapping" in shown
    assert "Import with this mapping" not in shown
    for name in ("dataset_mapping", "dataset_mapping_check", "dataset_reword"):
        assert page.post(reverse(f"web:{name}", args=[dataset.pk])).status_code == 403


def test_one_instruction_is_reworded_for_all_its_episodes(otto: User) -> None:
    dataset = make_demos(count=3)
    old = dataset.episodes.first()
    assert old is not None
    page = page_of(otto)
    detail = reverse("web:dataset", args=[dataset.pk])
    assert "Reword 3 episodes" in text_of(page.get(detail))
    url = reverse("web:dataset_reword", args=[dataset.pk])
    page.post(url, {"instruction": old.instruction, "to": "  roll to the ring "})
    assert {e.instruction for e in dataset.episodes.all()} == {"roll to the ring"}
    edit = old.edits.get()
    assert (edit.before, edit.by) == ({"instruction": old.instruction}, otto)
    page.post(reverse("web:edit_undo", args=[edit.pk]))
    assert dataset.episodes.filter(instruction=old.instruction).count() == 1


def test_an_instruction_that_is_not_there_is_named(otto: User) -> None:
    dataset = make_demos()
    detail = reverse("web:dataset", args=[dataset.pk])
    url = reverse("web:dataset_reword", args=[dataset.pk])
    page = page_of(otto)
    page.post(
        url, {"instruction": "fly", "to": "roll"}, headers={"Referer": f"http://testserver{detail}"}
    )
    assert "No episode of" in text_of(page.get(detail))
