"""The cache of compiled rules, on a real Redis."""

from __future__ import annotations

from evenhand.v1.contact_pb2 import EVENT_TYPE_CONTACT_CREATED, Contact
from evenhand.v1.rules_pb2 import Rule, RuleSet, RuleTrigger, Target

from service.metrics import CacheMetrics
from service.rpc.rulebook import RuleBook
from service.rules.plan import Change
from service.store import keys
from service.store.redis import Redis
from service.store.store import Store
from tests.support.processes import RedisServer

SIZE = 3


def test_the_cache_is_bounded_and_keeps_who_was_asked_about_last():
    """However many workspaces are asked about, so many are kept, the latest ones; the others are read again."""
    with RedisServer() as server:
        redis = Redis(server.url, 5.0)
        store = Store(redis, contact_retention_s=3600, replay_retention_s=60)
        for name in "abcde":
            rule = Rule(id=name, trigger=RuleTrigger.RULE_TRIGGER_CONTACT_CREATED, target=Target(everyone=True))
            store.configure(
                keys.root(name),
                store.configuration(keys.root(name)),
                Change([], [], [], []),
                rules=RuleSet(rules=[rule]).SerializeToString(),
                unassign_on_close=False,
            )
        book = RuleBook(store, SIZE, CacheMetrics())
        first = book.of("a")
        for name in "bcade":
            chosen = book.of(name).compiled.match(EVENT_TYPE_CONTACT_CREATED, Contact(id="c"))
            assert chosen is not None
            assert chosen.rule_id == name
            assert len(book) <= SIZE
        assert book.of("a") is first, "it was asked about again before d and e"
        assert book.of("b") is not None
        assert len(book) == SIZE
        redis.close()
