"""A GPU where there is none: tensors keep their numbers in memory and remember that they are "on cuda".

What CUDA refuses is refused: operations over both devices, NumPy arrays of what lies on the device, a
CPU tensor indexed by one of the device. So code for GPUs runs, and what was left on the wrong device is
found. Kernels, streams, memory and half precision are not modelled.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CUDA = torch.device("cuda", 0)
MIXED = (
    "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu"
)

_MAKE = {
    "arange", "as_tensor", "empty", "empty_like", "empty_strided", "eye", "full", "full_like",
    "linspace", "new_empty", "new_full", "new_tensor", "new_ones", "new_zeros", "ones", "ones_like",
    "rand", "rand_like", "randint", "randn", "randn_like", "randperm", "tensor", "zeros",
    "zeros_like",
}  # fmt: skip
"""Functions that make tensors on the device they are told."""
_CROSS = {"aten::_to_copy", "aten::copy_", "aten::_foreach_copy_", "aten::set_"}
"""Operations that go from one device to the other."""
_INDEX = {
    "aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_",
    "aten::_unsafe_index",
}  # fmt: skip
"""Operations on the device that take indices from the CPU as well."""


class PretendCuda:
    """While it is entered, "cuda" is a device like any other."""

    def __init__(self) -> None:
        self._there: dict[int, Any] = {}
        """Storages on the device, which must not be freed: others would take their address."""
        self._modes = (_Operations(self), _Functions(self))

    def __enter__(self) -> PretendCuda:
        for mode in self._modes:
            mode.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: object) -> None:
        for mode in reversed(self._modes):
            mode.__exit__(*error)  # type: ignore[no-untyped-call]
        _forget_constants()

    def has(self, tensor: Tensor) -> bool:
        """Whether it lies on the device."""
        return _address(tensor)[0] in self._there

    def put(self, tensor: Tensor, *, there: bool) -> None:
        """Say where a tensor that is new lies."""
        address, storage = _address(tensor)
        if there:
            self._there[address] = storage
        else:
            self._there.pop(address, None)


def _forget_constants() -> None:
    """What models keep of a device's constants would be taken for the device's later."""
    for name, module in list(sys.modules.items()):
        if name.startswith("models_store."):
            for kept in vars(module).values():
                if hasattr(kept, "cache_clear"):
                    kept.cache_clear()


def _address(tensor: Tensor) -> tuple[int, Any]:
    with torch._C.DisableTorchFunction():
        storage = tensor.untyped_storage()
    return storage._cdata, storage


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Below autograd: every operation looks where its tensors are."""

    def __init__(self, device: PretendCuda) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._device = device

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        name, has = func._schema.name, self._device.has
        if any(one.is_meta for one in given):
            return func(*args, **(kwargs or {}))
        there = [has(one) for one in given]
        if any(there) and name not in _CROSS:
            _refuse_mixtures(name, given, there)
        out = func(*args, **(kwargs or {}))
        known = {_address(one)[0] for one in given}
        for one in tree_leaves(out):
            if isinstance(one, Tensor) and not one.is_meta and _address(one)[0] not in known:
                self._device.put(one, there=there[0] if name in _CROSS and there else any(there))
        return out


def _refuse_mixtures(name: str, given: list[Tensor], there: list[bool]) -> None:
    here = [one for one, on_device in zip(given, there, strict=True) if not on_device]
    if name in _INDEX:
        if not there[0]:
            raise RuntimeError(f"{name}: indices should be on the CPU, as what they index is.")
        # Autograd fills in zeros where it believes the gradient is, which is memory.
        here = [one for one in here if one.dtype.is_floating_point and bool(one.any())]
    # A number of the CPU without dimensions goes with anything.
    if any(one.dim() for one in here):
        raise RuntimeError(f"{name}: {MIXED}!")


class _Functions(TorchFunctionMode):
    """Above autograd: what is asked of a tensor, and what is moved or made."""

    def __init__(self, device: PretendCuda) -> None:
        super().__init__()
        self._device = device

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", "")
        asked = {
            Tensor.device.__get__: CUDA,
            Tensor.is_cuda.__get__: True,  # type: ignore[attr-defined]
            Tensor.is_cpu.__get__: False,  # type: ignore[attr-defined]
        }
        if func in asked:
            there = not args[0].is_meta and self._device.has(args[0])
            return asked[func] if there else func(*args, **kwargs)
        if name in {"numpy", "__array__", "pin_memory"} and self._device.has(args[0]):
            raise TypeError(f"{name}: can't convert cuda:0 device type tensor; use Tensor.cpu()")
        if name == "pin_memory":
            return args[0]
        if name in {"to", "cpu", "cuda"} and not args[0].is_meta:
            where = {"to": None}.get(name, name)
            return self._moved(func if name == "to" else Tensor.to, args, kwargs, where)
        if name in _MAKE:
            return self._made(func, args, kwargs)
        return func(*args, **kwargs)

    def _moved(self, to: Any, args: Any, kwargs: dict[str, Any], where: str | None) -> Tensor:
        tensor, rest = args[0], []
        kwargs.pop("non_blocking", None)
        other = kwargs.pop("other", None)
        for one in (*args[1:], kwargs.pop("device", None), other):
            if isinstance(one, Tensor):
                where = "cuda" if self._device.has(one) else "cpu"
                rest.append(one.dtype)
            elif isinstance(one, (str, torch.device)):
                where = torch.device(one).type
            elif isinstance(one, torch.dtype):
                rest.append(one)
        if where == "meta":
            return to(tensor, "meta", *rest, **kwargs)  # type: ignore[no-any-return]
        moved: Tensor = to(tensor, *rest, **kwargs) if rest or kwargs else tensor
        if where not in {None, "cuda" if self._device.has(tensor) else "cpu"}:
            if _address(moved)[0] == _address(tensor)[0]:
                moved = moved.clone(memory_format=torch.preserve_format)
            self._device.put(moved, there=where == "cuda")
        return moved

    def _made(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Tensor:
        told, generator = kwargs.get("device"), kwargs.get("generator")
        where = None if told is None else torch.device(told).type
        kwargs.pop("pin_memory", None)
        if where == "cuda":
            kwargs["device"] = "cpu"
            if generator is not None and generator.device.type != "cuda":
                raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        made: Tensor = func(*args, **kwargs)
        if where in {"cpu", "cuda"} and not made.is_meta:
            self._device.put(made, there=where == "cuda")
        return made
