"""What every endpoint shares: who may ask, what is parsed, how lists are cut, how the schema describes errors."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from practice.api.authentication import ApiTokenAuthentication
from practice.api.pagination import Pages
from practice.api.parsers import BoundedJSONParser
from practice.api.permissions import HasRole
from practice.api.renderers import FiniteJSONRenderer
from practice.api.serializers.errors import ErrorSerializer
from practice.errors import MissingError
from practice.models import User
from practice.roles import Role

Row = TypeVar("Row", bound=Model)


class EndpointSchema(AutoSchema):
    """Every operation may answer with the one error shape."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        error = self._get_response_for_code(  # type: ignore[no-untyped-call]
            ErrorSerializer, "4XX", media_types=["application/json"], direction=direction
        )
        refused = {**error, "description": "Refused; the message says why and what to do."}
        return {**bodies, "4XX": refused, "5XX": {**error, "description": "The server failed."}}


class Endpoint(GenericAPIView[Any]):
    """One address of the API. Anonymous gets 401; `reads` and `writes` name the role each kind of method needs."""

    authentication_classes = [ApiTokenAuthentication, SessionAuthentication]
    permission_classes = [HasRole]
    parser_classes = [BoundedJSONParser]
    renderer_classes = [FiniteJSONRenderer]
    filter_backends = []
    pagination_class: type[Pages] | None = None
    metadata_class = None
    schema = EndpointSchema()
    reads: Role = Role.VIEWER
    writes: Role = Role.OPERATOR

    @property
    def person(self) -> User:
        """Who is asking; the permission class has let only people with a role through."""
        person: User = self.request.user  # type: ignore[assignment]
        return person

    def given(self, serializer: type[serializers.Serializer[Any]], **kwargs: Any) -> dict[str, Any]:
        """The checked body, as `serializer` describes it."""
        parsed = serializer(data=self.request.data, context={"request": self.request}, **kwargs)
        parsed.is_valid(raise_exception=True)
        return dict(parsed.validated_data)

    def asked(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The checked query parameters, as `serializer` describes them."""
        parsed = serializer(data=self.request.query_params.dict())
        parsed.is_valid(raise_exception=True)
        return dict(parsed.validated_data)


class StrictFilters(DjangoFilterBackend):  # type: ignore[misc]  # django-filter is untyped
    """Filters that refuse a query parameter nobody knows, instead of answering another question than was asked."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Row], view: Any
    ) -> QuerySet[Row]:
        """The rows asked for."""
        filters = self.get_filterset_class(view, queryset)
        known = {"limit", "offset", *(filters.base_filters if filters else ())}
        known.add(api_settings.URL_FORMAT_OVERRIDE or "limit")
        check_known(request.query_params, known)
        found: QuerySet[Row] = super().filter_queryset(request, queryset, view)
        return found


class ListEndpoint(Endpoint):
    """An endpoint whose GET is a filtered list in pages."""

    filter_backends = [StrictFilters]
    pagination_class = Pages

    def page(self) -> list[Any]:
        """The rows of the page that was asked for."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return list(rows or [])

    def paged(self, **context: Any) -> Response:
        """The page as the view's serializer shows it."""
        return self.show_page(self.page(), **context)

    def show_page(self, rows: list[Any], **context: Any) -> Response:
        """`rows`, which `page` gave, with the links to their neighbours."""
        serializer = self.get_serializer_class()
        context = {**self.get_serializer_context(), **context}
        return self.get_paginated_response(serializer(rows, many=True, context=context).data)


def check_known(given: Mapping[str, Any], known: set[str]) -> None:
    """Refuse names that are not known.

    Raises:
        ValidationError: naming each, and those that are known.
    """
    unknown = sorted(set(given) - known)
    if unknown:
        text = f"Unknown here; known: {', '.join(sorted(known))}."
        raise ValidationError({name[:80]: text for name in unknown[:10]})


def found(rows: QuerySet[Row], what: str, **lookup: Any) -> Row:
    """The one row.

    Raises:
        MissingError: it does not exist, or this person may not see it.
    """
    row = rows.filter(**lookup).first()
    if row is None:
        raise MissingError(f"There is no {what} {next(iter(lookup.values()))}.")
    return row


class Nothing(APIView):
    """Any other address under /api/: 401 to strangers, 404 in the one shape to everybody else."""

    authentication_classes = Endpoint.authentication_classes
    permission_classes = Endpoint.permission_classes
    renderer_classes = [FiniteJSONRenderer]
    metadata_class = None
    schema = None
    reads = Role.VIEWER
    writes = Role.VIEWER

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Answer all methods alike, once it is known who asks."""
        super().initial(request, *args, **kwargs)
        hint = "" if request.path.endswith("/") else " Addresses of this API end with a slash."
        raise MissingError(f"There is nothing at {request.path}.{hint}")
