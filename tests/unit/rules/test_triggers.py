"""Triggers: each of the contract has its row, and which of them cover others follows from the rows."""

from __future__ import annotations

import pytest
from evenhand.v1 import rules_pb2

from service.rules.conditions.folded_contact import FoldedContact
from service.rules.triggers import TRIGGERS, covering, occasion_of
from tests.support import builders as make


def test_every_trigger_has_a_row():
    """Each trigger of the contract but UNSPECIFIED stands in the table of triggers, and no other number does."""
    assert TRIGGERS.keys() == set(rules_pb2.RuleTrigger.values()) - {rules_pb2.RULE_TRIGGER_UNSPECIFIED}


def test_every_trigger_has_a_letter_of_its_own():
    """One letter stands for one trigger in a prepared line."""
    letters = [trigger.letter for trigger in TRIGGERS.values()]
    assert [len(letter) for letter in letters] == [1] * len(letters)
    assert len(set(letters)) == len(letters)


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (make.ON_NEW_WHATSAPP, {make.ON_NEW_WHATSAPP, make.ON_CREATED}),
        (make.ON_CREATED, {make.ON_CREATED}),
        (make.ON_UPDATE, {make.ON_UPDATE}),
        (make.ON_OPENED, {make.ON_OPENED}),
        (99, {99}),
    ],
)
def test_what_covers_a_trigger(trigger, expected):
    """Itself covers a trigger, and any that fits the same events and more; of an unknown one nothing more is known."""
    assert set(covering(trigger)) == expected


def test_the_source_is_asked_for_only_where_it_matters():
    """Events whose triggers fit any source are told apart without the contact's source."""

    class Asked(FoldedContact):
        def source(self):
            raise AssertionError("was asked")

    contact = Asked(make.contact("c"), ())
    assert occasion_of(make.UPDATED, contact) == TRIGGERS[make.ON_UPDATE].letter
    assert occasion_of(make.OPENED, contact) == TRIGGERS[make.ON_OPENED].letter
    assert occasion_of(99, contact) == occasion_of(0, contact) == ""
    with pytest.raises(AssertionError):
        occasion_of(make.CREATED, contact)
