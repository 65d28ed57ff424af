"""Datasets that call their features otherwise."""

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq


def rename_features(folder: Path, names: Mapping[str, str]) -> None:
    """Give features of the written dataset in `folder` other names, in meta/info.json and in data/."""
    path = folder / "meta" / "info.json"
    info = json.loads(path.read_text())
    info["features"] = {names.get(name, name): f for name, f in info["features"].items()}
    path.write_text(json.dumps(info))
    for data in folder.glob("data/*/*.parquet"):
        table = pq.read_table(data)
        pq.write_table(table.rename_columns([names.get(n, n) for n in table.column_names]), data)
