"""Films: drawn in a process of their own, which survives bad orders and is replaced when it is gone."""

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from practice.episodes.recorder import write_shard
from practice.frames import film
from practice.frames.film import FilmError, FilmMaker, Order
from tests.examples import recorded


@pytest.fixture
def maker() -> Iterator[FilmMaker]:
    maker = FilmMaker()
    yield maker
    maker.close()


@pytest.fixture
def order(tmp_path: Path) -> Order:
    [place] = write_shard(tmp_path / "s.parquet", [recorded("r0-e0")])
    return Order("point-mass", str(tmp_path / "s.parquet"), 0, place.rows, 10.0, 64)


def frames_of(content: bytes) -> tuple[list[NDArray[np.uint8]], Fraction]:
    with av.open(BytesIO(content), "r") as video:
        rate = video.streams.video[0].average_rate
        assert rate is not None
        frames = [np.array(f.to_ndarray(format="rgb24"), np.uint8) for f in video.decode(video=0)]
        return frames, rate


def test_the_process_draws_what_this_one_would(maker: FilmMaker, order: Order) -> None:
    content = maker.film(order)
    assert content == film.draw(order)
    frames, rate = frames_of(content)
    assert (len(frames), frames[0].shape, float(rate)) == (order.rows, (64, 64, 3), 10.0)


def test_a_bad_order_is_refused_and_the_next_one_drawn(maker: FilmMaker, order: Order) -> None:
    with pytest.raises(FilmError, match="is missing"):
        maker.film(Order("point-mass", "/nowhere.parquet", 0, 3, 10.0, 64))
    with pytest.raises(FilmError, match="Unknown embodiment 'kite'"):
        maker.film(Order("kite", order.shard, 0, order.rows, 10.0, 64))
    assert maker.film(order)


def test_a_process_that_died_is_replaced(maker: FilmMaker, order: Order) -> None:
    first = maker.film(order)
    assert maker._process is not None
    maker._process.kill()
    assert maker.film(order) == first


def test_a_process_that_cannot_work_is_said(
    maker: FilmMaker, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(FilmError, match="the process that draws films failed"):
        maker.film(order)


def test_of_a_long_episode_frames_are_left_out_at_the_same_pace(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film, "MAX_FRAMES", 5)
    frames, rate = frames_of(film.draw(order))
    every = -(-order.rows // 5)
    assert len(frames) == -(-order.rows // every) <= 5
    assert rate == Fraction(10, every)
