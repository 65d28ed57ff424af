"""The browser reads the very frames that Python packs: one layout, two programs."""

import base64

import pytest

from practice.frames.format import FleetFrame, Outcome, Tile, pack
from tests.browser.people import Door

pytestmark = [pytest.mark.browser, pytest.mark.stack]

READ = """async (packed) => {
  const { unpack } = await import("/static/js/live_format.js");
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const frame = unpack(bytes.buffer);
  for (const tile of frame.tiles) tile.jpeg = [...tile.jpeg];
  return frame;
}"""


def _tile(robot: int, jpeg: bytes, *, near: bool) -> Tile:
    return Tile(
        robot=robot,
        instruction="go to the ring é",
        episode=f"r{robot}-e4",
        step=17,
        distance=12.5,
        spread=3.25,
        detector=False,
        success=None,
        active=True,
        last=Outcome(episode=f"r{robot}-e3", steps=40, detector=True, success=False),
        probs=(0.25, 0.75) if near else None,
        size=192,
        jpeg=jpeg,
    )


FRAME = FleetFrame(
    run=3,
    number=41,
    captured_at=1_700_000_000.25,
    iteration=7,
    robots=128,
    horizon=140,
    threshold=1.0,
    centres=(0.0, 2.8),
    tiles=(_tile(0, b"\xff\xd8first", near=True), _tile(5, b"\xff\xd8second one", near=False)),
)


def test_the_browser_reads_what_python_packs(door: Door) -> None:
    page = door.enter(None, path="/sign-in/").page
    read = page.evaluate(READ, base64.b64encode(pack(FRAME)).decode())
    whole = ("run", "number", "captured_at", "iteration", "robots", "horizon", "threshold")
    assert {name: read[name] for name in whole} == {name: getattr(FRAME, name) for name in whole}
    assert tuple(read["centres"]) == FRAME.centres
    assert len(read["tiles"]) == len(FRAME.tiles)
    for seen, packed in zip(read["tiles"], FRAME.tiles, strict=True):
        assert bytes(seen["jpeg"]) == packed.jpeg
        assert packed.last is not None
        assert seen["last"]["steps"] == packed.last.steps
        assert seen["probs"] == (None if packed.probs is None else list(packed.probs))
        for name in ("robot", "instruction", "episode", "step", "distance", "spread", "success"):
            assert seen[name] == getattr(packed, name)
