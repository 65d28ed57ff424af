"""Load a checkpoint from outside once, in a process of its own: whatever it does to that process, no worker keeps it."""

import json
import subprocess
import sys
from pathlib import Path

from models_store.errors import CheckpointError

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600.0
"""How long loading may take."""


def try_loading(folder: Path) -> None:
    """Load the checkpoint in `folder` and let it go again.

    Raises:
        CheckpointError: it cannot be used; the sentence says why.
    """
    command = [sys.executable, "-m", "models_store.trial", str(folder)]
    try:
        ended = subprocess.run(
            command, check=False, capture_output=True, timeout=SECONDS, cwd=ROOT, text=True
        )
    except subprocess.TimeoutExpired as error:
        raise CheckpointError(
            f"Loading it took more than {SECONDS:.0f} seconds; it was given up."
        ) from error
    try:
        said = json.loads(ended.stdout)
    except ValueError as error:
        raise CheckpointError(
            f"Loading it ended its process (exit status {ended.returncode}); it may need more memory than there is."
        ) from error
    if "error" in said:
        raise CheckpointError(said["error"])
