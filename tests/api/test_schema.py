"""The OpenAPI description: golden, complete, and kept by the answers to generated requests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.settings import patched_settings
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from practice.api.openapi import SETTINGS
from practice.api.urls import urlpatterns
from practice.models import Checkpoint, Dataset, Episode, Run, User
from practice.services.people import issue_token
from tests.api.conftest import Api
from tests.api.test_run_records import episode_row
from tests.factories import make_checkpoint, make_demos, make_evaluation, make_points, make_run

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "openapi.yaml"
UNDESCRIBED = {"schema", "docs", "nothing"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 4
"""Generated requests per operation and kind (well-formed, malformed)."""


def generated() -> dict[str, Any]:
    """The description as `manage.py spectacular` makes it."""
    generator: Any = SchemaGenerator
    with patched_settings(SETTINGS):
        schema: dict[str, Any] = generator().get_schema(request=None, public=True)
    return schema


def test_the_golden_file_is_current() -> None:
    schema = generated()
    validate: Any = validate_schema
    validate(schema)
    renderer: Any = OpenApiYamlRenderer()
    text = renderer.render(schema, renderer_context={}).decode()
    assert text == GOLDEN.read_text(), "The API has changed: run `make openapi` and read the diff."


def test_every_operation_is_described() -> None:
    paths = generated()["paths"]
    described = {(path, method) for path, methods in paths.items() for method in methods}
    offered = set()
    for pattern in urlpatterns:
        if pattern.name in UNDESCRIBED:
            continue
        route = str(pattern.pattern).replace("<int:", "{").replace("<slug:", "{")
        path = "/api/" + route.replace("<str:", "{").replace(">", "}").replace("{pk}", "{id}")
        view: Any = pattern.callback.__dict__["view_class"]
        methods = ("get", "post", "put", "patch", "delete")
        offered |= {(path, method) for method in methods if hasattr(view, method)}
    assert {(path.replace("{pk}", "{id}"), method) for path, method in described} == offered
    operations = [operation for methods in paths.values() for operation in methods.values()]
    assert all(operation["description"] for operation in operations)
    assert all("4XX" in operation["responses"] for operation in operations)


def test_the_description_and_its_page_are_for_people_signed_in(viewer: Api, nobody: Api) -> None:
    answer = viewer.get("schema/")
    assert answer.status == 200
    assert yaml.safe_load(answer.body) == yaml.safe_load(GOLDEN.read_text())
    as_json = viewer.send("GET", "schema/", headers={"Accept": "application/vnd.oai.openapi+json"})
    assert as_json.body.startswith(b"{")
    page = viewer.get("docs/").body.decode()
    assert "swagger-ui-bundle.js" in page
    assert "://" not in page.replace("http://www.w3.org", ""), "No page asks another host."
    assert "<script>" not in page, "The content security policy runs no inline script."
    assert viewer.get("docs/?script=").status == 200
    assert nobody.get("docs/").error["code"] == "not_authenticated"


@schemathesis.serializer("application/offset+octet-stream")
def as_it_is(_context: Any, value: Any) -> bytes:
    """A piece of an upload goes over the wire unchanged."""
    return value if isinstance(value, bytes) else str(value).encode()


SCHEMA: Any = schemathesis.openapi.from_path(GOLDEN)
OPERATIONS = [result.ok() for result in SCHEMA.get_all_operations()]


@pytest.fixture
def application(db: None) -> Iterator[Any]:
    """The site as a WSGI application that leaves the test's own database connection open."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield get_wsgi_application()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def rows(db: None) -> Iterator[dict[str, Any]]:
    """A row of everything, so that not every path is a miss."""
    dataset = make_demos()
    run = make_run(dataset.task, datasets=(dataset,), kind=Run.Kind.SFT)
    make_points(run, 3)
    checkpoint = make_checkpoint(run)
    make_evaluation(checkpoint)
    episode = episode_row(run, 1)
    yield {
        "tasks": dataset.task.slug,
        "datasets": dataset.pk,
        "runs": run.pk,
        "checkpoints": checkpoint.pk,
        "episodes": episode.pk,
    }
    assert Dataset.objects.filter(pk=dataset.pk).exists()
    assert Checkpoint.objects.filter(pk=checkpoint.pk).exists()
    assert Episode.objects.filter(pk=episode.pk).exists()


@pytest.mark.parametrize("operation", OPERATIONS, ids=[op.label for op in OPERATIONS])
def test_answers_keep_the_description(
    application: Any, otto: User, rows: dict[str, Any], operation: Any
) -> None:
    _, secret = issue_token(otto, by=otto, name="fuzz")
    existing = rows.get(operation.path.split("/")[2])

    @settings(
        max_examples=2 * EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        case = data.draw(operation.as_strategy(mode))
        if case.path_parameters and existing is not None and data.draw(st.booleans()):
            name = next(iter(case.path_parameters))
            case.path_parameters[name] = existing
        headers = {"Authorization": f"Token {secret}"}
        answer = case.call(app=application, base_url="http://localhost", headers=headers)
        case.validate_response(answer, checks=CHECKS)

    ask()
