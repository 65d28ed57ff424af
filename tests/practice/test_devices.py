"""Devices: what nvidia-smi says in kinds and queues, and one run per device."""

import threading

import pytest

from practice import devices
from practice.devices import Device, DeviceSlots, gpu_queues, kind_of, parse_nvidia_smi

LISTING = """0, GPU-aaa, NVIDIA H100 80GB HBM3
1, GPU-bbb, NVIDIA A100-SXM4-80GB
a line that says something else
"""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx-6000-ada"),
        ("Tesla T4", "t4"),
        ("NVIDIA", "gpu"),
    ],
)
def test_a_product_name_becomes_a_short_kind(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_the_listing_becomes_devices_and_queues() -> None:
    found = parse_nvidia_smi(LISTING)
    assert [(device.kind, device.index) for device in found] == [("h100", 0), ("a100", 1)]
    assert gpu_queues(found) == ["gpu", "gpu.a100", "gpu.h100"]
    assert devices.environment(found[:1]) == {"CUDA_VISIBLE_DEVICES": "GPU-aaa"}
    assert devices.environment(found) == {"CUDA_VISIBLE_DEVICES": "GPU-aaa,GPU-bbb"}


@pytest.mark.parametrize(
    ("visible", "kinds"), [("1", ["a100"]), ("GPU-aaa", ["h100"]), ("", ["cpu"])]
)
def test_only_the_devices_left_to_us_count(
    monkeypatch: pytest.MonkeyPatch, visible: str, kinds: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    gpus = devices._allowed(parse_nvidia_smi(LISTING))
    monkeypatch.setattr(devices, "_gpus", lambda: gpus)
    assert [device.kind for device in devices.visible_devices()] == kinds


def test_without_a_gpu_the_cpu_counts_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (only,) = devices.visible_devices()
    assert only.kind == "cpu"
    assert devices.environment([only]) == {"CUDA_VISIBLE_DEVICES": ""}
    assert gpu_queues([only]) == ["gpu", "gpu.cpu"]


def test_a_device_has_one_run_at_a_time() -> None:
    slots = DeviceSlots([Device("cpu", "a CPU", 0)])
    order: list[str] = []

    def second() -> None:
        with slots.take():
            order.append("second")

    with slots.take():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(timeout=0.05)
        order.append("first")
    thread.join(timeout=10)
    assert order == ["first", "second"]


@pytest.mark.parametrize(("count", "lent"), [(1, 1), (2, 2), (0, 3), (9, 3)])
def test_a_run_may_have_several_devices_and_at_most_all(count: int, lent: int) -> None:
    slots = DeviceSlots([Device("h100", "NVIDIA H100", index) for index in range(3)])
    with slots.take(count) as taken:
        assert len(set(taken)) == lent
    with slots.take(3) as taken:
        assert [device.index for device in sorted(taken, key=lambda one: one.index)] == [0, 1, 2]


def test_who_wants_several_waits_for_all_of_them() -> None:
    slots = DeviceSlots([Device("h100", "NVIDIA H100", index) for index in range(2)])
    order: list[str] = []

    def both() -> None:
        with slots.take(2):
            order.append("both")

    with slots.take():
        thread = threading.Thread(target=both)
        thread.start()
        thread.join(timeout=0.05)
        order.append("one")
    thread.join(timeout=10)
    assert order == ["one", "both"]
