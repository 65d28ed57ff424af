"""What long commands share: the device they compute on, and one line of progress."""

from __future__ import annotations

import sys

import torch
from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn


def check_device(name: str) -> None:
    """Refuse a device before anything is computed for it. Raises CommandError."""
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise CommandError(f"--device {name} cannot be used: {reason}") from error


def progress_line(*more: ProgressColumn) -> Progress:
    """On a terminal, one line that goes when it is done, with the columns `more`; nothing where nobody looks."""
    console = Console(file=sys.stderr)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *more,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
