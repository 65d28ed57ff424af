"""Fetch a LeRobot dataset from the Hugging Face Hub: one commit of it, its small tables first, the rest when they fit.

The Hub's list of files is as hostile as an archive's: the same names and sizes are refused. Every large file is checked against the
sha256 that the Hub keeps of it.
"""

import hashlib
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import httpx2
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from practice.episodes.archive_members import ArchiveLimits, Census, Member
from practice.episodes.hub import FAILURES, HubError, is_repo
from practice.episodes.lerobot_format import INFO
from practice.episodes.report import Finding

_AT_ONCE = 4
"""Files on the wire together."""
_LOOK_SECONDS = 0.5
"""Between two looks at how much has arrived."""
_FOLDERS = ("meta/", "data/", "videos/")
_KIND = "dataset"


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a commit."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    """Empty for small files, which the Hub keeps in git."""

    @classmethod
    def listed(cls, name: str, size: int | None, lfs: object) -> "HubFile":
        """A file as the Hub lists it."""
        sha256 = lfs.get("sha256", "") if isinstance(lfs, dict) else getattr(lfs, "sha256", "")
        return cls(name, size or 0, sha256 or "")

    def check(self, path: Path, repo: str) -> None:
        """Whether what arrived at `path` is what the Hub said. Raises HubError."""
        where = f"{repo}/{self.name}"
        if path.stat().st_size != self.size:
            reason = f"arrived with {path.stat().st_size} bytes; the Hub says {self.size}"
            raise HubError(where, reason)
        if self.sha256:
            with path.open("rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
            if found != self.sha256:
                reason = f"arrived with the sha256 {found}; the Hub says {self.sha256}"
                raise HubError(where, reason)


@dataclass(frozen=True, slots=True)
class HubDataset:
    """One commit of a dataset on the Hub."""

    repo: str
    commit: str
    """40 hexadecimal digits: what a branch or tag was when it was looked up."""
    files: tuple[HubFile, ...]
    """Those that a LeRobotDataset consists of."""
    left_out: tuple[Finding, ...]

    @property
    def size(self) -> int:
        """All files together, bytes."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Hub:
    """Which Hub, and who asks."""

    token: str = ""
    """Empty: only what is public."""
    endpoint: str = ""
    """Empty: huggingface.co."""

    def find(
        self, repo: str, revision: str = "", *, limits: ArchiveLimits | None = None
    ) -> HubDataset:
        """Look up what `revision` (a branch, tag or commit; the main branch where empty) of `repo` holds.

        Raises:
            HubError: there is none, it is no LeRobotDataset, the Hub does not answer, or a file is not acceptable.
            ArchiveError: a name or a size that is refused.
        """
        if not is_repo(repo):
            raise HubError(repo[:80], "is no dataset of the Hub; write it as owner/name")
        try:
            info = self.api.dataset_info(repo, revision=revision or None, files_metadata=True)
        except FAILURES as error:
            raise HubError(repo, self.said(error, revision)) from error
        census = Census(repo, limits or ArchiveLimits())
        files = []
        for sibling in info.siblings or []:
            member = Member(sibling.rfilename, sibling.size or 0, is_folder=False)
            if not member.name.startswith(_FOLDERS):
                continue
            census.admit(member)
            if member.wanted:
                files.append(HubFile.listed(sibling.rfilename, member.size, sibling.lfs))
        if not any(file.name == INFO for file in files):
            raise HubError(
                repo, f"has no {INFO} at {info.sha or revision}: it is no LeRobotDataset"
            )
        return HubDataset(repo, info.sha or "", tuple(files), tuple(census.left_out))

    def fetch(
        self,
        dataset: HubDataset,
        folder: Path,
        *,
        under: str = "",
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Bring the files whose names begin with `under` into `folder`; what lies there already is not fetched again.

        `progress` gets (bytes here, bytes), and may raise to stop. Raises HubError naming the file.
        """
        wanted = [f for f in dataset.files if f.name.startswith(under)]
        wanted = [f for f in wanted if not (folder / f.name).is_file()]
        total = sum(file.size for file in wanted)
        parts = folder / ".parts"
        stopped = Event()
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            jobs = [threads.submit(self._bring, dataset, f, folder, parts, stopped) for f in wanted]
            try:
                while wait(jobs, timeout=_LOOK_SECONDS).not_done:
                    if any(job.done() and job.exception() for job in jobs):
                        break
                    if progress:
                        progress(_arrived(wanted, folder, parts), total)
            finally:
                stopped.set()
                for job in jobs:
                    job.cancel()
        shutil.rmtree(parts, ignore_errors=True)
        for job in jobs:
            if not job.cancelled():
                job.result()

    def _bring(
        self, dataset: HubDataset, file: HubFile, folder: Path, parts: Path, stopped: Event
    ) -> None:
        if stopped.is_set():
            return
        try:
            fetched = hf_hub_download(
                dataset.repo,
                file.name,
                repo_type=_KIND,
                revision=dataset.commit,
                local_dir=parts,
                token=self.token or False,
                endpoint=self.endpoint or None,
            )
        except FAILURES as error:
            raise HubError(f"{dataset.repo}/{file.name}", self.said(error)) from error
        path = Path(fetched)
        file.check(path, dataset.repo)
        target = folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)

    @property
    def api(self) -> HfApi:
        """Its API, asked in this name."""
        return HfApi(endpoint=self.endpoint or None, token=self.token or False)

    def said(self, error: Exception, revision: str = "") -> str:
        """What went wrong, on one line and without the token."""
        if isinstance(error, RevisionNotFoundError):
            return f"has no revision {revision!r}"
        if isinstance(error, GatedRepoError):
            return "is given only to those whom its owners granted access (EFM_HUB_TOKEN)"
        if isinstance(error, RepositoryNotFoundError):
            return "is not on the Hub, or only its owners may see it (EFM_HUB_TOKEN)"
        if isinstance(error, HfHubHTTPError) and error.response.status_code in {401, 403}:
            token = "refuses the token in EFM_HUB_TOKEN" if self.token else "asks for EFM_HUB_TOKEN"
            return f"could not be fetched: the Hub {token}"
        if isinstance(error, httpx2.TransportError):
            return f"could not be fetched: the Hub at {self.api.endpoint} does not answer"
        said = str(error).partition("\n")[0] or type(error).__name__
        if self.token:
            said = said.replace(self.token, "[token]")
        return f"could not be fetched from the Hub: {said[:200]}"


def _arrived(files: list[HubFile], folder: Path, parts: Path) -> int:
    """Bytes of `files` that are here, those of half a file included."""
    whole = sum(file.size for file in files if (folder / file.name).is_file())
    return whole + sum(path.stat().st_size for path in _there(parts))


def _there(parts: Path) -> list[Path]:
    return [path for path in parts.rglob("*") if path.is_file() and path.suffix != ".lock"]
