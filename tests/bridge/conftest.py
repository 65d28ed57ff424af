"""What tests of a run's child share."""

import pytest

from practice.bridge import session as bridge


@pytest.fixture
def _every_step_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(bridge, "COMMIT_SECONDS_MOST", 0.0)
