"""What the callers call about: the tenants, their people and rules, and the contacts that they share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evenhand.v1 import roster_service_pb2 as roster_api
from evenhand.v1 import rules_pb2

from tests.support import builders
from tests.support.builders import ON_OPENED

if TYPE_CHECKING:
    import random

LIMITS = {f"agent-{number}": 4 + 2 * number for number in range(10)}
"""How many open contacts each agent takes at most."""
NIGHT = ("agent-0", "agent-1", "agent-2", "agent-3")
"""The team that takes opened conversations, while its people are online."""
WORKSPACES = {"keeps-owners": False, "unassigns": True}
"""The tenants: whether closing a contact takes its owner away."""

_CALLS_A_CONTACT = 8


def rules(tag: int, workspace: str) -> rules_pb2.RuleSet:
    """Return a rule set that tells itself from every other by its rules' ids."""
    strategy = (builders.ROUND_ROBIN, builders.LEAST_OPEN_CONTACTS, builders.LONGEST_IDLE)[tag % 3]
    return rules_pb2.RuleSet(
        rules=[
            builders.rule(f"new-{tag}", strategy=strategy, reply=f"Welcome from $agent.name by {tag}"),
            builders.rule(f"opened-{tag}", on=ON_OPENED, to=builders.team("night"), online_only=True),
        ],
        unassign_on_close=WORKSPACES[workspace],
    )


def roster(chance: random.Random) -> roster_api.Roster:
    """Return the people, whose weights and names change, and whose limits never do."""
    people = [
        builders.agent(one, max_open_contacts=most, weight=chance.randint(1, 4), name=f"{one} {chance.random():.3f}")
        for one, most in LIMITS.items()
    ]
    return builders.roster(*people, night=NIGHT)


@dataclass
class Contacts:
    """The contacts that callers share, so that several call about one at once."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    made: int = 0
    calls: dict[tuple[str, str], int] = field(default_factory=dict)
    tags: int = 0

    def new(self, workspace: str) -> str:
        """Return one that nobody has called about."""
        with self.lock:
            self.made += 1
            self.calls[workspace, f"c{self.made}"] = 1
            return f"c{self.made}"

    def known(self, workspace: str, chance: random.Random) -> str | None:
        """Return one that was called about and may be again, a late one rather; None: there is none."""
        with self.lock:
            usable = [name for (where, name), calls in self.calls.items() if where == workspace and calls > 0][-60:]
            if not usable:
                return None
            name = chance.choice(usable)
            calls = self.calls[workspace, name] + 1
            self.calls[workspace, name] = calls if calls < _CALLS_A_CONTACT else 0
            return name

    def tag(self) -> int:
        """Return the next number of a rule set."""
        with self.lock:
            self.tags += 1
            return self.tags
