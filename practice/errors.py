"""What the application says when it cannot do what a person asked.

One family, so that each adapter (pages, API, sockets, job runner) translates it in one place. A message is one sentence that
names the bad value and what to do; it is shown to people as it stands.
"""

from collections.abc import Mapping


class PracticeError(Exception):
    """Base of every refusal; `message` is written for people."""

    status = 400
    code = "invalid"

    def __init__(self, message: str, *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields = dict(fields or {})
        """What is wrong per form field; empty when the error concerns the whole request."""


class InvalidError(PracticeError):
    """A value cannot be accepted."""


class TooLargeError(InvalidError):
    """More bytes than are taken."""

    status = 413
    code = "too_large"


class ForbiddenError(PracticeError):
    """The person's role does not allow this."""

    status = 403
    code = "not_allowed"


class MissingError(PracticeError):
    """The thing named does not exist, or may not be seen."""

    status = 404
    code = "not_found"


class ConflictError(PracticeError):
    """The thing is not in a state that allows this."""

    status = 409
    code = "conflict"


class LeaseLostError(PracticeError):
    """Another worker has taken the run over; whoever sees this must stop writing."""

    status = 409
    code = "lease_lost"
