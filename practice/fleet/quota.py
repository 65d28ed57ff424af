"""How many cores a container's quota of processor time is worth."""

from __future__ import annotations

from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_QUOTAS = (
    ("cpu.max",),
    ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"),
)
"""Files that hold the microseconds of processor time per period, then the period, of cgroups v2 and v1."""


def allowed_cores(most: int) -> int:
    """Of `most` cores, as many as the quota keeps busy, the last perhaps in part; all without one."""
    for names in _QUOTAS:
        try:
            said = [word for name in names for word in (_CGROUP / name).read_text().split()]
        except OSError:
            continue
        # Where there is no quota, v2 says "max" and v1 "-1".
        if len(said) == 2 and all(word.isdigit() for word in said) and int(said[1]):
            whole_cores = -(-int(said[0]) // int(said[1]))
            most = max(1, min(most, whole_cores))
    return most
