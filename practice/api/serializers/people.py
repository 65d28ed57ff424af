"""Shapes of people and their tokens."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from practice.api.serializers.base import Given, PersonField
from practice.models import ApiToken, User
from practice.roles import Role

ROLES = [role.value for role in Role]
TOKEN_ID_LENGTH = 16
MAX_TOKEN_DAYS = 3_650


class PersonSerializer(serializers.Serializer[Any]):
    """A person of the lab, as `selectors.people` lists them."""

    id = serializers.IntegerField(source="person.pk")
    username = serializers.CharField(source="person.username")
    role = serializers.ChoiceField(
        choices=ROLES, allow_null=True, help_text="Given also while the person may not enter."
    )
    is_active = serializers.BooleanField(source="person.is_active")
    tokens = serializers.IntegerField(help_text="How many API tokens.")
    last_seen = serializers.DateTimeField(allow_null=True)


class PersonGiven(Given):
    """A new person; without a password they sign in by a one-time link."""

    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(choices=ROLES)
    password = serializers.CharField(
        required=False, allow_blank=True, max_length=128, trim_whitespace=False, write_only=True
    )


class PersonChange(Given):
    """A new role (null takes it away), or whether the person may enter."""

    role = serializers.ChoiceField(choices=ROLES, allow_null=True, required=False)
    is_active = serializers.BooleanField(required=False)


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """An API token, without its secret."""

    id = serializers.SerializerMethodField(
        help_text="Beginning of the hash; not part of the secret."
    )
    person = PersonField(source="user")
    expires_at = serializers.DateTimeField(source="expiry", allow_null=True)
    created_at = serializers.DateTimeField(source="created")

    class Meta:
        model = ApiToken
        fields = ["id", "name", "person", "read_only", "created_at", "expires_at", "last_used_at"]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField)
    def get_id(self, token: ApiToken) -> str:
        """What its address ends with."""
        return str(token.digest[:TOKEN_ID_LENGTH])


class NewTokenSerializer(TokenSerializer):
    """A token just made; its secret is shown this once."""

    secret = serializers.SerializerMethodField()

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "secret"]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField)
    def get_secret(self, _token: ApiToken) -> str:
        """What goes into the Authorization header."""
        return str(self.context["secret"])


def _default_days() -> int:
    lifetime: Any = settings.REST_KNOX["TOKEN_TTL"]
    return max(1, int(lifetime.days))


class TokenGiven(Given):
    """A new token."""

    name = serializers.CharField(max_length=80, help_text="What uses it.")
    days = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_TOKEN_DAYS,
        help_text="Days until it ends; left out: what the server is set to.",
    )
    read_only = serializers.BooleanField(  # type: ignore[assignment]  # REST framework's word as well
        required=False, help_text="May see, never write."
    )
    person = serializers.SlugRelatedField[Any](
        slug_field="username",
        queryset=User.objects.all(),
        required=False,
        help_text="Whose; only an administrator names somebody else.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The server's lifetime where none is named."""
        return {"days": _default_days(), **attrs}


class MyTokenSerializer(serializers.ModelSerializer[ApiToken]):
    """The token that a request was made with."""

    expires_at = serializers.DateTimeField(source="expiry", allow_null=True)

    class Meta:
        model = ApiToken
        fields = ["name", "read_only", "expires_at"]
        read_only_fields = fields


class MeSerializer(serializers.Serializer[Any]):
    """Who is asking, and with what."""

    id = serializers.IntegerField()
    username = serializers.CharField()
    role = serializers.ChoiceField(choices=ROLES)
    token = MyTokenSerializer(allow_null=True, help_text="Null in a browser session.")
