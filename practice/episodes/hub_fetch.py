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

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

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
            info = self._api.dataset_info(repo, revision=revision or None, files_metadata=True)
        except FAILURES as error:
            raise HubError(repo, self._said(error, revision)) from error
        census = Census(repo, limits or ArchiveLimits())
        files = []
        for sibling in info.siblings or []:
            member = Member(sibling.rfilename, sibling.size or 0, is_folder=False)
            if not member.name.startswith(_FOLDERS):
                continue
            census.admit(member)
            if member.wanted:
                files.append(_file(sibling.rfilename, member.size, sibling.lfs))
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
            raise HubError(f"{dataset.repo}/{file.name}", self._said(error)) from error
        path = Path(fetched)
        _check(path, file, dataset.repo)
        target = folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)

    @property
    def _api(self) -> HfApi:
        return HfApi(endpoint=self.endpoint or None, token=self.token or False)

    def _said(self, error: Exception, revision: str = "") -> str:
        """What went wrong, on one line and without the token."""
        if isinstance(error, RevisionNotFoundError):
            return f"has no revision {revision!r}"
        if isinstance(error, RepositoryNotFoundError):
            return "is not on the Hub, or only its owners may see it (EFM_HUB_TOKEN)"
        said = str(error).partition("\n")[0] or type(error).__name__
        if self.token:
            said = said.replace(self.token, "[token]")
        return f"could not be fetched from the Hub: {said[:200]}"


def _file(name: str, size: int, lfs: object) -> HubFile:
    sha256 = lfs.get("sha256", "") if isinstance(lfs, dict) else getattr(lfs, "sha256", "")
    return HubFile(name, size, sha256 or "")


def _arrived(files: list[HubFile], folder: Path, parts: Path) -> int:
    """Bytes of `files` that are here, those of half a file included."""
    whole = sum(file.size for file in files if (folder / file.name).is_file())
    return whole + sum(path.stat().st_size for path in _there(parts))


def _there(parts: Path) -> list[Path]:
    return [path for path in parts.rglob("*") if path.is_file() and path.suffix != ".lock"]


def _check(path: Path, file: HubFile, repo: str) -> None:
    """What arrived is what the Hub said. Raises HubError."""
    where = f"{repo}/{file.name}"
    if path.stat().st_size != file.size:
        reason = f"arrived with {path.stat().st_size} bytes; the Hub says {file.size}"
        raise HubError(where, reason)
    if file.sha256:
        with path.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != file.sha256:
            raise HubError(where, f"arrived with the sha256 {found}; the Hub says {file.sha256}")
