"""The rows. Rows are the truth; events are hints."""

from practice.models.checkpoints import Checkpoint, Evaluation
from practice.models.datasets import Dataset
from practice.models.episodes import Episode, Label, Verdict
from practice.models.people import ApiToken, AuditEntry, SignInLink, User
from practice.models.runs import LogLine, Run, RunPoint, Worker
from practice.models.tasks import Task

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Checkpoint",
    "Dataset",
    "Episode",
    "Evaluation",
    "Label",
    "LogLine",
    "Run",
    "RunPoint",
    "SignInLink",
    "Task",
    "User",
    "Verdict",
    "Worker",
]
