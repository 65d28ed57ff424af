"""Who may open which page, and how refusals reach a person."""

import json

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from practice.models import Run, User
from practice.services.people import give_role
from tests.factories import make_dataset, make_run, make_task
from tests.web.paging import HTMX, page_of

pytestmark = pytest.mark.django_db

VIEWER_PAGES = ["overview", "tasks", "datasets", "runs", "task", "dataset", "run"]
OPERATOR_PAGES = ["task_new", "task_edit", "dataset_new", "run_new"]
OPERATOR_POSTS = ["task_archive", "run_pause", "run_resume", "run_stop"]


def address(name: str) -> str:
    """The address of a page, with rows behind it."""
    if name in {"task", "task_edit", "task_archive", "dataset_new", "run_new"}:
        return reverse(f"web:{name}", args=[make_task().slug])
    if name == "dataset":
        return reverse("web:dataset", args=[make_dataset().pk])
    if name.startswith("run") and name != "runs":
        return reverse(f"web:{name}", args=[make_run().pk])
    return reverse(f"web:{name}")


@pytest.mark.parametrize("name", VIEWER_PAGES + OPERATOR_PAGES)
def test_strangers_are_sent_to_the_sign_in_page_and_back(name: str, client: Client) -> None:
    url = address(name)
    response = client.get(url)
    assert response.status_code == 302
    assert response.url == f"/sign-in/?next={url}"  # type: ignore[attr-defined]


def test_a_script_of_a_signed_out_page_is_told_to_load_the_sign_in_page(client: Client) -> None:
    response = client.get(address("runs"), headers=HTMX)
    assert response.status_code == 204
    assert response.headers["HX-Redirect"] == "/sign-in/"


@pytest.mark.parametrize("name", VIEWER_PAGES)
def test_a_viewer_sees(name: str, vera: User) -> None:
    assert page_of(vera).get(address(name)).status_code == 200


@pytest.mark.parametrize("name", OPERATOR_PAGES)
def test_a_viewer_does_not_act(name: str, vera: User) -> None:
    response = page_of(vera).get(address(name))
    assert response.status_code == 403
    assert "operator" in response.content.decode()


@pytest.mark.parametrize("name", OPERATOR_POSTS)
def test_a_viewer_posts_nothing(name: str, vera: User) -> None:
    assert page_of(vera).post(address(name)).status_code == 403
    assert not Run.objects.exclude(state="queued").exists()


@pytest.mark.parametrize("name", OPERATOR_POSTS)
def test_acting_takes_a_post(name: str, otto: User) -> None:
    assert page_of(otto).get(address(name)).status_code == 405


def test_an_account_without_a_role_sees_nothing(vera: User, ada: User) -> None:
    give_role(vera, None, by=ada)
    assert page_of(vera).get(address("overview")).status_code == 403


def test_a_form_needs_its_token(otto: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(otto)
    assert strict.post(address("run_stop")).status_code == 403


def test_a_refusal_after_a_form_is_a_message_on_the_page_before(otto: User) -> None:
    run = make_run(state="succeeded")
    before = reverse("web:run", args=[run.pk])
    response = page_of(otto).post(
        reverse("web:run_stop", args=[run.pk]), headers={"Referer": f"http://testserver{before}"}
    )
    assert response.status_code == 302
    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert said == [f"{run} is succeeded; there is nothing to stop."]


def test_a_refusal_does_not_lead_to_another_site(otto: User) -> None:
    run = make_run(state="succeeded")
    response = page_of(otto).post(
        reverse("web:run_stop", args=[run.pk]), headers={"Referer": "https://evil.example/"}
    )
    assert response.status_code == 409


def test_a_refusal_reaches_a_script_as_a_toast(otto: User) -> None:
    run = make_run(state="succeeded")
    response = page_of(otto).post(reverse("web:run_stop", args=[run.pk]), headers=HTMX)
    assert response.status_code == 409
    assert "nothing to stop" in json.loads(response.headers["HX-Trigger"])["toast"]["text"]


@pytest.mark.parametrize("path", ["/runs/", "/datasets/", "/checkpoints/"])
def test_an_address_no_row_can_have_is_refused(path: str, vera: User) -> None:
    response = page_of(vera).get(f"{path}?task=%00")
    assert response.status_code == 400
    assert "NUL byte" in response.content.decode()


@pytest.mark.parametrize("url", ["/runs/4711/", "/datasets/4711/", "/tasks/nowhere/"])
def test_what_does_not_exist_is_named(url: str, vera: User) -> None:
    response = page_of(vera).get(url)
    assert response.status_code == 404
    assert url.strip("/").split("/")[-1] in response.content.decode()
