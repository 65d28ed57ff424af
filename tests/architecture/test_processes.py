"""What a process loads: no torch on the web, no Django in the core."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = (
    *("models_store", "practice.embodiments", "practice.episodes"),
    *("practice.fleet", "practice.learning"),
)
WITHOUT = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {refused!r}:
            raise ImportError("refused: " + name)
sys.meta_path.insert(0, Refuse())
"""


def run(code: str) -> None:
    """Run `code` in an interpreter of its own; fails with what it said."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_web_process_loads_no_torch() -> None:
    script = WITHOUT.format(refused=["torch", "transformers", "mujoco"])
    script += (
        "import efmweb.asgi; from django.urls import get_resolver; get_resolver().url_patterns"
    )
    run(script)


def test_facts_and_goals_of_every_robot_need_no_simulator() -> None:
    """Pages list embodiments and forms check instructions; both happen in the web process."""
    script = WITHOUT.format(refused=["torch", "transformers", "mujoco", "OpenGL"])
    script += (
        "from practice.embodiments.registry import embodiment, embodiments\n"
        "for spec in embodiments():\n"
        "    robot = embodiment(spec.id)\n"
        "    robot.action_limits({})\n"
        "    for text in spec.instructions:\n"
        "        robot.check_instruction(text)\n"
    )
    run(script)


def test_the_celery_worker_loads_no_torch() -> None:
    """Jobs start a child process per run; torch lives and dies there."""
    script = WITHOUT.format(refused=["torch", "transformers", "mujoco"])
    script += "import django, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'efmweb.settings'\n"
    script += "django.setup(); import practice.jobs"
    run(script)


def test_the_core_imports_where_django_is_not_installed() -> None:
    refused = ["django", "channels", "celery", "redis", "rest_framework"]
    script = WITHOUT.format(refused=refused) + "import importlib, pkgutil\n"
    script += f"for room in {CORE}:\n"
    script += "    package = importlib.import_module(room)\n"
    script += "    for found in pkgutil.walk_packages(package.__path__, room + '.'):\n"
    script += "        importlib.import_module(found.name)\n"
    run(script)


def test_the_refusal_refuses() -> None:
    with pytest.raises(AssertionError, match="refused: json"):
        run(WITHOUT.format(refused=["json"]) + "import json")
