"""The cache of compiled rules, on a real Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from evenhand.v1.contact_pb2 import EVENT_TYPE_CONTACT_CREATED, Contact
from evenhand.v1.rules_pb2 import Rule, RuleSet, RuleTrigger, Target

from service.call import NO_DEADLINE
from service.decisions.rulebook import RuleBook, Rules
from service.redis_client.client import RedisClient
from service.rules import choices_of, dump, prepare
from service.rules.plan import Change
from service.store import keys
from service.store.values import NO_VERSION, NewRules, revision_of
from service.telemetry.metrics import CacheMetrics
from tests.support.processes import RedisServer
from tests.support.stores import open_store, raw

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from service.store.store import RedisStore

SIZE = 3
ROOMY = 1_000_000


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisClient]:
    """A way to a Redis of these tests' own."""
    with RedisServer() as server:
        redis = RedisClient(server.url, 5.0)
        yield redis
        redis.close()


@pytest.fixture
def store(redis: RedisClient) -> RedisStore:
    """A store with rules in the workspaces a to e, each with one rule of its own name."""
    store = open_store(redis)
    for name in "abcde":
        configure(store, name, name)
    return store


def configure(store: RedisStore, workspace: str, rule_id: str, prepared: bytes | None = None) -> None:
    """Put one rule in force; `prepared`: what stands beside it instead of what should."""
    rule = Rule(id=rule_id, trigger=RuleTrigger.RULE_TRIGGER_CONTACT_CREATED, target=Target(everyone=True))
    rule_set = RuleSet(rules=[rule])
    written = dump(prepare(rule_set)) if prepared is None else prepared
    choices = {choice.ref: choice.text for choice in choices_of(rule_set)}
    rules = NewRules(rule_set.SerializeToString(), written, choices)
    change = Change({}, [], [], [])
    made = store.workspace(workspace)
    assert made.configure(made.configuration(), change, rules=rules, unassign_on_close=False)


def rules_of(book: RuleBook, workspace: str, stale: Collection[str] = ()) -> Rules:
    """The rules of one workspace."""
    found = book.of_each([workspace], NO_DEADLINE, stale)[workspace]
    assert isinstance(found, Rules)
    return found


def chosen(rules: Rules) -> str:
    """Return the rule that takes a contact."""
    selection = rules.compiled.match(EVENT_TYPE_CONTACT_CREATED, Contact(id="c"))
    assert selection is not None
    return selection.rule_id


def test_the_cache_is_bounded_and_keeps_who_was_asked_about_last(store):
    """However many workspaces are asked about, so many are kept, the latest ones; the others are read again."""
    book = RuleBook(store, SIZE, ROOMY, CacheMetrics())
    rules_of(book, "a")
    first = rules_of(book, "a")
    for name in "bcade":
        assert chosen(rules_of(book, name)) == name
        assert len(book) <= SIZE
    assert rules_of(book, "a") is first, "it was asked about again before d and e"
    assert rules_of(book, "b") is not None
    assert len(book) == SIZE


def test_the_cache_is_bounded_by_bytes(store):
    """Where rules are large, fewer workspaces are kept: those asked about last, or one that alone is too large."""
    one = rules_of(RuleBook(store, SIZE, ROOMY, CacheMetrics()), "a", stale={"a"}).weight
    book = RuleBook(store, SIZE, 2 * one, CacheMetrics())
    for name in "abcab":
        assert chosen(rules_of(book, name, stale={name})) == name
        assert len(book) <= 2
    first = rules_of(book, "a")
    assert rules_of(book, "a") is first
    narrow = RuleBook(store, SIZE, one - 1, CacheMetrics())
    for name in "abab":
        last = rules_of(narrow, name, stale={name})
        assert rules_of(narrow, name) is last
        assert len(narrow) == 1


def test_who_is_asked_about_twice_is_read_from_redis_once(store):
    """What came with many others is cached the next time, though Redis is not asked again, and then stays as it is."""
    book = RuleBook(store, SIZE, ROOMY, CacheMetrics())
    assert [chosen(rules) for rules in book.of_each(["a", "b"], NO_DEADLINE).values()] == ["a", "b"]
    configure(store, "a", "newer")
    again = rules_of(book, "a")
    assert chosen(again) == "a"
    assert rules_of(book, "a") is again
    assert chosen(rules_of(book, "a", stale={"a"})) == "newer"


@pytest.mark.parametrize("prepared", [b"", b"evenhand rules 99\nall else may be different"])
def test_rules_that_another_version_put_in_force_are_prepared_anew(store, prepared):
    """Where what stands beside the rules is not for this version to read, the rules themselves are."""
    configure(store, "f", "theirs", prepared)
    assert chosen(rules_of(RuleBook(store, SIZE, ROOMY, CacheMetrics()), "f")) == "theirs"


def test_rules_of_a_version_that_prepares_none_are_not_mistaken_for_older_ones(redis, store):
    """What was prepared of an earlier revision is not taken for the one in force."""
    configure(store, "g", "ours")
    root = keys.root("g")
    theirs = RuleSet(rules=[Rule(id="theirs", trigger=RuleTrigger.RULE_TRIGGER_CONTACT_CREATED)])
    raw(redis, b"SET", root + b":rules", theirs.SerializeToString())
    raw(redis, b"HINCRBY", root, b"revision", b"1")
    rules = rules_of(RuleBook(store, SIZE, ROOMY, CacheMetrics()), "g")
    assert (chosen(rules), revision_of(rules.version)) == ("theirs", 2)


def test_a_workspace_without_rules_has_none(store):
    """A workspace that nobody configured is no error, and no rule takes its contacts."""
    rules = rules_of(RuleBook(store, SIZE, ROOMY, CacheMetrics()), "nobody")
    assert (rules.version, rules.compiled.match(EVENT_TYPE_CONTACT_CREATED, Contact(id="c"))) == (NO_VERSION, None)
