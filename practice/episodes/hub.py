"""Push to the Hugging Face Hub, private unless it is there already: a finished v3.0 dataset, tagged as LeRobot looks for it, or a model."""

import re
from contextlib import suppress
from pathlib import Path

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError, RevisionNotFoundError

from practice.episodes import lerobot_format as fmt
from practice.episodes.errors import EpisodesError

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_KIND = "dataset"
FAILURES = (httpx2.HTTPError, HFValidationError, OSError, ValueError)
"""What a talk with the Hub can end in: refused, no answer, half an answer, an answer that is none."""


class HubError(EpisodesError):
    """The Hub refused, or did not answer."""


def is_repo(name: str) -> bool:
    """Whether `name` is written as owner/name."""
    return _REPO.fullmatch(name) is not None


def push_folder(folder: Path, repo: str, *, token: str, endpoint: str = "") -> str:
    """Upload the dataset in `folder` to `repo` (owner/name) and move the tag v3.0 to it; gives its address.

    `endpoint` is the Hub, huggingface.co where empty. Files of an earlier push that this one lacks are removed.
    Raises HubError, which never holds the token.
    """
    api = HfApi(token=token, endpoint=endpoint or None)
    try:
        url = api.create_repo(repo_id=repo, repo_type=_KIND, private=True, exist_ok=True)
        api.upload_folder(
            repo_id=repo,
            repo_type=_KIND,
            folder_path=folder,
            delete_patterns=["data/**", "meta/**", "videos/**"],
            commit_message="Dataset exported from efmweb",
        )
        with suppress(RevisionNotFoundError):
            api.delete_tag(repo_id=repo, repo_type=_KIND, tag=fmt.VERSION)
        api.create_tag(repo_id=repo, repo_type=_KIND, tag=fmt.VERSION)
    except FAILURES as error:
        raise _refusal(repo, error, token) from error
    return str(url)


def push_model(folder: Path, repo: str, *, token: str, endpoint: str = "") -> str:
    """Upload the checkpoint in `folder`, its card included, to the model `repo` (owner/name); gives its address.

    `endpoint` is the Hub, huggingface.co where empty. Weights of an earlier push that this one lacks are removed.
    Raises HubError, which never holds the token.
    """
    api = HfApi(token=token, endpoint=endpoint or None)
    try:
        url = api.create_repo(repo_id=repo, repo_type="model", private=True, exist_ok=True)
        api.upload_folder(
            repo_id=repo,
            repo_type="model",
            folder_path=folder,
            delete_patterns=["*.safetensors"],
            commit_message="Checkpoint from efmweb",
        )
    except FAILURES as error:
        raise _refusal(repo, error, token) from error
    return str(url)


def _refusal(repo: str, error: Exception, token: str) -> HubError:
    """What went wrong, on one line and without the token."""
    said = str(error).partition("\n")[0].replace(token, "[token]")[:200]
    return HubError(repo, f"was not pushed to the Hub: {said}")
