"""Random condition trees against random contacts: the service and the plain reading of the contract must agree."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from evenhand.v1 import assignment_service_pb2 as api
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import builders as make
from tests.support.client import Workspace
from tests.support.conditions import holds
from tests.support.random_conditions import contacts, trees, updated_keys

if TYPE_CHECKING:
    from evenhand.v1 import rules_pb2

    from tests.support.backends import Backend


@settings(max_examples=120)
@given(
    conditions=st.lists(trees, min_size=1, max_size=12),
    subjects=st.lists(contacts, min_size=1, max_size=12),
    updated_keys=updated_keys,
)
def test_random_conditions_agree_with_the_model(
    backend: Backend, conditions: list[rules_pb2.Condition], subjects: list[dict[str, Any]], updated_keys: list[str]
):
    """The rule that decides is the first whose condition holds as the model reads it, and nothing ever fails."""
    workspace = Workspace(uuid.uuid4().hex, backend.service())
    workspace.roster("ann")
    workspace.rules(*(make.rule(f"r{number}", on=make.ON_UPDATE, when=one) for number, one in enumerate(conditions)))
    asked = [make.contact(f"c{number}", **fields) for number, fields in enumerate(subjects)]
    decisions = workspace.batch(
        api.EvaluateContactRequest(event_type=make.UPDATED, contact=one, updated_keys=updated_keys) for one in asked
    )
    for contact, decision in zip(asked, decisions, strict=True):
        matching = [number for number, one in enumerate(conditions) if holds(one, contact, updated_keys)]
        assert decision.rule_id == (f"r{matching[0]}" if matching else ""), contact
