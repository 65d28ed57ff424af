"""The worker's side of a run: one child process per run, or torchrun with one for each of its GPUs, watched until it ends.

The child hears wishes on its standard input, one word a line. When that pipe closes, its worker is gone and it ends itself at
once: whatever it had not committed will be done again by whoever claims the run next.
"""

import logging
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections

from practice.devices import Device, environment
from practice.errors import LeaseLostError
from practice.models import Run
from practice.services import estimates, judging, leases

log = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
"""How often the lease is renewed and wishes are passed on."""
PATIENCE_SECONDS = 60.0
"""How long a child may take to commit and end once its worker is leaving."""
FAREWELL_SECONDS = 10.0
"""How long a child may take to exit once it no longer holds its run; it cannot write any more."""
ESTIMATE_SECONDS = 600.0
"""How long one estimate may take, with the fetching and loading of a base."""
JUDGE_SECONDS = 600.0
"""How long one judgement may take."""
LEAVE = "leave"
"""The wish of a worker that is shutting down: commit and end, the run goes on elsewhere."""

leaving = threading.Event()
"""Set when this worker is asked to shut down."""


def devices_wanted(run_id: int) -> int:
    """How many devices to lend to a run: Stage 1 alone learns on several. 0 means all."""
    is_sft = Run.objects.filter(pk=run_id, kind=Run.Kind.SFT).exists()
    return int(settings.EFM_GPUS_PER_RUN) if is_sft else 1


def execute(run_id: int, *, worker: str, devices: Sequence[Device]) -> None:
    """Claim the run, start its child on `devices`, and stay until the child has ended."""
    owner = uuid.uuid4().hex
    run = leases.claim_run(run_id, owner=owner, worker=worker, device_name=_name(devices))
    if run is None:
        log.info("Run %s is not waiting any more; nothing to do.", run_id)
        return
    with _log_file(run).open("ab") as output:
        child = subprocess.Popen(
            command(run_id, owner, processes=len(devices)),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **_environment(devices)},
        )
        try:
            code = _watch(child, run_id, owner)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
            # What torchrun has started hears by this that it is alone.
            assert child.stdin is not None  # noqa: S101 - we asked for the pipe
            child.stdin.close()
    _conclude(run_id, owner, code)


def command(run_id: int, owner: str, *, processes: int) -> list[str]:
    """What executes a run, in one process or in several that learn as one."""
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    script = [str(settings.ROOT / "manage.py"), "execute_run", str(run_id), owner]
    return [sys.executable, *(several if processes > 1 else []), *script]


def judge(judgement_id: int) -> None:
    """Compute a judgement in a child, which ends with it: no worker keeps torch in memory."""
    asked = [sys.executable, str(settings.ROOT / "manage.py"), "judge_episode", str(judgement_id)]
    try:
        ended = subprocess.run(asked, check=False, capture_output=True, timeout=JUDGE_SECONDS)
        code = ended.returncode
    except subprocess.TimeoutExpired:
        code = -1
    if code:
        log.error("Judgement %s ended with exit status %s.", judgement_id, code)
        judging.fail_judgement(
            judgement_id,
            error="Its process ended unexpectedly; ask again, or see the worker's log.",
        )


def estimate(estimate_id: int, *, device: Device) -> None:
    """Find out what a run would cost in a child on `device`, which ends as soon as nobody wants to know any more."""
    owner = uuid.uuid4().hex
    if not estimates.claim_estimate(estimate_id, owner=owner):
        return
    child = subprocess.Popen(
        [sys.executable, str(settings.ROOT / "manage.py"), "estimate_run", str(estimate_id), owner],
        env={**os.environ, **_environment(device)},
    )
    try:
        reason = _attend(child, estimate_id, owner)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    if reason:
        estimates.fail_estimate(estimate_id, owner=owner, error=reason)


def _attend(child: subprocess.Popen[bytes], estimate_id: int, owner: str) -> str:
    """Stay until the child ends, it is stopped, or it has taken too long; the sentence if it came to nothing."""
    waited = 0.0
    while waited < ESTIMATE_SECONDS and not leaving.is_set():
        try:
            code = child.wait(timeout=WATCH_SECONDS)
        except subprocess.TimeoutExpired:
            waited += WATCH_SECONDS
            if not estimates.renew_estimate(estimate_id, owner=owner):
                return ""
            continue
        if not code:
            return ""
        log.error("Estimate %s ended with exit status %s.", estimate_id, code)
        killed = " It may have run out of the host's memory." if code < 0 else ""
        return f"Its process ended unexpectedly (exit status {code}).{killed} See the worker's log."
    if leaving.is_set():
        return ""  # it waits for another worker once the lease has run out
    return f"Nothing was found out in {ESTIMATE_SECONDS / 60:.0f} minutes; ask again, or for less."


def _watch(child: subprocess.Popen[bytes], run_id: int, owner: str) -> int | None:
    """Renew and forward until the child ends; its exit status, or None when the lease is lost."""
    told, left_at = "", 0.0
    while True:
        try:
            return child.wait(timeout=WATCH_SECONDS)
        except subprocess.TimeoutExpired:
            left_at += WATCH_SECONDS if leaving.is_set() else 0.0
        if left_at > PATIENCE_SECONDS:
            child.kill()
        try:
            wish = leases.renew_lease(run_id, owner=owner)
        except LeaseLostError:
            _let_end(child, run_id)
            return None
        except (OperationalError, InterfaceError) as error:
            # The child waits for the database too; the lease is renewed when it is back.
            log.warning("The database does not answer; run %s goes on: %s", run_id, error)
            close_old_connections()
            continue
        wish = LEAVE if leaving.is_set() else wish
        if wish != told:
            told = wish
            _tell(child, wish)


def _let_end(child: subprocess.Popen[bytes], run_id: int) -> None:
    """Wait for a child that has just given up its lease, because it is done or because it lost it."""
    try:
        child.wait(timeout=FAREWELL_SECONDS)
    except subprocess.TimeoutExpired:
        log.warning("Run %s has left this worker, but its process stays; it is ended.", run_id)
        child.kill()


def _tell(child: subprocess.Popen[bytes], wish: str) -> None:
    assert child.stdin is not None  # noqa: S101 - we asked for the pipe
    try:
        child.stdin.write(f"{wish or 'go'}\n".encode())
        child.stdin.flush()
    except BrokenPipeError:
        log.info("The child has just ended; its exit status will tell.")


def _conclude(run_id: int, owner: str, code: int | None) -> None:
    """Put the run back in the queue unless the child itself has given it its next state."""
    if code is None:
        return
    if leaving.is_set():
        reason = "The worker was shut down."
    elif code < 0:
        reason = f"Its process was ended by signal {-code}."
    elif code > 0:
        reason = f"Its process stopped unexpectedly (exit status {code}); the worker's log of the run has the details."
    else:
        reason = "Its process ended early."
    leases.hand_back(run_id, owner=owner, reason=reason)


def _name(devices: Sequence[Device]) -> str:
    """As "2 x NVIDIA H100 80GB HBM3"; one alone by its name."""
    names = [device.name for device in devices]
    kinds = dict.fromkeys(names)
    return ", ".join(f"{names.count(n)} x {n}" if names.count(n) > 1 else n for n in kinds)


def _environment(devices: Sequence[Device]) -> dict[str, str]:
    # One thread per process: two contending OpenMP pools are several times slower than one thread.
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    return environment(devices) | threads


def _log_file(run: Run) -> Path:
    folder = Path(settings.EFM_RUNS) / str(run.pk)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"attempt-{run.attempts}.log"
