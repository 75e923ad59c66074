"""Fixtures for pytest, which finds them by itself where `evenhand-protos[testing]` is installed.

def test_a_first_message(evenhand_address, evenhand_workspace):
    with grpc.insecure_channel(evenhand_address) as channel:
        ...
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from evenhand.testing.service import running_service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def evenhand_address() -> Iterator[str]:
    """The address of a real service with an empty Redis of its own, which serves until the last test has ended."""
    with running_service() as address:
        yield address


@pytest.fixture
def evenhand_workspace() -> str:
    """The id of a workspace that no other test knows: nothing is shared between two workspaces."""
    return f"test-{uuid.uuid4().hex}"
