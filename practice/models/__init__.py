"""The rows. Rows are the truth; events are hints."""

from practice.models.checkpoints import Checkpoint, Evaluation
from practice.models.datasets import Dataset, DatasetVersion, VersionMember
from practice.models.episodes import Episode, EpisodeEdit, Judgement, Label, Verdict
from practice.models.estimates import Estimate
from practice.models.exports import Export
from practice.models.people import ApiToken, AuditEntry, SignInLink, User
from practice.models.runs import LogLine, Run, RunPoint, Worker
from practice.models.tasks import Task
from practice.models.transfers import CheckpointImport, CheckpointPush
from practice.models.uploads import Upload

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Checkpoint",
    "CheckpointImport",
    "CheckpointPush",
    "Dataset",
    "DatasetVersion",
    "Episode",
    "EpisodeEdit",
    "Estimate",
    "Evaluation",
    "Export",
    "Judgement",
    "Label",
    "LogLine",
    "Run",
    "RunPoint",
    "SignInLink",
    "Task",
    "Upload",
    "User",
    "Verdict",
    "VersionMember",
    "Worker",
]
