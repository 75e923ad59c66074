"""Triggers: each of the contract has its row, and which of them cover others follows from the rows."""

from __future__ import annotations

import pytest
from evenhand.v1 import rules_pb2

from service.rules.triggers import OCCASIONS, OCCASIONS_BY_OTHERS, TRIGGERS, Occasions, covering
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
        (make.ON_OPENED, {make.ON_OPENED, make.ON_OPENED_BY_ANYONE}),
        (make.ON_OPENED_BY_ANYONE, {make.ON_OPENED_BY_ANYONE}),
        (99, {99}),
    ],
)
def test_what_covers_a_trigger(trigger, expected):
    """Itself covers a trigger, and any that fits the same events and more; of an unknown one nothing more is known."""
    assert set(covering(trigger)) == expected


def test_the_source_matters_only_for_new_contacts():
    """Events other than a contact's creation are one occasion each, whatever the contact's source."""
    letter = {number: trigger.letter for number, trigger in TRIGGERS.items()}
    assert {
        make.CREATED: Occasions(
            {"whatsapp_dm": letter[make.ON_NEW_WHATSAPP] + letter[make.ON_CREATED]}, letter[make.ON_CREATED]
        ),
        make.UPDATED: Occasions({}, letter[make.ON_UPDATE]),
        make.OPENED: Occasions({}, letter[make.ON_OPENED] + letter[make.ON_OPENED_BY_ANYONE]),
    } == OCCASIONS


def test_who_opened_matters_only_for_conversations():
    """An event that somebody else than the contact opened is another occasion if it is a conversation, and no other."""
    letter = TRIGGERS[make.ON_OPENED_BY_ANYONE].letter
    assert {**OCCASIONS, make.OPENED: Occasions({}, letter)} == OCCASIONS_BY_OTHERS
