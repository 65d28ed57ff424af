"""Files of at most 300 lines, functions of at most 40. The allow-list may only shrink."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("efmweb", "practice", "models_store", "tests")
LONGEST_FILE = 300
LONGEST_FUNCTION = 40

ALLOWED: dict[str, int] = {}
"""What is too long today: "path" or "path::function" -> its lines. Remove, never add."""


def sources() -> list[Path]:
    """Our Python files; migrations are written by Django."""
    found = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def too_long(path: Path) -> Iterator[tuple[str, int]]:
    """(name, lines) of the file and of its functions that exceed their limit."""
    text = path.read_text()
    name = path.relative_to(ROOT).as_posix()
    lines = len(text.splitlines())
    if lines > LONGEST_FILE:
        yield name, lines
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{name}::{node.name}", length


@cache
def all_too_long() -> dict[str, int]:
    """Name -> lines, of everything."""
    return dict(entry for path in sources() for entry in too_long(path))


def test_nothing_is_too_long() -> None:
    found = all_too_long()
    grown = {name: lines for name, lines in found.items() if lines > ALLOWED.get(name, 0)}
    assert grown == {}


def test_the_allow_list_only_shrinks() -> None:
    found = all_too_long()
    assert {name: lines for name, lines in ALLOWED.items() if found.get(name) != lines} == {}


def test_the_measure_sees_what_is_too_long(tmp_path: Path) -> None:
    path = ROOT / "var" / tmp_path.name / "long.py"
    path.parent.mkdir(parents=True)
    path.write_text("def f():\n" + "    x = 1\n" * LONGEST_FILE)
    found = dict(too_long(path))
    path.unlink()
    path.parent.rmdir()
    assert sorted(found.values()) == [LONGEST_FILE + 1, LONGEST_FILE + 1]
