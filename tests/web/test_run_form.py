"""Launching a run from the page: presets, defaults from the task, settings that depart."""

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from practice.learning.config import CONFIGS
from practice.models import Checkpoint, Dataset, Run, Task, User
from practice.selectors.workers import crew
from practice.web.forms_run import SHOWN_PRESET, RunForm
from tests.factories import (
    make_checkpoint,
    make_dataset,
    make_demos,
    make_episodes,
    make_run,
    make_task,
    make_worker,
)
from tests.web.paging import page_of, text_of

pytestmark = pytest.mark.django_db


def with_stage_1() -> tuple[Task, Checkpoint, Checkpoint]:
    """A task whose Stage 1 is done: its policy and its reward model."""
    sft = make_run(kind="sft", state="succeeded")
    return sft.task, make_checkpoint(sft), make_checkpoint(sft, kind="reward")


def form_of(task: Task, kind: str, **wanted: Any) -> RunForm:
    """The form as the page first shows it."""
    return RunForm(task=task, kind=kind, team=crew(), wanted=wanted)


def filled(form: RunForm, **changes: Any) -> dict[str, Any]:
    """What a browser sends when a person only presses the button, with `changes`."""
    sent = {SHOWN_PRESET: form.preset_name, "preset": form.preset_name}
    for field in form:
        value = field.value()
        if field.name != "preset" and value is not None and value is not False:
            sent[field.name] = "on" if value is True else value
    return {**sent, **changes}


def launch(person: User, task: Task, kind: str, **changes: Any) -> Any:
    """Send the form of `kind`."""
    url = reverse("web:run_new", args=[task.slug]) + f"?kind={kind}"
    return page_of(person).post(url, filled(form_of(task, kind), **changes))


@pytest.mark.parametrize("kind", Run.Kind.values)
def test_every_setting_has_a_field_with_its_help(kind: str, otto: User) -> None:
    task, _, _ = with_stage_1()
    make_dataset(task)
    url = reverse("web:run_new", args=[task.slug]) + f"?kind={kind}"
    body = page_of(otto).get(url).content.decode()
    facts = CONFIGS[kind].describe()
    assert facts
    for fact in facts:
        assert f'name="set_{fact.name}"' in body, fact.name


def test_pressing_the_button_launches_what_the_preset_says(otto: User) -> None:
    task, policy, reward = with_stage_1()
    response = launch(otto, task, "practice")
    run = Run.objects.get(kind="practice")
    assert response.status_code == 302
    assert response.url == reverse("web:run", args=[run.pk])
    assert (run.policy, run.reward) == (policy, reward)
    preset = form_of(task, "practice").presets[run.preset]
    assert run.config == preset.config.to_json()


def test_stage_1_takes_every_ready_dataset(otto: User) -> None:
    task = make_task()
    ready = [make_demos(task), make_demos(task)]
    make_dataset(task, state=Dataset.State.FAILED)
    make_dataset()
    launch(otto, task, "sft")
    assert set(Run.objects.get().datasets.all()) == set(ready)


def test_stage_1_may_learn_from_approved_practice(otto: User) -> None:
    task = make_task()
    make_demos(task)
    make_episodes(make_run(task), 3, approved=True)
    field = form_of(task, "sft").fields["with_approved"]
    assert field.help_text.startswith("3 practice episodes")
    launch(otto, task, "sft", with_approved="on")
    launch(otto, task, "sft")
    asked = Run.objects.filter(kind="sft").order_by("pk").values_list("with_approved", flat=True)
    assert list(asked) == [True, False]


def test_practice_starts_from_the_newest_stage_1_not_from_practised_policies() -> None:
    task, policy, reward = with_stage_1()
    practised = make_checkpoint(make_run(task))
    assert form_of(task, "practice")["policy"].value() == str(policy.pk)
    assert form_of(task, "practice")["reward"].value() == str(reward.pk)
    assert form_of(task, "evaluation")["policy"].value() == str(practised.pk)
    chosen = form_of(task, "practice", policy=str(practised.pk))
    assert chosen["policy"].value() == str(practised.pk)
    assert form_of(task, "practice", policy="4711")["policy"].value() == str(policy.pk)


def test_a_changed_setting_departs_from_the_preset(otto: User) -> None:
    task, _, _ = with_stage_1()
    launch(otto, task, "practice", set_gamma="0.5", set_carry_optimizer="")
    config = Run.objects.get(kind="practice").config
    assert config["gamma"] == 0.5
    assert config["carry_optimizer"] is False


def test_another_preset_without_a_script_keeps_only_what_was_changed(otto: User) -> None:
    """The settings still show the first preset; they must not be taken for wishes."""
    task, _, _ = with_stage_1()
    launch(otto, task, "practice", preset="fast", set_gamma="0.5")
    run = Run.objects.get(kind="practice")
    fast = form_of(task, "practice").presets["fast"].config.to_json()
    assert run.preset == "fast"
    assert run.config == {**fast, "gamma": 0.5}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"set_gamma": "7"}, "less than or equal to 1"),
        ({"set_iterations": "many"}, "whole number"),
        ({"set_terminate_on": "luck"}, "luck"),
        ({"preset": "nonesuch"}, "nonesuch"),
        ({"policy": "4711"}, "4711"),
    ],
)
def test_a_mistake_is_shown_and_nothing_is_launched(
    change: dict[str, str], said: str, otto: User
) -> None:
    task, _, _ = with_stage_1()
    response = launch(otto, task, "practice", **change)
    assert response.status_code == 200
    assert said in text_of(response)
    assert not Run.objects.filter(kind="practice").exists()


def test_a_refusal_of_the_config_as_a_whole_stands_above_the_form(otto: User) -> None:
    task, _, _ = with_stage_1()
    response = launch(otto, task, "practice", set_returns="window", set_num_robots="7")
    assert response.status_code == 200
    assert "multiple of num_robots" in text_of(response)


def test_a_foundation_model_is_named_or_asked_for(
    otto: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "smolvlm").mkdir()
    (tmp_path / "smolvlm" / "config.json").write_text("{}")
    monkeypatch.setenv("EFM_BASES", str(tmp_path))
    task = make_task(embodiment="language-table-4")
    make_demos(task)
    url = reverse("web:run_new", args=[task.slug]) + "?kind=sft"
    body = page_of(otto).get(url).content.decode()
    assert '<option value="smolvlm">' in body
    assert '"asks": ["set_base"]' in body
    refused = launch(otto, task, "sft", preset="foundation")
    assert "needs base" in text_of(refused)
    launch(otto, task, "sft", preset="foundation", set_base="smolvlm")
    config = Run.objects.get().config
    assert (config["base"], config["trains"]) == ("smolvlm", "all")


def test_devices_are_those_of_workers_that_listen(otto: User) -> None:
    task, _, _ = with_stage_1()
    assert "no worker listens now" in str(form_of(task, "practice")["device_kind"])
    make_worker(device_kind="h100", queues=["gpu", "gpu.h100"], slots=2)
    assert "h100, 2 slots" in str(form_of(task, "practice")["device_kind"])
    launch(otto, task, "practice", device_kind="h100")
    assert Run.objects.get(kind="practice").device_kind == "h100"


@pytest.mark.parametrize(
    ("kind", "said"), [("sft", "Upload a dataset"), ("practice", "Set up Stage 1")]
)
def test_what_has_to_come_first_is_said(kind: str, said: str, otto: User) -> None:
    url = reverse("web:run_new", args=[make_task().slug]) + f"?kind={kind}"
    assert said in text_of(page_of(otto).get(url))


def test_the_likely_kind_is_chosen(otto: User) -> None:
    task = make_task()
    make_dataset(task)
    url = reverse("web:run_new", args=[task.slug])
    assert "Start Stage 1" in text_of(page_of(otto).get(url))
    make_checkpoint(make_run(task, kind="sft", state="succeeded"))
    assert "Start practice" in text_of(page_of(otto).get(url))
