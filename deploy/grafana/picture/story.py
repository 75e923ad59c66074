"""The story of the README's picture: two minutes of a small shop, played in real time through a real service.

Three teams take what customers write: sales by round robin, of whom Chitra counts twice; support by least open
contacts; billing by round robin. Support and billing only choose who is online. What agents take they close after a
while, if they are there.
"""

from __future__ import annotations

import heapq
import itertools
import random
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.support import builders as b

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.client import Workspace

WORKSPACE: Final = "my-shop"
PRELUDE_S: Final = 20.0
"""How long it goes on before the picture begins, so that nothing begins at zero."""

SHOWN_S: Final = 120.0
_BEAT_S: Final = 1 / 8
"""One customer writes each."""

_OLD_CONVERSATIONS: Final = 30
_TEAMS: Final = {
    "sales": ("Asha", "Bilal", "Chitra"),
    "support": ("Dev", "Elif", "Farid"),
    "billing": ("Gita", "Hana"),
}
_OPEN_S: Final = {"sales": 9.0, "support": 12.0, "billing": 5.0}
"""How long a contact is open, on average."""

_TEAM_OF: Final = {agent: team for team, agents in _TEAMS.items() for agent in agents}


class Moment(NamedTuple):
    """Something that happened.

    Attributes:
        at: in seconds since 1970.
        what: in a few words.
    """

    at: float
    what: str


class Shop:
    """The workspace, its customers and its agents.

    Args:
        workspace: nobody has used it.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._random = random.Random(7)
        self._numbers = itertools.count(1)
        self._away: set[str] = set()
        # When a contact is to be closed, which, and by whom.
        self._open: list[tuple[float, str, str]] = []
        # How often of a hundred times a customer does this.
        self._customers: dict[Callable[[], None], int] = {
            lambda: self._writes("order"): 41,
            lambda: self._writes("help"): 34,
            lambda: self._writes("invoice"): 11,
            self._writes: 5,
            self._is_uploaded: 4,
            self._writes_again: 4,
            self._is_reported_twice: 1,
        }
        self._scenes: list[tuple[float, str, Callable[[], None]]] = [
            (18, f"A manager gives Elif {_OLD_CONVERSATIONS} old conversations by hand", self._hand_over),
            (40, "Farid of support goes on holiday", lambda: self._leave("Farid")),
            (62, "All of billing are in a meeting", lambda: self._leave("Gita", "Hana")),
            (78, "Billing is back", lambda: self._come_back("Gita", "Hana")),
            (90, "Farid is back", lambda: self._come_back("Farid")),
        ]

    def open(self) -> None:
        """Configure who works here and who gets what; all are online but two of sales, where nobody asks for it."""
        chitra = b.agent("Chitra", weight=2)
        everybody = [chitra if agent == "Chitra" else agent for agent in _TEAM_OF]
        self._workspace.roster(*everybody, **_TEAMS)
        self._workspace.rules(
            b.rule("orders", when=b.tag(any_of=["order"]), to=b.team("sales")),
            b.rule(
                "help",
                when=b.tag(any_of=["help"]),
                to=b.team("support"),
                strategy=b.LEAST_OPEN_CONTACTS,
                online_only=True,
            ),
            b.rule("invoices", when=b.tag(any_of=["invoice"]), to=b.team("billing"), online_only=True),
            fallback=b.fallback(to=b.team("sales")),
        )
        self._workspace.online("Chitra", *_TEAMS["support"], *_TEAMS["billing"])

    def play(self, seconds: float) -> None:
        """Let customers write and agents work for so long."""
        self._until(time.time() + seconds)

    def tell(self, begun: float) -> list[Moment]:
        """Play the story, which ends SHOWN_S after it has begun; return what happened besides everyday work."""
        moments = []
        for at, what, happens in self._scenes:
            self._until(begun + at)
            happens()
            moments.append(Moment(time.time(), what))
        self._until(begun + SHOWN_S)
        return moments

    def _until(self, end: float) -> None:
        beat = time.time()
        while beat < end:
            (what,) = self._random.choices(list(self._customers), list(self._customers.values()))
            what()
            self._close_what_is_done()
            beat += _BEAT_S
            time.sleep(max(0.0, beat - time.time()))

    # What customers do.

    def _writes(self, *tags: str) -> None:
        self._taken(contact_id := self._new_id(), self._workspace.created(contact_id, tags=tags).agent_id)

    def _is_uploaded(self) -> None:
        self._workspace.created(self._new_id(), source="upload")

    def _writes_again(self) -> None:
        if self._open:
            self._workspace.opened(self._random.choice(self._open)[1])

    def _is_reported_twice(self) -> None:
        contact_id = self._new_id()
        for _ in range(2):
            decision = self._workspace.created(contact_id, tags=["order"], request_id=contact_id)
        self._taken(contact_id, decision.agent_id)

    def _new_id(self) -> str:
        return f"customer-{next(self._numbers)}"

    # What agents do.

    def _taken(self, contact_id: str, agent: str) -> None:
        if agent:
            lasts = self._random.expovariate(1 / _OPEN_S[_TEAM_OF[agent]])
            heapq.heappush(self._open, (time.time() + lasts, contact_id, agent))

    def _close_what_is_done(self) -> None:
        while self._open and self._open[0][0] <= time.time():
            _, contact_id, agent = heapq.heappop(self._open)
            if agent in self._away:
                # It lasts from now on: work that waited is not done at a stroke when its agent is back.
                self._taken(contact_id, agent)
            else:
                self._workspace.close(contact_id)

    def _leave(self, *agents: str) -> None:
        self._workspace.offline(*agents)
        self._away |= {*agents}

    def _come_back(self, *agents: str) -> None:
        self._workspace.online(*agents)
        self._away -= {*agents}

    def _hand_over(self) -> None:
        for number in range(_OLD_CONVERSATIONS):
            contact_id = f"old-{number}"
            self._workspace.assign(contact_id, "Elif")
            self._taken(contact_id, "Elif")
