"""A tree goes to disk and comes back bit for bit, or not at all."""

from __future__ import annotations

import errno
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from models_store.errors import CheckpointError
from models_store.state_file import load_tree, save_tree

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
trees = st.recursive(
    plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@settings(max_examples=60, deadline=None)
@given(tree=trees)
def test_plain_values_come_back_equal_and_of_the_same_type(
    tree: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("tree") / "state"
    save_tree(path, tree)
    assert repr(load_tree(path)) == repr(tree)


def test_tensors_and_arrays_keep_kind_dtype_shape_and_bits(tmp_path: Path) -> None:
    view = torch.arange(12.0).reshape(3, 4).t()
    tree = {
        "shared": [view, view],
        "byte state": torch.Generator().manual_seed(3).get_state(),
        "bfloat16": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        "scalar": torch.tensor(7),
        "arrays": [
            np.array([2**63 + 5], dtype=np.uint64),
            np.array([True, False]),
            np.zeros((0, 3), dtype=np.float32),
            np.float64(0.1) * np.ones((2, 2)),
        ],
    }
    save_tree(tmp_path / "state", tree)
    back = load_tree(tmp_path / "state")
    for got, put in zip(_leaves(back), _leaves(tree), strict=True):
        assert type(got) is type(put)
        assert got.dtype == put.dtype
        assert got.shape == put.shape
        assert bool((got == put).all())


def test_a_numpy_generator_goes_on_where_it_was(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    generator.normal(size=3)
    save_tree(tmp_path / "state", {"rng": generator.bit_generator.state})
    again = np.random.default_rng()
    again.bit_generator.state = load_tree(tmp_path / "state")["rng"]
    assert np.array_equal(again.normal(size=5), generator.normal(size=5))


def test_special_floats(tmp_path: Path) -> None:
    save_tree(tmp_path / "state", [float("inf"), -float("inf"), float("nan"), -0.0])
    assert repr(load_tree(tmp_path / "state")) == "[inf, -inf, nan, -0.0]"


@pytest.mark.parametrize(
    ("tree", "where"),
    [
        ({"a": {"b": object()}}, "/a/b"),
        ({"a": [1, (2, 3)]}, "/a/1"),
        ({1: 2}, "text"),
        ({"x": np.array(["text"])}, "/x"),
        ({"x": np.float32(1)}, "/x"),
    ],
)
def test_what_cannot_be_stored_is_named_and_leaves_no_file(
    tree: Any, where: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=where):
        save_tree(tmp_path / "state", tree)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    save_tree(path, {"n": 1})
    with pytest.raises(CheckpointError):
        save_tree(path, {"n": object()})
    assert load_tree(path) == {"n": 1}


def test_damaged_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with pytest.raises(CheckpointError, match="no state file"):
        load_tree(path)
    save_tree(path, {"x": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match="damaged"):
        load_tree(path)
    save_file({"x": torch.ones(2)}, path)
    with pytest.raises(CheckpointError, match="start the run anew"):
        load_tree(path)


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for child in tree.values() for leaf in _leaves(child)]
    if isinstance(tree, list):
        return [leaf for child in tree for leaf in _leaves(child)]
    return [tree]


def test_a_disk_that_takes_no_more_is_an_error_of_the_system(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            save_tree(tmp_path / "state", {"weights": torch.zeros(4000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert not list(tmp_path.iterdir())
