"""Fetch named files of a model from the Hugging Face Hub: one commit of it, each file bounded while it is read."""

import io
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_url
from huggingface_hub.file_download import http_get

from practice.episodes.hub import FAILURES, HubError
from practice.episodes.hub_fetch import Hub, HubFile

_SECONDS = 30.0
"""How long the Hub may take to say what it has."""


@dataclass(frozen=True, slots=True)
class HubModel:
    """One commit of a model on the Hub."""

    repo: str
    commit: str
    """40 hexadecimal digits: what a branch or tag was when it was looked up."""
    files: Mapping[str, HubFile]
    """Those that were asked for and are there, by name."""


def find_model(hub: Hub, repo: str, revision: str, *, wanted: Collection[str]) -> HubModel:
    """Look up which of the `wanted` files `revision` (a branch, tag or commit; the main branch where empty) of `repo` holds.

    Raises:
        HubError: there is no such repository or revision, or the Hub refuses or does not answer.
    """
    try:
        info = hub.api.model_info(
            repo, revision=revision or None, files_metadata=True, timeout=_SECONDS
        )
    except FAILURES as error:
        raise HubError(repo, hub.said(error, revision)) from error
    listed = [one for one in info.siblings or [] if one.rfilename in wanted]
    files = {one.rfilename: HubFile.listed(one.rfilename, one.size, one.lfs) for one in listed}
    return HubModel(repo, info.sha or "", files)


def fetch_file(
    hub: Hub, model: HubModel, name: str, folder: Path, *, told: Callable[[int], None]
) -> None:
    """Bring one of the model's files into `folder`; not a byte more is kept than the Hub said it has.

    `told` hears how many bytes are here, and may raise to stop. Raises HubError naming the file.
    """
    file, path, where = model.files[name], folder / name, f"{model.repo}/{name}"
    url = hf_hub_url(
        model.repo, name, revision=model.commit, endpoint=hub.endpoint or None, repo_type="model"
    )
    headers = {"Accept-Encoding": "identity"}
    if hub.token:  # the client leaves it behind where the Hub sends it elsewhere
        headers["Authorization"] = f"Bearer {hub.token}"
    try:
        with _Bounded(path, file.size, where, told) as out:
            http_get(url, out, headers=headers)
    except FAILURES as error:
        raise HubError(where, hub.said(error, model.commit)) from error
    file.check(path, model.repo)


class _Bounded(io.BufferedWriter):
    """A new file that takes `most` bytes, and tells of each piece."""

    def __init__(self, path: Path, most: int, where: str, told: Callable[[int], None]) -> None:
        super().__init__(io.FileIO(path, "xb"))
        self._most, self._where, self._told = most, where, told

    def write(self, piece: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        """Raises HubError where it would grow too large."""
        if self.tell() + len(piece) > self._most:
            reason = f"is larger than the {self._most} bytes that the Hub says; it was given up"
            raise HubError(self._where, reason)
        written = super().write(piece)
        self._told(self.tell())
        return written
