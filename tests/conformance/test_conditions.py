"""deploy/adr/0006, "Conditions": what each test means, through a real rule."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

import pytest
from evenhand.v1 import rules_pb2

from tests.support.builders import (
    ASSIGNED,
    CREATED,
    NO_RULE_MATCHED,
    ON_CREATED,
    ON_UPDATE,
    UPDATED,
    all_of,
    any_of,
    channel,
    contact,
    expression,
    none_of,
    rule,
    source,
    tag,
    trait,
)
from tests.support.client import refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.client import Workspace


class Asker:
    """Asks a workspace whether a condition holds."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._asked = 0
        workspace.roster("ann")

    def __call__(self, condition: rules_pb2.Condition, updated_keys: Iterable[str] = (), **fields: Any) -> bool:
        """Whether a rule with this condition takes a contact with these fields."""
        self._asked += 1
        trigger, event = (ON_UPDATE, UPDATED) if updated_keys else (ON_CREATED, CREATED)
        self._workspace.rules(rule("r", on=trigger, when=condition))
        outcome = self._workspace.evaluate(event, contact(f"c{self._asked}", **fields), updated_keys).outcome
        assert outcome in {ASSIGNED, NO_RULE_MATCHED}
        return outcome == ASSIGNED


@pytest.fixture
def holds(workspace: Workspace) -> Asker:
    """Whether a condition holds for a contact with these fields."""
    return Asker(workspace)


VIP, NEW, OLD = (tag(any_of=[name]) for name in ("vip", "new", "old"))


def test_no_condition_means_always(workspace: Workspace, holds: Asker):
    """A rule without condition takes everything."""
    assert holds(None)
    workspace.rules(rule("r"))
    assert workspace.created("x").outcome == ASSIGNED


def test_all_any_none(holds: Asker):
    """`all` wants every one, `any` at least one, `none` not one."""
    assert holds(all_of(VIP, NEW), tags=["vip", "new"])
    assert not holds(all_of(VIP, NEW), tags=["vip"])
    assert holds(any_of(VIP, NEW), tags=["new"])
    assert not holds(any_of(VIP, NEW), tags=["old"])
    assert holds(none_of(VIP, NEW), tags=["old"])
    assert not holds(none_of(VIP, NEW), tags=["new", "old"])


def test_trees(holds: Asker):
    """Conditions nest."""
    tree = all_of(any_of(VIP, all_of(NEW, source("api"))), none_of(OLD))
    assert holds(tree, tags=["vip"])
    assert holds(tree, tags=["new"], source="api")
    assert not holds(tree, tags=["new"])
    assert not holds(tree, tags=["vip", "old"])


def test_tags(holds: Asker):
    """Every list of a tag test must hold, and text compares without regard to case or surrounding space."""
    assert holds(tag(any_of=["VIP Customer"]), tags=[" vip customer "])
    assert not holds(tag(any_of=["VIP Customer"]), tags=["vip"])
    assert not holds(tag(any_of=["a"]))
    assert holds(tag(all_of=["a", "b"]), tags=["b", "c", "a"])
    assert not holds(tag(all_of=["a", "b"]), tags=["a"])
    assert holds(tag(none_of=["a"]))
    assert not holds(tag(none_of=["a", "b"]), tags=["B"])
    both = tag(any_of=["a", "b"], all_of=["c"], none_of=["d"])
    assert holds(both, tags=["b", "c"])
    assert not holds(both, tags=["b", "c", "d"])
    assert not holds(both, tags=["c"])
    assert not holds(both, tags=["a"])


def test_a_tag_that_was_just_added(holds: Asker):
    """changed_any_of asks for a tag that the contact has and the event has set, whatever else it set."""
    added = tag(changed_any_of=["VIP", "gold"])
    assert holds(added, updated_keys=["city", "vip "], tags=["new", "Vip"])
    assert not holds(added, updated_keys=["new"], tags=["new", "vip"])
    assert not holds(added, updated_keys=["vip"], tags=["new"])
    assert not holds(added, tags=["vip"])
    assert not holds(tag(changed_any_of=["vip"], none_of=["test"]), updated_keys=["vip"], tags=["vip", "test"])
    assert holds(tag(changed_any_of=["vip"], all_of=["new"]), updated_keys=["vip"], tags=["vip", "new"])


def test_source_and_channel(holds: Asker):
    """Source and channel are one of those named, without regard to case or surrounding space."""
    assert holds(source("api", "Manual"), source=" MANUAL")
    assert not holds(source("api", "manual"), source="upload")
    assert holds(channel("WhatsApp"), channel="whatsapp ")
    assert not holds(channel("email"), channel="whatsapp")


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("women's", "Women\u2019s"),
        ("istanbul", "\u0130stanbul"),
        ("2024-2025", "2024\u20132025"),
        ("new lead", "new  \u00a0lead"),
        ("M\u00fcller", "Mu\u0308ller"),
        ("\u0110\u00e0 N\u1eb5ng", "\u0111a\u0300 na\u0306\u0303ng"),
        ("\uc11c\uc6b8", "\u1109\u1165\u110b\u116e\u11af"),
        ("\u0958", "\u0915\u093c"),
    ],
)
def test_text_compares_as_a_reader_would(holds: Asker, asked: str, sent: str):
    """Case, space, Unicode form and the shape of marks make no difference, in tags, traits, sources and channels."""
    assert holds(tag(any_of=[asked]), tags=[sent.replace("\u00a0", " ")])
    assert holds(trait("x", "EQUALS", asked), traits={"x": sent})
    assert holds(trait("x", "EQUALS", sent), traits={"x": asked})
    assert holds(source(asked), source=sent.replace("\u00a0", " "))
    assert holds(channel(asked), channel=sent.replace("\u00a0", " "))


def test_accents_make_a_difference(holds: Asker):
    """A letter with an accent is another letter."""
    assert not holds(tag(any_of=["Jose"]), tags=["Jos\u00e9"])
    assert not holds(trait("x", "EQUALS", "Jos\u00e9"), traits={"x": "Jose"})


MISSING = {"NOT_EXISTS", "NOT_EQUALS", "NOT_IN"}
ARGUMENTS = {"EXISTS": (), "NOT_EXISTS": (), "CHANGED": ()}
OPERATORS = [name.removeprefix("TRAIT_OPERATOR_") for name in rules_pb2.TraitOperator.keys()[1:]]


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_missing_trait(holds: Asker, operator: str):
    """A missing or null trait makes every operator false but NOT_EXISTS, NOT_EQUALS and NOT_IN."""
    test = trait("budget", operator, *ARGUMENTS.get(operator, ("5",)))
    for traits in ({}, {"budget": None}, {"Budget": "5"}):
        assert holds(test, updated_keys=["budget"], traits=traits) == (operator in MISSING)


HOLD = [
    ({"x": False}, "EXISTS"),
    ({"x": 0}, "EXISTS"),
    ({"x": ["", "a"]}, "EXISTS"),
    *(({"x": blank}, "NOT_EXISTS") for blank in ("", " \t ", "\u3000", [], {}, [""])),
    ({"x": ""}, "NOT_EQUALS", "a"),
    ({"x": "Women's Fashion"}, "EQUALS", " women's fashion "),
    ({"x": 5000}, "EQUALS", 5000),
    ({"x": "5000"}, "EQUALS", 5000),
    ({"x": 5000}, "EQUALS", "5000"),
    *(({"x": amount}, "EQUALS", 5000) for amount in (" 5e3 ", "5,000", "\u20b95000", "5.000,00 \u20ac", "5000.")),
    ({"x": "\u20b9 1,00,000"}, "EQUALS", 100000),
    ({"x": " 01067"}, "EQUALS", "01067"),
    ({"x": ["Wholesale", "Retail"]}, "EQUALS", "retail"),
    ({"x": ["Wholesale", "Retail"]}, "IN", "wholesale", "export"),
    ({"x": ["Wholesale", "Retail"]}, "NOT_IN", "export", "import"),
    ({"x": ["Wholesale", "Retail"]}, "NOT_EQUALS", "export"),
    ({"x": True}, "EQUALS", True),
    ({"x": True}, "EQUALS", "TRUE"),
    ({"x": "false"}, "EQUALS", False),
    ({"x": "a"}, "NOT_EQUALS", "b"),
    ({"x": 1}, "NOT_EQUALS", True),
    ({"x": "Very Interested"}, "CONTAINS", "interested"),
    ({"x": ["Red", "Blue"]}, "CONTAINS", "blue"),
    ({"x": [1, 2]}, "CONTAINS", "2"),
    ({"x": ["redblue"]}, "CONTAINS", "red"),
    ({"x": ["n/a", "+91 98"]}, "STARTS_WITH", "+91"),
    ({"x": ["ana@a.example", "b"]}, "ENDS_WITH", ".example"),
    ({"x": ["n/a", "9,000"]}, "GREATER", 5000),
    ({"x": 15000}, "CONTAINS", "500"),
    ({"x": " +91 98"}, "STARTS_WITH", "+91"),
    ({"x": 5000}, "STARTS_WITH", "50"),
    ({"x": "Ana@University.Example "}, "ENDS_WITH", "@university.example"),
    ({"x": 5000}, "ENDS_WITH", "00"),
    ({"x": "gold"}, "IN", "silver", "GOLD"),
    ({"x": 3}, "IN", "1", "3"),
    ({"x": "bronze"}, "NOT_IN", "silver", "gold"),
    ({"x": "4999.99"}, "LESS", 5000),
    ({"x": "9"}, "LESS", "10"),
    ({"x": -1}, "LESS", "-0.5"),
    ({"x": "4,999"}, "LESS", "5,000"),
    ({"x": 5000}, "LESS_OR_EQUAL", "5000"),
    ({"x": "5001"}, "GREATER", 5000),
    ({"x": "2026-11-22"}, "GREATER", "2026-01-31"),
    ({"x": "2026-01-31T23:00:00-05:00"}, "GREATER", "2026-02-01T01:00:00+01:00"),
    ({"x": "2026-01-31"}, "LESS_OR_EQUAL", "2026-01-31T00:00:00Z"),
    ({"x": "1e4"}, "GREATER_OR_EQUAL", 10000),
]
FAIL = [
    ({"x": "a"}, "NOT_EXISTS"),
    ({"x": "women"}, "EQUALS", "women's fashion"),
    ({"x": "5000a"}, "EQUALS", 5000),
    ({"x": 1}, "EQUALS", True),
    ({"x": ["a"]}, "EQUALS", "b"),
    ({"x": ["a", "b"]}, "NOT_EQUALS", "b"),
    ({"x": ["Wholesale", "Retail"]}, "NOT_IN", "wholesale"),
    ({"x": "01067"}, "EQUALS", "1067"),
    ({"x": "007"}, "IN", "7", "8"),
    ({"x": "1E5"}, "EQUALS", "100000"),
    ({"x": "1.10"}, "EQUALS", "1.1"),
    ({"x": 1067}, "EQUALS", "01067"),
    ({"x": "5k"}, "EQUALS", 5000),
    *(({"x": blank}, "EXISTS") for blank in ("", " \t ", "\u3000", [], {}, [""])),
    ({"x": ""}, "LESS", "5000"),
    *(({"x": words}, "GREATER_OR_EQUAL", "5000") for words in ("not sure", "lots", "\u20b9800", "-")),
    *(({"x": words}, "LESS", "5000") for words in ("not sure", "-", "5,000", "2026-01-31")),
    ({"x": "31/01/2026"}, "GREATER", "2026-01-31"),
    ({"x": {"a": 1}}, "EQUALS", "a"),
    ({"x": "A"}, "NOT_EQUALS", "a "),
    ({"x": "5000"}, "NOT_EQUALS", 5000),
    ({"x": "interested"}, "CONTAINS", "very interested"),
    ({"x": ["redblue"]}, "CONTAINS", "green"),
    ({"x": {"red": 1}}, "CONTAINS", "red"),
    ({"x": "the +91"}, "STARTS_WITH", "+91"),
    ({"x": "ana@university.example.org"}, "ENDS_WITH", "@university.example"),
    ({"x": "bronze"}, "IN", "silver", "gold"),
    ({"x": "Gold"}, "NOT_IN", "silver", "gold"),
    ({"x": "5000"}, "LESS", 5000),
    ({"x": "10"}, "LESS", "9"),
    ({"x": "cheap"}, "LESS", 5000),
    ({"x": "cheap"}, "GREATER", 5000),
    ({"x": True}, "GREATER", 0),
    ({"x": "4999"}, "GREATER_OR_EQUAL", 5000),
    ({"x": float("nan")}, "EQUALS", 5),
    ({"x": float("nan")}, "LESS_OR_EQUAL", 5),
    ({"x": "nan"}, "GREATER_OR_EQUAL", 5),
    ({"x": "inf"}, "GREATER", 5),
    ({"x": "0x10"}, "EQUALS", 16),
    ({"x": "1_000"}, "EQUALS", 1000),
]


@pytest.mark.parametrize(("traits", "operator", "values"), [(traits, op, values) for traits, op, *values in HOLD])
def test_a_trait_test_holds(holds: Asker, traits: dict, operator: str, values: list):
    """A number asks for numbers, as people write them, a text for texts; of a list one element is enough."""
    assert holds(trait("x", operator, *values), traits=traits)


@pytest.mark.parametrize(("traits", "operator", "values"), [(traits, op, values) for traits, op, *values in FAIL])
def test_a_trait_test_does_not_hold(holds: Asker, traits: dict, operator: str, values: list):
    """What does not compare is false, and so is what is not so."""
    assert not holds(trait("x", operator, *values), traits=traits)


def test_changed(holds: Asker):
    """CHANGED holds if the key is among the event's updated_keys, exactly so, whatever else the contact has."""
    changed = trait("budget", "CHANGED")
    assert holds(changed, updated_keys=["city", "budget"], traits={"budget": 5, "city": "Pune"})
    assert not holds(changed, updated_keys=["city"], traits={"budget": 5, "city": "Pune"})
    assert not holds(changed, updated_keys=["Budget"], traits={"budget": 5})
    assert not holds(changed, traits={"budget": 5})


def test_an_expression_says_what_the_others_cannot(holds: Asker):
    """An expression sees id, source, channel, tags and traits of the contact."""
    assert holds(expression("contact.tags.size() > 2"), tags=["a", "b", "c"])
    assert not holds(expression("contact.tags.size() > 2"), tags=["a", "b"])
    assert holds(expression("contact.id.startsWith('c') && contact.source == 'api'"), source="api")
    assert holds(expression("contact.channel == 'email' || 'vip' in contact.tags"), tags=["vip"])
    assert holds(expression("contact.traits['budget'] > 5000.0"), traits={"budget": 5001})
    assert holds(expression("contact.traits['city'] == 'Pune'"), traits={"city": "Pune"})
    assert holds(expression("contact.traits.x.y[1] == 'b'"), traits={"x": {"y": ["a", "b"]}})
    assert holds(all_of(VIP, expression("contact.traits['age'] >= 18.0")), tags=["vip"], traits={"age": 18})


def test_the_remedies_of_an_expression(holds: Asker):
    """has() says what holds without a trait, and double() reads a number in a text."""
    human = expression("!has(contact.traits.status) || contact.traits.status != 'human'")
    assert [holds(human, traits=traits) for traits in ({}, {"status": "bot"}, {"status": "human"})] == [
        True,
        True,
        False,
    ]
    rated = expression("has(contact.traits.rating) && double(contact.traits.rating) >= 4.0")
    assert [holds(rated, traits={"rating": rating}) for rating in ("5.0", 5, "3.5", "good")] == [
        True,
        True,
        False,
        False,
    ]
    assert not holds(rated)


def test_nothing_in_a_contact_fails_an_expression(holds: Asker):
    """An expression that meets a missing key, another type or a non-bool value is false."""
    needs_number = expression("contact.traits['budget'] > 5000.0")
    assert not holds(needs_number)
    assert not holds(needs_number, traits={"budget": "lots"})
    assert not holds(needs_number, traits={"budget": [1]})
    assert not holds(needs_number, traits={"budget": None})
    assert not holds(expression("contact.traits['x']"), traits={"x": "true"})
    assert holds(expression("contact.traits['x']"), traits={"x": True})
    assert not holds(expression("1 / int(contact.tags.size()) > 0"))
    assert not holds(expression("contact.traits['x'].matches('(a+)+$')"), traits={"x": "a" * 4000 + "!"})


@pytest.mark.parametrize(
    "text", ["", "contact.", "contact.nmae == 'a'", "contact.id", "1 + 1", "contact.id > 5", "unknown == 1", "a" * 5000]
)
def test_a_wrong_expression_is_refused(workspace: Workspace, text: str):
    """An expression that is empty, too long, wrong, ill-typed or gives no bool is refused by its path."""
    with refused("INVALID_ARGUMENT") as said:
        workspace.rules(rule("ok"), rule("r", when=all_of(VIP, expression(text))))
    assert said.fields == {"rule_set.rules[1].condition.all.conditions[1].expression"}


def test_odd_contacts_do_no_harm(holds: Asker):
    """Traits of any shape, odd text and huge numbers only ever make a test false."""
    odd = {
        "deep": {"a": [{"b": [None, True, "x"]}]},
        "big": 1.7976931348623157e308,
        "small": -5e-324,
        "text": "٣ ½ 'quote' \" \\ { } $agent.name $contact.x",
        "emoji": "👨‍👧‍👦" * 20,
        "empty": "",
    }
    for key in odd:
        for operator in (one for one in OPERATORS if one not in ARGUMENTS):
            holds(trait(key, operator, "5"), traits=odd)
            holds(trait(key, operator, 5), traits=odd)
    assert holds(trait("text", "CONTAINS", "½"), traits=odd)
    assert not holds(trait("text", "LESS", 5), traits=odd)


def test_every_printable_character_in_a_text(holds: Asker):
    """A text trait equals itself whatever printable characters it is made of."""
    text = string.digits + string.ascii_letters + string.punctuation
    assert holds(trait("x", "EQUALS", text.swapcase()), traits={"x": f"  {text} "})
