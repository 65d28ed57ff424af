"""What pages hear of checkpoints on their way in and out."""

from practice import events
from practice.models import CheckpointImport, CheckpointPush


def announce(row: CheckpointImport | CheckpointPush) -> None:
    """Tell the pages that `row` changed."""
    kind, task = (
        ("import", row.task_id)
        if isinstance(row, CheckpointImport)
        else ("push", row.checkpoint.task_id)
    )
    events.publish_on_commit(
        events.TransferChanged(
            kind=kind,
            transfer=row.pk,
            task=task,
            checkpoint=row.checkpoint_id,
            state=row.state,
        )
    )
