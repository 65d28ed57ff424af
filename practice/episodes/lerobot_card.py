"""What stands beside the tables of a v3.0 dataset: the list of instructions, and the card that the Hub shows."""

import json
from collections.abc import Sequence

import pyarrow as pa

_INSTRUCTIONS = "__index_level_0__"
"""How pandas names an unnamed index in a file; LeRobot 0.4 and 0.6 both read it."""
_CARD = """---
task_categories:
- robotics
tags:
- LeRobot
configs:
- config_name: default
  data_files: data/*/*.parquet
---

{title}
A [LeRobotDataset]({link}) v3.0: {episodes} episodes, {frames} frames at {fps} frames a second, {tasks} instructions; robot: {robot}.

`meta/episodes` has columns of our own, empty where nothing is known: `outcome` and `label` (what a simulator or a detector, and
what a person said), `checkpoint` (digest of the policy that acted), `source`, `style`, `quality`, `seed`, and
`final/*` (the observation after the last action). LeRobot passes over them.
"""
_LINK = "https://huggingface.co/docs/lerobot"


def card(title: str, *, episodes: int, frames: int, tasks: int, fps: int, robot: str | None) -> str:
    """README.md, with the head that the Hub reads; which licence holds is for its owner to add."""
    words = {"episodes": episodes, "frames": frames, "tasks": tasks, "fps": fps}
    heading = f"# {' '.join(title.split())}\n" if title.strip() else ""
    return _CARD.format(title=heading, robot=robot or "unknown", link=_LINK, **words)


def tasks_table(instructions: Sequence[str]) -> pa.Table:
    """meta/tasks.parquet. Without the pandas metadata LeRobot reads each instruction as its number."""
    table = pa.table(
        {
            "task_index": pa.array(range(len(instructions)), pa.int64()),
            _INSTRUCTIONS: pa.array(instructions, pa.string()),
        }
    )
    text = {"pandas_type": "unicode", "numpy_type": "object"}
    number = {"pandas_type": "int64", "numpy_type": "int64", "metadata": None}
    names = {"name": None, "field_name": None, **text, "metadata": {"encoding": "UTF-8"}}
    pandas = {
        "index_columns": [_INSTRUCTIONS],
        "column_indexes": [names],
        "columns": [
            {"name": "task_index", "field_name": "task_index", **number},
            {"name": None, "field_name": _INSTRUCTIONS, **text, "metadata": None},
        ],
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.0.0",
    }
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})
