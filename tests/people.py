"""Three named people that tests borrow: Vera sees, Otto acts, Ada manages."""

import pytest

from practice.models import User
from practice.roles import Role
from practice.services.people import add_person

PASSWORD = "practise-makes-perfect"


@pytest.fixture
def vera(db: None) -> User:
    """A viewer."""
    return add_person("vera", by=None, role=Role.VIEWER, password=PASSWORD)


@pytest.fixture
def otto(db: None) -> User:
    """An operator."""
    return add_person("otto", by=None, role=Role.OPERATOR, password=PASSWORD)


@pytest.fixture
def ada(db: None) -> User:
    """An administrator."""
    return add_person("ada", by=None, role=Role.ADMIN, password=PASSWORD)
