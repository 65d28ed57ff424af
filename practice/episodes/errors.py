"""What this room says when a file cannot be used: always which file, and why."""


class EpisodesError(Exception):
    """Base of the family. `file` is the path inside the archive or dataset; `reason` is one sentence for people."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(file, reason)
        self.file = file
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


class ArchiveError(EpisodesError):
    """An upload that is no archive, or one that we refuse to unpack."""


class DatasetError(EpisodesError):
    """A dataset that cannot be read as a whole."""


class ShardError(EpisodesError):
    """A shard of recorded episodes that is damaged or does not hold what was asked for."""
