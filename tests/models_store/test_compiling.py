"""What learns may be compiled. Backends that write no code stand in for inductor, which may take minutes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models_store import compiling
from models_store.compiling import check_compiler
from models_store.errors import LearningError
from models_store.vlm import Vlm
from tests.models_store.test_vlm import built, seen, spec_of, told
from tests.models_store.tiny_vlms import make_base


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_base("smolvlm", tmp_path / "base")


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    check_compiler.cache_clear()
    yield
    check_compiler.cache_clear()
    torch.compiler.reset()


def learned(model: Vlm, rows: int) -> dict[str, Tensor]:
    """The loss and every gradient."""
    asked = told(*[row % 3 for row in range(rows)])
    likelihood, progress = model.score(seen(rows), asked, torch.zeros(rows, 3))
    loss = progress.loss(torch.ones(rows)) - likelihood.mean()
    loss.backward()  # type: ignore[no-untyped-call]
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return {"loss": loss.detach(), **found}


@pytest.mark.parametrize(
    ("recompute", "backend", "batches"), [(False, "eager", (2, 5)), (True, "aot_eager", (5,))]
)
def test_what_is_compiled_learns_the_same(
    recompute: bool,
    backend: str,
    batches: tuple[int, ...],
    base: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A second size is compiled anew, which takes aot_eager half a minute."""
    monkeypatch.setattr(compiling, "BACKEND", backend)
    plain, quick = built(spec_of(base)), built(spec_of(base))
    names = set(quick.state_dict())
    for model in (plain, quick):
        model.set_recomputing(recompute)
    quick.compile_learning()
    for rows in batches:
        wanted, found = learned(plain, rows), learned(quick, rows)
        assert found.keys() == wanted.keys()
        for name, values in wanted.items():
            torch.testing.assert_close(found[name], values, atol=1e-4, rtol=1e-4, msg=name)
    assert set(quick.state_dict()) == names
    quick.load_state_dict(plain.state_dict())


def test_gradients_alone_are_compiled(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def backend(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> object:
        made.append(graph)
        return graph.forward

    model = built(spec_of(base))
    with torch.no_grad():
        before = model.steps_to_go(seen(2), told(0, 1)).logits
    monkeypatch.setattr(compiling, "BACKEND", backend)
    model.compile_learning()
    made.clear()  # what was tried
    with torch.no_grad():
        assert torch.equal(model.steps_to_go(seen(2), told(0, 1)).logits, before)
    assert not made
    learned(model, 2)
    assert made


def test_without_a_compiler_it_is_refused(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "inductor")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "nothing made before"))
    import torch._inductor.config as inductor  # noqa: PLC0415 - a second of importing

    with (
        inductor.patch({"cpp.cxx": (None, "/nowhere/g++")}),
        pytest.raises(
            LearningError, match=r"nothing can be compiled for cpu .* set it to false, or"
        ),
    ):
        built(spec_of(base)).compile_learning()
