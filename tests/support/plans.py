"""What a configuration comes to, for tests that talk to the store without a server: views, choices, places."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from service.rules.choices import Choice, View
from service.rules.plan import AgentPlan, Change, Place
from service.store.values import NewRules

if TYPE_CHECKING:
    from collections.abc import Sequence


def view(pool: str, strategy: int, **asked: Any) -> View:
    """A way to look at a pool; `asked` are fields of a rule, without those that are not set."""
    return View(pool, strategy, json.dumps({name: asked[name] for name in sorted(asked)}, separators=(",", ":")))


def choice(of: View) -> Choice:
    """What a rule with this view asks for."""
    return Choice(of, "rule", "sales")


def rules(*views: View) -> NewRules:
    """Rules with these views, of which nothing but the choices is looked at."""
    return NewRules(b"", b"", {choice(each).ref: choice(each).text for each in views})


def everyone_in(views: Sequence[View], agents: Sequence[str], predecessor: str = "") -> Change:
    """A new pool with these agents in this order, and nothing else; `predecessor` is the pool that it carries on."""
    pool = views[0].pool
    followed = {each.name: View(predecessor, each.strategy, each.asked).name if predecessor else "" for each in views}
    places = [(agent, (Place(pool, at, predecessor, tuple(views)),)) for at, agent in enumerate(agents, 1)]
    return Change(followed, [AgentPlan(agent, agent, 1, 0, True, place) for agent, place in places], [], [])
