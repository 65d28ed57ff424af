"""A dataset's names beside an embodiment's: what is suggested, what is never guessed, and what the mapping does to reading."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from practice.episodes.lerobot_expect import Expectations
from practice.episodes.lerobot_fit import fit
from practice.episodes.lerobot_format import BOOKKEEPING, Feature, Info
from practice.episodes.lerobot_read import read_episodes
from practice.episodes.lerobot_validate import validate_dataset
from tests.episodes.golden import CAMERA, INFO, Golden, add_camera, only_error

STATE, TRUTH, ACTION = "observation.state", "observation.environment_state", "action"
FRONT, WRIST = "observation.images.front", "observation.images.wrist"
NEEDS = {FRONT: (48, 64, 3), STATE: (6,), ACTION: (2,)}
AXES = ["height", "width", "channels"]


def info_of(**features: Feature) -> Info:
    named = {name.replace("__", "."): feature for name, feature in features.items()}
    return Info("arm", 10, 1, 5, 1, {**named, **BOOKKEEPING})


def film(height: int = 48, width: int = 64) -> Feature:
    return Feature("video", (height, width, 3), AXES)


def numbers(size: int) -> Feature:
    return Feature("float32", (size,))


def chosen(info: Info, **options: Any) -> dict[str, str]:
    found = fit(info, Expectations(NEEDS, 10, **options))
    return {choice.feature: choice.chosen for choice in found.choices}


def test_the_same_names_need_no_mapping() -> None:
    info = info_of(
        observation__images__front=film(), observation__state=numbers(6), action=numbers(2)
    )
    found = fit(info, Expectations(NEEDS, 10))
    assert (found.ok, found.mapping, found.rate) == (True, {}, None)
    assert [choice.problem for choice in found.choices] == [None] * 3
    assert [choice.kind for choice in found.choices] == ["camera", "numeric", "numeric"]


def test_the_only_one_of_a_kind_and_shape_is_suggested() -> None:
    info = info_of(image=film(), wrist_image=film(24, 32), state=numbers(6), actions=numbers(2))
    found = fit(info, Expectations(NEEDS, 10))
    assert found.mapping == {FRONT: "image", STATE: "state", ACTION: "actions"}
    assert found.choices[0].candidates == ("image", "wrist_image"), "the same shape comes first"
    assert found.ok


def test_among_several_nothing_is_guessed() -> None:
    info = info_of(
        observation__images__top=film(),
        observation__images__left=film(),
        observation__state=numbers(6),
        action=numbers(2),
    )
    assert chosen(info)[FRONT] == ""
    found = fit(info, Expectations(NEEDS, 10))
    assert not found.ok
    problem = found.choices[0].problem
    assert problem == (
        f"nothing stands for '{FRONT}', which the embodiment needs; choose one of"
        " observation.images.left, observation.images.top"
    )


@pytest.mark.parametrize("name", ["observation.images.Front", "front_cam", "cameras.FRONT_image"])
def test_names_that_differ_in_case_prefix_or_ending_are_the_same(name: str) -> None:
    info = info_of(
        **{name.replace(".", "__"): film()},
        observation__images__left=film(),
        observation__state=numbers(6),
        action=numbers(2),
    )
    assert chosen(info)[FRONT] == name


def test_one_feature_is_not_suggested_twice() -> None:
    needs = {FRONT: (48, 64, 3), WRIST: (48, 64, 3), ACTION: (2,)}
    found = fit(info_of(camera=film(), action=numbers(2)), Expectations(needs, 10))
    assert [choice.chosen for choice in found.choices] == ["", "", ACTION]


def test_an_action_never_stands_for_a_state() -> None:
    info = info_of(observation__images__front=film(), action__six=numbers(6), action=numbers(2))
    found = fit(info, Expectations(NEEDS, 10))
    assert (found.choices[1].chosen, found.choices[1].candidates) == ("", ())


def test_a_choice_of_a_person_is_kept_and_judged() -> None:
    info = info_of(
        observation__images__front=film(),
        observation__images__top=film(96, 128),
        observation__state=numbers(6),
        joints=numbers(7),
        action=numbers(2),
    )
    mapping = {FRONT: "observation.images.top", STATE: "joints"}
    found = fit(info, Expectations(NEEDS, 20, mapping=mapping))
    assert found.mapping == mapping
    assert found.choices[0].note == (
        "camera 'observation.images.top' of 96 x 128 pixels is resized to 48 x 64"
    )
    assert found.choices[1].problem == (f"joints has shape (7,); the embodiment's {STATE} has (6,)")
    assert found.rate == "fps is 10; the embodiment is controlled at 20 per second"
    assert not found.ok


def test_another_rate_may_be_allowed() -> None:
    info = info_of(
        observation__images__front=film(), observation__state=numbers(6), action=numbers(2)
    )
    found = fit(info, Expectations(NEEDS, 20, any_rate=True))
    assert found.ok
    assert found.rate == (
        "fps is 10; the embodiment is controlled at 20 per second,"
        " so it moves 2 times as fast as was recorded"
    )


def test_what_may_be_lacking_is_left_out_and_never_guessed() -> None:
    info = info_of(
        observation__images__front=film(),
        observation__state=numbers(6),
        force=numbers(4),
        action=numbers(2),
    )
    expect = Expectations({**NEEDS, TRUTH: (4,)}, 10, frozenset({TRUTH}))
    found = fit(info, expect)
    assert (found.choices[3].chosen, found.choices[3].problem) == ("", None)
    assert found.choices[3].candidates[0] == "force"
    assert found.mapping == {TRUTH: ""}
    assert found.ok
    wrong = info_of(
        observation__images__front=film(),
        observation__state=numbers(6),
        observation__environment_state=numbers(5),
        action=numbers(2),
    )
    odd = fit(wrong, expect)
    assert odd.ok
    assert "so it is left out" in str(odd.choices[3].note)


def renamed(tmp_path: Path) -> Path:
    """The golden dataset with a camera, every feature by another name."""
    shades = np.arange(20, dtype=np.uint8)[:, None, None, None]
    golden = add_camera(Golden(), np.broadcast_to(shades, (20, 6, 8, 3)), name="image")
    for old, new in {STATE: "state", ACTION: "actions"}.items():
        golden.info["features"][new] = golden.info["features"].pop(old)
        golden.types[new], golden.data[new] = golden.types.pop(old), golden.data.pop(old)
    return golden.write(tmp_path)


def test_episodes_come_under_the_embodiments_names(tmp_path: Path) -> None:
    root, golden = renamed(tmp_path), Golden()
    expect = Expectations(
        {CAMERA: (3, 4, 3), STATE: (3,), ACTION: (2,), TRUTH: (4,)},
        20,
        frozenset({TRUTH}),
        mapping={CAMERA: "image", STATE: "state", ACTION: "actions", TRUTH: ""},
        any_rate=True,
    )
    report = validate_dataset(root, expect=expect)
    assert report.totals.kept_episodes == 5
    assert [f.severity for f in report.findings] == ["info", "info", "warning"]
    read = list(read_episodes(root, report, expect=expect))
    assert {*read[2].observation} == {CAMERA, STATE}
    np.testing.assert_array_equal(read[2].action, golden.data[ACTION][7:13])
    np.testing.assert_array_equal(read[2].observation[STATE][:-1], golden.data[STATE][7:13])
    assert read[2].observation[CAMERA][:, 0, 0, 0].tolist() == [*range(7, 13), 12]
    assert read[2].observation[CAMERA].shape == (7, 3, 4, 3)


def test_a_mapped_state_must_be_finite(tmp_path: Path) -> None:
    golden = Golden()
    golden.info["features"]["joints"] = golden.info["features"].pop(STATE)
    golden.types["joints"] = golden.types.pop(STATE)
    golden.data["joints"] = golden.data.pop(STATE)
    golden.data["joints"][9] = [0.0, float("inf"), 0.0]
    expect = Expectations({STATE: (3,), ACTION: (2,)}, 10, mapping={STATE: "joints"})
    report = validate_dataset(golden.write(tmp_path), expect=expect)
    assert report.episodes[2].reasons == ("frame 2: joints[1] is inf",)


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ({STATE: "nowhere"}, f"has no numeric feature 'nowhere', to which '{STATE}' is mapped"),
        ({STATE: ""}, f"'{STATE}' is mapped to nothing"),
        ({"arm": STATE}, "the mapping names 'arm', which the embodiment does not have"),
    ],
)
def test_a_mapping_that_cannot_be(tmp_path: Path, mapping: dict[str, str], reason: str) -> None:
    expect = Expectations({STATE: (3,), ACTION: (2,)}, 10, mapping=mapping)
    found = only_error(validate_dataset(Golden().write(tmp_path), expect=expect))
    assert found == (INFO, reason)


def test_names_of_others_are_no_dataset_without_a_mapping(tmp_path: Path) -> None:
    root = renamed(tmp_path)
    reasons = [f.reason for f in validate_dataset(root).findings if f.severity == "error"]
    assert reasons == [
        "features has no numeric 'action'",
        "features has no 'observation.'* of numbers or RGB pictures",
    ]
