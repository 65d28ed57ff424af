"""Words and habits that have no place in the project's files."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KINDS = {".py", ".md", ".html", ".css", ".js", ".toml", ".txt", ".yaml", ".yml", ".cfg", ""}
HERE = Path(__file__).relative_to(ROOT).as_posix()

FORBIDDEN = {
    "pickled files": re.compile(r"^\s*(import|from) (pickle|cloudpickle|joblib|dill)\b"),
    "unsafe checkpoints": re.compile(r"weights_only\s*=\s*False"),
    "a path of somebody's machine": re.compile(r"/(work|home|Users)/[a-z]+/"),
    "a mark left by a merge": re.compile(r"^(<<<<<<<|>>>>>>>) "),
    "another host in a page": re.compile(
        r"""(src|href)=["']https?://(?!127\.|localhost)[^"']*\.(js|css)"""
    ),
}


def tracked_texts() -> list[Path]:
    """Files of the repository, new ones included, that people wrote."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    paths = [ROOT / name for name in listing if name and name != HERE]
    return [path for path in paths if path.suffix in KINDS and path.is_file()]


@pytest.mark.parametrize("habit", FORBIDDEN)
def test_nobody_wrote(habit: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked_texts()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if FORBIDDEN[habit].search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("habit", "line"),
    [
        ("pickled files", "import pickle"),
        ("unsafe checkpoints", "torch.load(path, weights_only=False)"),
        ("a path of somebody's machine", "open('/home/ann/efm/x')"),
        ("a mark left by a merge", "<<<<<<< HEAD"),
        ("another host in a page", '<script src="https://cdn.example.org/x.js">'),
    ],
)
def test_the_patterns_see_what_they_are_for(habit: str, line: str) -> None:
    assert FORBIDDEN[habit].search(line)
