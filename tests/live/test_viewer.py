"""A viewer's slot: the newest frame wins, notes come first, and few are ever under way."""

import asyncio

import pytest

from practice.live.viewer import Viewer


async def test_a_newer_frame_replaces_one_not_yet_sent() -> None:
    viewer = Viewer()
    for number in range(5):
        viewer.offer(3, b"%d" % number)
    assert await viewer.next() == b"4"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(viewer.next(), 0.01)


async def test_no_more_than_the_window_is_under_way() -> None:
    viewer = Viewer(window=2)
    for number in range(2):
        viewer.offer(3, b"%d" % number)
        assert await viewer.next() == b"%d" % number
    viewer.offer(3, b"2")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(viewer.next(), 0.01)
    viewer.seen(1)
    assert await viewer.next() == b"2"


async def test_nobody_can_claim_frames_that_were_not_sent() -> None:
    viewer = Viewer(window=1)
    viewer.seen(1000)
    viewer.offer(3, b"0")
    await viewer.next()
    viewer.offer(3, b"1")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(viewer.next(), 0.01)


async def test_runs_take_turns() -> None:
    viewer = Viewer(window=10)
    viewer.offer(1, b"1a")
    viewer.offer(2, b"2a")
    viewer.offer(1, b"1b")
    assert await viewer.next() == b"1b"
    viewer.offer(1, b"1c")
    assert [await viewer.next(), await viewer.next()] == [b"2a", b"1c"]


async def test_notes_come_first_and_newer_ones_replace_older() -> None:
    viewer = Viewer()
    viewer.offer(1, b"frame")
    viewer.note("status 1", {"frames": "waiting"})
    viewer.note("status 1", {"frames": "live"})
    assert await viewer.next() == {"frames": "live"}
    assert await viewer.next() == b"frame"


async def test_a_run_left_is_forgotten() -> None:
    viewer = Viewer()
    viewer.offer(1, b"frame")
    viewer.forget(1)
    viewer.offer(2, b"other")
    assert await viewer.next() == b"other"
