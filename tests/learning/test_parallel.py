"""Several processes learn what one learns, and an average of weights is what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from models_store.checkpoint import EFMCheckpoint
from practice.learning.average import Average
from practice.learning.errors import LearningError
from practice.learning.parallel import ALONE, Team, join
from tests.learning.team_member import CONFIGS, WHOLE, train
from tests.models_store.tiny_vlms import make_base

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


@pytest.fixture(scope="module", autouse=True)
def _bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("bases")
    make_base("smolvlm", folder / "smolvlm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFM_BASES", str(folder))
        yield


@pytest.fixture(scope="module")
def folder(_bases: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes have left."""
    made = tmp_path_factory.mktemp("team")
    done = subprocess.run(
        [sys.executable, *LAUNCH, "-m", "tests.learning.team_member", str(made)],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return made


@pytest.mark.parametrize("name", CONFIGS)
def test_two_processes_learn_what_one_learns(name: str, folder: Path) -> None:
    alone = train(CONFIGS[name]).checkpoints()["policy"].weights
    together = EFMCheckpoint.load(folder / name).weights
    assert alone.keys() == together.keys()
    for place, values in alone.items():
        torch.testing.assert_close(together[place], values, atol=2e-5, rtol=1e-4, msg=place)
    first = train(CONFIGS[name].replace(steps=1)).checkpoints()["policy"].weights
    assert any(not torch.allclose(first[place], alone[place], atol=1e-3) for place in alone)


@pytest.mark.parametrize("name", CONFIGS)
def test_all_end_with_the_same_bits_broken_or_not(name: str, folder: Path) -> None:
    said = [json.loads((folder / f"said.{rank}").read_text()) for rank in (0, 1)]
    ends = {one[f"{name} {way}"] for one in said for way in ("straight", "broken")}
    assert len(ends) == 1
    assert [one["wish"] for one in said] == ["pause", "pause"], "all hear what the first hears"


def test_shares_are_all_of_the_batch_and_keep_its_halves() -> None:
    picked = torch.arange(24).reshape(2, 12)
    shares = [Team(rank, 3).share(picked) for rank in range(3)]
    assert sorted(torch.cat(shares, dim=1)[0].tolist()) == list(range(12))
    for share in shares:
        assert bool((share[0, :2] < 6).all())
        assert bool((share[0, 2:] >= 6).all())


@pytest.mark.parametrize(("size", "sides"), [(10, 1), (12, 2)])
def test_a_batch_that_cannot_be_shared_is_refused(size: int, sides: int) -> None:
    with pytest.raises(LearningError, match=f"multiple of {4 * sides}"):
        Team(0, 4).check_batch(size + sides, sides)
    Team(0, 4).check_batch(4 * sides, sides)
    ALONE.check_batch(size, sides)


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join("cpu") is ALONE
    assert ALONE.told("stop") == "stop"


def test_the_average_forgets_its_first_weights_soon_and_leaves_training_alone() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    average = Average([("weight", weight)], decay=0.5)
    for step, value in enumerate((2.0, 4.0, 8.0)):
        weight.data.fill_(value)
        average.follow(step)
    # Shares kept: 1/10 of nothing yet, 2/11 after the second step, 3/12 after the third.
    expected = 0.25 * (2 / 11 * 2.0 + 9 / 11 * 4.0) + 0.75 * 8.0
    with average.in_place():
        assert weight.item() == pytest.approx(expected)
    assert weight.item() == 8.0


def test_checkpoints_hold_the_average_and_training_goes_on_from_the_weights() -> None:
    plain, averaged = (train(WHOLE.replace(ema=ema)) for ema in (0.0, 0.9))
    assert plain.state()["model"].keys() == averaged.state()["model"].keys()
    for name, values in plain.state()["model"].items():
        assert torch.equal(values, averaged.state()["model"][name]), name
    stored = averaged.checkpoints()["policy"].weights
    assert any(
        not torch.equal(stored[n], v) for n, v in plain.checkpoints()["policy"].weights.items()
    )
