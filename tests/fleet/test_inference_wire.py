"""Questions between hosts: what is packed comes out again, and nobody's bytes are believed."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from models_store.errors import LearningError
from practice.fleet.inference.answers import Answer, BusyError, LateError, SupersededError
from practice.fleet.inference.features import features_of
from practice.fleet.inference.wire import (
    LONGEST_HEADER,
    Asked,
    answer_in,
    longest,
    pack,
    refused,
    told,
    unpack,
)
from tests.fleet.asking import SPEC, STATE, TEXT, TOP, sight

FEATURES = features_of(SPEC)
ASKED = Asked(7, "left arm", 3, TEXT, 0.08, sight(0))


def changed(part: int = 0, **header: Any) -> bytes:
    """A packed question whose header says something else; `size`, `form` and `name` are of one part."""
    message = pack(ASKED)
    (length,) = struct.unpack_from("<I", message)
    said = json.loads(message[4 : 4 + length])
    for key in ("bytes", "form", "name"):
        if key in header:
            said["parts"][part][key] = header.pop(key)
    text = json.dumps(said | header).encode()
    return struct.pack("<I", len(text)) + text + message[4 + length :]


def test_a_question_comes_out_as_it_went_in() -> None:
    found = unpack(pack(ASKED), FEATURES)
    assert found.deadline_s == pytest.approx(0.08)
    assert (found.number, found.robot, found.episode, found.instruction) == (7, "left arm", 3, TEXT)
    for name, values in ASKED.observation.items():
        np.testing.assert_array_equal(found.observation[name], values)
        assert found.observation[name].dtype == values.dtype
    assert len(pack(ASKED)) < longest(FEATURES)


def test_pictures_may_go_as_jpeg() -> None:
    smooth = np.broadcast_to(np.arange(24, dtype=np.uint8)[None, :, None] * 8, (16, 24, 3))
    asked = replace(ASKED, observation=ASKED.observation | {TOP: smooth})
    found = unpack(pack(asked, jpeg_quality=95), FEATURES).observation[TOP]
    assert found.shape == (16, 24, 3)
    assert np.abs(found.astype(int) - smooth).mean() < 4
    np.testing.assert_array_equal(
        unpack(pack(asked, jpeg_quality=95), FEATURES).observation[STATE], asked.observation[STATE]
    )


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (b"", "fits the message of 0"),
        (b"\xff\xff\xff\xff" + b"{}" * 40, "at most 16384 bytes"),
        (struct.pack("<I", 2) + b"no", "JSON object of version 1"),
        (struct.pack("<I", 9_000) + b"[" * 9_000, "JSON object of version 1"),
        (changed(version=2), "JSON object of version 1"),
        (changed(more=1), "JSON object of version 1"),
        (changed(number=-1), "number must be a whole number"),
        (changed(number=True), "number must be a whole number"),
        (changed(episode=1.5), "episode must be a whole number"),
        (changed(robot=""), "robot must be printable text"),
        (changed(robot="x" * 81), "robot must be printable text of 1 to 80"),
        (changed(robot="a\nb"), "robot must be printable"),
        (changed(instruction=None), "instruction must be printable"),
        (changed(deadline_ms=0), "deadline_ms must lie above 0"),
        (changed(deadline_ms=float("nan")), "deadline_ms must lie above 0"),
        (changed(deadline_ms="soon"), "deadline_ms must lie above 0"),
        (changed(deadline_ms=1e9), "at most at 60000"),
        (changed(deadline_ms=10**400), "at most at 60000"),
        (changed(parts={}), "at most 2 parts"),
        (changed(parts=[{}, {}]), "A part is"),
        (changed(parts=[{}] * 3), "at most 2 parts"),
        (changed(bytes=10**9), "were announced"),
        (changed(bytes=-4), "A part is"),
        (changed(bytes=4), "4 bytes came"),
        (changed(form="pickle"), "A part is"),
        (changed(name="observation.truth"), "read by nobody"),
        (changed(1, name=TOP), "or twice"),
        (changed(form="jpeg"), "no JPEG that can be read"),
        (changed(1, form="jpeg"), "is no picture"),
        (pack(ASKED) + b"x", "were announced|was announced"),
        (pack(ASKED)[:-1], "7 bytes and 8 were announced"),
    ],
)
def test_what_is_no_question_is_refused_with_a_sentence(message: bytes, sentence: str) -> None:
    with pytest.raises(LearningError, match=sentence):
        unpack(message, FEATURES)


@given(data=st.data(), jpeg=st.booleans())
def test_no_bytes_do_more_than_be_refused(data: st.DataObject, jpeg: bool) -> None:
    """Any byte of a good question changed, left out or doubled: it is read, or refused with a sentence."""
    message = bytearray(pack(ASKED, jpeg_quality=80 if jpeg else None))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(message) - 1))
        length = data.draw(st.integers(0, 8))
        message[place : place + length] = data.draw(st.binary(max_size=8))
    try:
        found = unpack(bytes(message), FEATURES)
    except LearningError:
        return
    shapes = {name: values.shape for name, values in found.observation.items()}
    assert all(FEATURES[name].shape == shape for name, shape in shapes.items())


def test_a_jpeg_of_a_subsampling_without_a_name_is_refused() -> None:
    """The decoder fails on it with another error than on a broken picture."""
    made = bytearray(simplejpeg.encode_jpeg(np.zeros((16, 24, 3), dtype=np.uint8), quality=80))
    made[made.find(b"\xff\xc0") + 11] = 0x14
    message = changed(parts=[{"name": TOP, "form": "jpeg", "bytes": len(made)}])
    (length,) = struct.unpack_from("<I", message)
    with pytest.raises(LearningError, match="no JPEG that can be read"):
        unpack(message[: 4 + length] + bytes(made), FEATURES)


def test_a_jpeg_is_measured_before_it_is_unpacked() -> None:
    """A few kilobytes may unfold to gigabytes."""
    large = simplejpeg.encode_jpeg(np.zeros((2_000, 2_000, 3), dtype=np.uint8), quality=10)
    parts = [{"name": TOP, "form": "jpeg", "bytes": len(large)}]
    message = changed(parts=parts)
    (length,) = struct.unpack_from("<I", message)
    with pytest.raises(LearningError, match="a JPEG of 2000 x 2000 came"):
        unpack(message[: 4 + length] + large, FEATURES)


def test_an_answer_survives_json_to_the_bit() -> None:
    action = np.random.default_rng(0).standard_normal(7).astype(np.float32)
    answer = Answer(action, -3.25, 4.5, False, "table@0123")
    found = answer_in(json.loads(json.dumps(told(7, answer))))
    np.testing.assert_array_equal(found.action, action)
    assert (found.log_prob, found.distance, found.done, found.policy) == (
        -3.25,
        4.5,
        False,
        "table@0123",
    )


@pytest.mark.parametrize("error", [LateError("x"), SupersededError("x"), BusyError("x", 0.5)])
def test_a_refusal_is_the_same_error_on_the_other_side(error: LearningError) -> None:
    with pytest.raises(type(error)) as caught:
        answer_in(json.loads(json.dumps(refused(7, error))))
    assert getattr(caught.value, "seconds", None) == getattr(error, "seconds", None)


def test_a_header_has_room_for_every_feature() -> None:
    assert (
        len(pack(replace(ASKED, instruction="x" * 500)))
        - sum(feature.size for feature in FEATURES.values())
        < LONGEST_HEADER
    )
