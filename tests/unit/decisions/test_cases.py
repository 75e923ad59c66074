"""What the store is asked about a contact: requests that are right as they are, seen at a glance."""

from __future__ import annotations

from evenhand.v1.assignment_service_pb2 import EvaluateContactRequest
from evenhand.v1.contact_pb2 import Contact
from hypothesis import given
from hypothesis import strategies as st

from service.decisions.cases import is_plain
from service.decisions.request_checks import problems

TEXTS = st.sampled_from(["", "a", "b" * 128, "b" * 129, "\n", "é", "\u200d", "\u3164", "é\ufe0f"])


@given(
    workspace=TEXTS,
    named=TEXTS,
    contact_id=TEXTS,
    owner=TEXTS,
    request_id=TEXTS,
    tags=st.lists(TEXTS, max_size=3),
    traits=st.dictionaries(TEXTS, st.sampled_from(["", "x", "y" * 5000]), max_size=3),
    event=st.integers(0, 4),
)
def test_what_is_plain_has_no_problems(**fields):
    """Whatever request passes the look at a glance passes the careful one too."""
    workspace, named, contact_id, owner, request_id, tags, traits, event = fields.values()
    contact = Contact(id=contact_id, owner_id=owner, tags=tags)
    for key, value in traits.items():
        contact.traits[key].string_value = value
    request = EvaluateContactRequest(
        workspace_id=named, event_type=event, contact=contact, request_id=request_id, updated_keys=tags
    )
    if workspace == "a" and is_plain(workspace, request):
        assert problems(workspace, request) == []
