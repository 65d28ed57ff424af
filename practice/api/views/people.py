"""Who is asking; people, for administrators."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint, ListEndpoint
from practice.api.serializers.people import (
    MeSerializer,
    PersonChange,
    PersonGiven,
    PersonSerializer,
)
from practice.errors import MissingError
from practice.models import User
from practice.roles import Role
from practice.selectors.people import people_rows, person_by_id
from practice.services.people import add_person, give_role, set_active


class Me(Endpoint):
    """The person asking."""

    serializer_class = MeSerializer

    @extend_schema(operation_id="get_me")
    def get(self, request: Request) -> Response:
        """Who is asking, with which role and token."""
        person = self.person
        facts = {"id": person.pk, "username": person.username, "role": person.role}
        return Response(MeSerializer({**facts, "token": request.auth}).data)


class PersonList(ListEndpoint):
    """All people."""

    reads = Role.ADMIN
    writes = Role.ADMIN
    serializer_class = PersonSerializer
    queryset = User.objects.none()

    def get_queryset(self) -> Any:
        """Everybody, active or not."""
        return people_rows()

    @extend_schema(operation_id="list_people", responses=PersonSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """People, those who may enter first."""
        return self.paged()

    @extend_schema(
        operation_id="add_person",
        request=PersonGiven,
        responses={201: PersonSerializer},
        filters=False,
    )
    def post(self, _request: Request) -> Response:
        """Add a person."""
        given = self.given(PersonGiven)
        person = add_person(
            given["username"],
            by=self.person,
            role=Role(given["role"]),
            password=given.get("password", ""),
        )
        return _show(person.pk, status=201)


class PersonDetail(Endpoint):
    """One person."""

    reads = Role.ADMIN
    writes = Role.ADMIN
    serializer_class = PersonSerializer

    @extend_schema(operation_id="get_person")
    def get(self, _request: Request, pk: int) -> Response:
        """One person."""
        return _show(pk)

    @extend_schema(operation_id="change_person", request=PersonChange)
    def patch(self, _request: Request, pk: int) -> Response:
        """Give another role, or keep a person out or let them in again."""
        given = self.given(PersonChange)
        person = person_by_id(pk)
        with transaction.atomic():
            if "role" in given:
                role = given["role"]
                person = give_role(person, role and Role(role), by=self.person)
            if "is_active" in given:
                person = set_active(person, active=given["is_active"], by=self.person)
        return _show(pk)


def _show(pk: int, *, status: int = 200) -> Response:
    row = next((row for row in people_rows() if row.person.pk == pk), None)
    if row is None:
        raise MissingError(f"There is no person {pk}; the list shows everybody.")
    return Response(PersonSerializer(row).data, status=status)
