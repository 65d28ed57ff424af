"""A tree of tensors, arrays and plain values in one file, without pickle.

The tensors lie in a safetensors file; the tree that says where each one belongs, and every plain
value, is JSON in its header. What `load_tree` gives back equals what `save_tree` was given, bit
for bit: dtypes, shapes, big integers, and which leaf was a tensor and which an array.
"""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from models_store.errors import CheckpointError

_TYPE = "efmweb-tree"
_FORMAT = "1"
_SYSTEM_SAID = re.compile(r"\(os error (\d+)\)")

Tree = Any
"""Nested dict (str keys) and list of Tensor, ndarray, bool, int, float, str and None."""


def save_tree(path: Path | str, tree: Tree) -> None:
    """Write a tree; the file appears whole or not at all.

    Raises:
        CheckpointError: a leaf is of a kind that cannot be stored; the message says where.
        OSError: the disk does not take it.
    """
    path = Path(path)
    tensors: dict[str, torch.Tensor] = {}
    plan = _pack(tree, tensors, "")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    header = {"format": f"{_TYPE}/{_FORMAT}", "tree": json.dumps(plan, separators=(",", ":"))}
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        save_file(tensors, partial, metadata=header)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except SafetensorError as error:  # of a disk that is full it tells in words alone
        said = _SYSTEM_SAID.search(str(error))
        if said is None:
            raise
        raise OSError(int(said[1]), os.strerror(int(said[1])), str(path)) from error
    finally:
        partial.unlink(missing_ok=True)


def load_tree(path: Path | str) -> Tree:
    """Read what `save_tree` wrote; tensors come back on the CPU.

    Raises:
        CheckpointError: the file is missing, damaged, or not one of ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != f"{_TYPE}/{_FORMAT}":
                raise CheckpointError(
                    f"{path} is no state file of this version (format {header.get('format')!r}); "
                    f"start the run anew."
                )
            return _unpack(json.loads(header["tree"]), file.get_tensor)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no state file at {path}.") from error
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"The state file {path} is damaged: {error}.") from error


def _pack(node: Tree, tensors: dict[str, torch.Tensor], where: str) -> Any:
    """Turn a tree into JSON: containers and tensors are tagged lists, plain values themselves."""
    if isinstance(node, dict):
        if not all(isinstance(key, str) for key in node):
            raise CheckpointError(f"Keys of a stored tree must be text; at {where or '/'}.")
        return {"d": {key: _pack(value, tensors, f"{where}/{key}") for key, value in node.items()}}
    if isinstance(node, list):
        return {"l": [_pack(value, tensors, f"{where}/{i}") for i, value in enumerate(node)]}
    if isinstance(node, np.ndarray):
        if node.dtype.kind not in "biuf":
            raise CheckpointError(f"An array of {node.dtype} cannot be stored; at {where or '/'}.")
        name = f"{len(tensors)}{where}"
        tensors[name] = torch.from_numpy(np.array(node))
        return {"a": name}
    if isinstance(node, torch.Tensor):
        name = f"{len(tensors)}{where}"
        tensors[name] = node.detach().cpu().clone().contiguous()
        return {"t": name}
    if isinstance(node, float) and not math.isfinite(node):
        return {"f": repr(node)}
    if node is None or type(node) in (bool, int, float, str):
        return node
    raise CheckpointError(
        f"A value of type {type(node).__name__} cannot be stored; at {where or '/'}."
    )


def _unpack(node: Any, tensor: Any) -> Tree:
    if not isinstance(node, dict):
        return node
    ((kind, value),) = node.items()
    if kind == "d":
        return {key: _unpack(child, tensor) for key, child in value.items()}
    if kind == "l":
        return [_unpack(child, tensor) for child in value]
    if kind == "f":
        return float(value)
    return tensor(value).numpy() if kind == "a" else tensor(value)
