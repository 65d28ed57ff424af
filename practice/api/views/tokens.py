"""API tokens: everybody's own; an administrator's view of all."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint, ListEndpoint
from practice.api.filters import TokenFilters
from practice.api.serializers.people import (
    TOKEN_ID_LENGTH,
    NewTokenSerializer,
    TokenGiven,
    TokenSerializer,
)
from practice.errors import MissingError
from practice.models import ApiToken, User
from practice.roles import Role
from practice.selectors.people import tokens_for
from practice.services.people import issue_token, revoke_token


class TokenList(ListEndpoint):
    """Tokens. A viewer may make one too: it can do no more than its owner."""

    writes = Role.VIEWER
    serializer_class = TokenSerializer
    filterset_class = TokenFilters
    queryset = ApiToken.objects.none()

    def get_queryset(self) -> QuerySet[ApiToken]:
        """One's own; an administrator sees all."""
        return tokens_for(self.person)

    @extend_schema(operation_id="list_tokens", responses=TokenSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Tokens, one's own first, without their secrets."""
        return self.paged()

    @extend_schema(
        operation_id="issue_token",
        request=TokenGiven,
        responses={201: NewTokenSerializer},
        filters=False,
    )
    def post(self, _request: Request) -> Response:
        """Make a token; its secret is in this answer and nowhere else."""
        given = self.given(TokenGiven)
        owner: User = given.pop("person", self.person)
        token, secret = issue_token(owner, by=self.person, **given)
        shown = NewTokenSerializer(token, context={"secret": secret})
        return Response(shown.data, status=201, headers={"Cache-Control": "no-store"})


class TokenDetail(Endpoint):
    """One token."""

    writes = Role.VIEWER
    serializer_class = TokenSerializer

    @extend_schema(operation_id="revoke_token", responses={204: None})
    def delete(self, _request: Request, token_id: str) -> Response:
        """Make a token worthless at once."""
        rows = tokens_for(self.person).filter(digest__startswith=token_id)
        token = rows.first() if len(token_id) == TOKEN_ID_LENGTH else None
        if token is None:
            raise MissingError(f"There is no token {token_id}, or it is not yours.")
        revoke_token(token, by=self.person)
        return Response(status=204)
