"""What is packed comes back, and nothing else is taken for a frame."""

import json
import math
import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practice.frames.format import FleetFrame, FrameError, Outcome, Tile, captured_at, pack, unpack

steps_to_go = st.none() | st.integers(0, 20_000).map(lambda hundredths: hundredths / 100)
known = st.none() | st.booleans()
outcomes = st.none() | st.builds(
    Outcome,
    episode=st.text(max_size=20),
    steps=st.integers(0, 10**6),
    detector=known,
    success=known,
)
tiles = st.builds(
    Tile,
    robot=st.integers(0, 1000),
    instruction=st.text(max_size=60),
    episode=st.text(max_size=20),
    step=st.integers(0, 10**6),
    distance=steps_to_go,
    spread=steps_to_go,
    detector=known,
    success=known,
    active=st.booleans(),
    last=outcomes,
    probs=st.none() | st.just((0.25, 0.5, 0.25)),
    size=st.integers(1, 1024),
    jpeg=st.binary(max_size=300),
)
frames = st.builds(
    FleetFrame,
    run=st.integers(1, 10**9),
    number=st.integers(0, 10**9),
    captured_at=st.floats(0, 4e9),
    iteration=st.integers(0, 10**6),
    robots=st.integers(0, 1000),
    horizon=st.integers(1, 10**5),
    threshold=st.none() | st.just(2.5),
    centres=st.none() | st.just((0.5, 1.5, 2.5)),
    tiles=st.lists(tiles, max_size=6).map(tuple),
)


@settings(max_examples=40, deadline=None)
@given(frames)
def test_what_is_packed_comes_back(frame: FleetFrame) -> None:
    message = pack(frame)
    assert unpack(message) == frame
    assert captured_at(message) == frame.captured_at


@settings(max_examples=40, deadline=None)
@given(frames, st.data())
def test_a_message_cut_short_is_refused(frame: FleetFrame, data: st.DataObject) -> None:
    message = pack(frame)
    kept = data.draw(st.integers(0, len(message) - 1))
    with pytest.raises(FrameError):
        unpack(message[:kept])


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_other_bytes_are_refused(message: bytes) -> None:
    with pytest.raises(FrameError):
        unpack(message)


def test_a_message_that_is_too_long_is_refused(frame: FleetFrame) -> None:
    with pytest.raises(FrameError, match="announced"):
        unpack(pack(frame) + b"x")


def test_another_version_is_named(frame: FleetFrame) -> None:
    header = json.dumps({"version": 99}).encode()
    with pytest.raises(FrameError, match="version 99"):
        unpack(struct.pack("<I", len(header)) + header)


def test_numbers_that_are_not_finite_travel_as_null(frame: FleetFrame) -> None:
    odd = replace(frame.tiles[0], distance=math.nan, spread=math.inf)
    tile = unpack(pack(replace(frame, tiles=(odd,)))).tiles[0]
    assert (tile.distance, tile.spread) == (None, None)


@pytest.fixture
def frame() -> FleetFrame:
    """One robot."""
    tile = Tile(0, "go", "r0-e0", 3, 8.5, 1.25, False, None, True, None, None, 8, b"jpeg")
    return FleetFrame(3, 1, 12.5, 0, 1, 140, 2.0, None, (tile,))
