"""What drf-spectacular cannot find out by itself: the token scheme, and names for sets of choices."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object

SETTINGS: dict[str, Any] = {
    "PREPROCESSING_HOOKS": ["practice.api.openapi.api_only"],
    "ENUM_NAME_OVERRIDES": {
        "Role": [("viewer", "viewer"), ("operator", "operator"), ("admin", "admin")],
        "RunKind": "practice.models.runs.Run.Kind",
        "RunState": "practice.models.runs.Run.State",
        "DatasetKind": "practice.models.datasets.Dataset.Kind",
        "DatasetState": "practice.models.datasets.Dataset.State",
        "CheckpointKind": "practice.models.checkpoints.Checkpoint.Kind",
        "EpisodeKind": "practice.models.episodes.Episode.Kind",
        "Verdict": "practice.models.episodes.Verdict",
    },
}
"""Taken by `manage.py spectacular --custom-settings practice.api.openapi.SETTINGS` and by /api/schema/."""


def api_only(endpoints: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Leave out what is built with REST framework but is no part of the API, as /metrics."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/")]


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    """`Authorization: Token efm_…`."""

    target_class = "practice.api.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """The scheme as OpenAPI describes it."""
        return build_bearer_security_scheme_object(
            header_name="Authorization", token_prefix=self.target.authenticate_header("")
        )
