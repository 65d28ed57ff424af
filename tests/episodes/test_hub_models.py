"""Named files of a model on the Hub: one commit, bounded while they are read, and what is said when they cannot be had."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from practice.episodes.hub import HubError
from practice.episodes.hub_fetch import Hub
from practice.episodes.hub_models import HubModel, fetch_file, find_model
from tests.episodes.hub_stand_in import COMMIT, StandInHub

REPO = "lab/rings"
TOKEN = "hf_secret"
WEIGHTS = "model.safetensors"
WANTED = ("manifest.json", WEIGHTS)
CONTENT = bytes(range(256)) * 100


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    """A Hub with a model and more than is wanted of it."""
    files = {"manifest.json": b"{}", WEIGHTS: CONTENT, "model.pt": b"x", "README.md": b"x"}
    with StandInHub(REPO, files).running() as running:
        yield running


def asked(hub: StandInHub, token: str = TOKEN) -> Hub:
    """The stand-in, as the site asks it."""
    return Hub(token, hub.endpoint)


def found(hub: StandInHub, revision: str = "") -> HubModel:
    """What the stand-in says it has."""
    return find_model(asked(hub), REPO, revision, wanted=WANTED)


def ignore(_here: int) -> None:
    """Hear how far it is."""


def test_only_what_is_wanted_is_found_and_fetched(hub: StandInHub, tmp_path: Path) -> None:
    model = found(hub, "v1")
    assert (model.commit, sorted(model.files)) == (COMMIT, sorted(WANTED))
    heard: list[int] = []
    fetch_file(asked(hub), model, WEIGHTS, tmp_path, told=heard.append)
    assert (tmp_path / WEIGHTS).read_bytes() == CONTENT
    assert heard[-1] == len(CONTENT)
    assert hub.fetched == [WEIGHTS]
    assert hub.tokens == {f"Bearer {TOKEN}"}


def test_no_byte_more_is_kept_than_the_hub_said(hub: StandInHub, tmp_path: Path) -> None:
    hub.listed[WEIGHTS] = 100
    with pytest.raises(HubError, match="larger than the 100 bytes"):
        fetch_file(asked(hub), found(hub), WEIGHTS, tmp_path, told=ignore)
    assert (tmp_path / WEIGHTS).stat().st_size <= 100


def test_what_arrives_short_or_changed_is_not_believed(hub: StandInHub, tmp_path: Path) -> None:
    model = found(hub)
    hub.files[WEIGHTS] = CONTENT[::-1]
    with pytest.raises(HubError, match="arrived with the sha256"):
        fetch_file(asked(hub), model, WEIGHTS, tmp_path, told=ignore)
    (tmp_path / WEIGHTS).unlink()
    hub.files[WEIGHTS] = CONTENT[:-1]
    with pytest.raises(HubError, match=f"arrived with {len(CONTENT) - 1} bytes"):
        fetch_file(asked(hub), model, WEIGHTS, tmp_path, told=ignore)


def test_who_listens_may_stop_it(hub: StandInHub, tmp_path: Path) -> None:
    def stop(_here: int) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        fetch_file(asked(hub), found(hub), WEIGHTS, tmp_path, told=stop)


def test_the_token_stays_with_the_hub_when_a_file_lies_elsewhere(
    hub: StandInHub, tmp_path: Path
) -> None:
    model = found(hub)
    with StandInHub(REPO, hub.files).running() as store:
        hub.elsewhere = store.endpoint
        fetch_file(asked(hub), model, WEIGHTS, tmp_path, told=ignore)
        assert store.tokens == {""}
    assert (tmp_path / WEIGHTS).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("hf_wrong", "the Hub refuses the token in EFM_HUB_TOKEN"),
        ("", "only its owners may see it"),
    ],
)
def test_a_private_model_needs_the_right_token(hub: StandInHub, token: str, said: str) -> None:
    hub.private_to = TOKEN
    assert found(hub).commit == COMMIT
    with pytest.raises(HubError, match=said) as caught:
        find_model(asked(hub, token), REPO, "", wanted=WANTED)
    assert "hf_" not in str(caught.value)


def test_a_gated_model_says_who_grants_access(
    hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "refusal", lambda _authorization: {"X_Error_Code": "GatedRepo"})
    with pytest.raises(HubError, match="those whom its owners granted access"):
        found(hub)


@pytest.mark.parametrize(
    ("repo", "revision", "said"),
    [("lab/other", "", "is not on the Hub"), (REPO, "v9", "has no revision 'v9'")],
)
def test_what_is_not_there_is_said(hub: StandInHub, repo: str, revision: str, said: str) -> None:
    with pytest.raises(HubError, match=said):
        find_model(asked(hub), repo, revision, wanted=WANTED)


def test_a_hub_that_does_not_answer_is_named() -> None:
    gone = Hub("", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"the Hub at http://127.0.0.1:9 does not answer"):
        find_model(gone, REPO, "", wanted=WANTED)
