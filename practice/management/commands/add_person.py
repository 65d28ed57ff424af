"""`manage.py add_person NAME --role ROLE`: let somebody in, from the server's own console."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from practice.errors import PracticeError
from practice.models import User
from practice.roles import Role
from practice.services.people import add_person, issue_token, make_sign_in_link


class Command(BaseCommand):
    """Add a person, or find the one of that name, and print a one-time sign-in link or a token."""

    help = (
        "Add a person and print a path that signs them in once. For a person who exists already, "
        "only print a new one. With --token NAME print an API token instead."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--role", choices=[role.value for role in Role], default="viewer")
        parser.add_argument("--token", metavar="NAME", help="print an API token of this name")

    def handle(self, *, username: str, role: str, token: str | None, **_options: Any) -> None:
        """Print exactly one line: what lets the person in."""
        try:
            person = User.objects.filter(username=username).first()
            person = person or add_person(username, by=None, role=Role(role))
            if token:
                self.stdout.write(issue_token(person, by=person, name=token)[1])
            else:
                self.stdout.write(f"/sign-in/{make_sign_in_link(person, by=None)}/")
        except PracticeError as error:
            raise CommandError(error.message) from error
