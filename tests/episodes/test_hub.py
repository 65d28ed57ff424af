"""Pushing to the Hub, against a stand-in: in which order, to where, and what is said when it refuses."""

from pathlib import Path
from typing import Any

import pytest

from practice.episodes import hub

TOKEN = "hf_secret"


class StandIn:
    """Writes down what the Hub is asked for."""

    def __init__(self, fails: str = "") -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.fails = fails

    def __call__(self, *, token: str, endpoint: str | None) -> "StandIn":
        assert (token, endpoint) == (TOKEN, None)
        return self

    def __getattr__(self, name: str) -> Any:
        def answer(**given: Any) -> str:
            self.asked.append((name, given))
            if name == self.fails:
                raise OSError(f"401 for {TOKEN}\nand much more")
            return "https://huggingface.co/datasets/me/rings"

        return answer


def test_a_push_uploads_and_moves_the_tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = StandIn()
    monkeypatch.setattr(hub, "HfApi", api)
    url = hub.push_folder(tmp_path, "me/rings", token=TOKEN)
    assert url == "https://huggingface.co/datasets/me/rings"
    names = [name for name, _ in api.asked]
    assert names == ["create_repo", "upload_folder", "delete_tag", "create_tag"]
    assert all(g["repo_id"] == "me/rings" and g["repo_type"] == "dataset" for _, g in api.asked)
    assert api.asked[0][1]["private"] is True
    assert api.asked[1][1]["folder_path"] == tmp_path
    assert api.asked[3][1]["tag"] == "v3.0"


def test_a_refusal_is_one_line_without_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "HfApi", StandIn(fails="upload_folder"))
    with pytest.raises(hub.HubError) as caught:
        hub.push_folder(tmp_path, "me/rings", token=TOKEN)
    assert str(caught.value) == "me/rings: was not pushed to the Hub: 401 for [token]"


@pytest.mark.parametrize(
    ("name", "fits"), [("me/rings", True), ("rings", False), ("a/b/c", False), ("../x", False)]
)
def test_a_repository_has_an_owner_and_a_name(name: str, fits: bool) -> None:
    assert hub.is_repo(name) is fits
