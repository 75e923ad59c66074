"""The story of the pictures: two minutes of a shop, played in real time through a real service.

Three teams take what customers write: sales by round robin, of whom one counts twice; support by least open contacts;
billing by round robin. Support and billing only choose who is online. What agents take they close after a while, if
they are there.
"""

from __future__ import annotations

import heapq
import itertools
import random
import time
from typing import TYPE_CHECKING, Final

from evenhand.v1 import roster_service_pb2

from tests.support import builders as b

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.client import Workspace

PRELUDE_S: Final = 20.0
"""How long it goes on before the picture begins, so that nothing begins at zero."""

SHOWN_S: Final = 120.0
_OLD_CONVERSATIONS: Final = 30
_NAMES: Final = (
    "Asha Bilal Chitra Dev Elif Farid Gita Hana Imran Jaya Kiran Leena Mohan Nadia Omar Priya Qasim Ravi Sana Tara "
    "Uma Vikram Wendy Xenia Yusuf Zara Amit Bela Chen Divya Esra Feroz Gauri Hamid Isha Javed Kavya Latif Meera Nikhil "
    "Olga Pooja Rahul Sunil Tanvi Usha Varun Yash Zoya Anita Bharat Deepa Ekta Gopal Hari Indira Karan Lata Manish Neha"
)
SIZES: Final = {
    3: {"sales": 3},
    8: {"sales": 3, "support": 3, "billing": 2},
    60: {"sales": 24, "support": 24, "billing": 12},
}
"""How many agents are in which team, by how many there are."""

_WANTS: Final = {"sales": "order", "support": "help", "billing": "invoice"}
"""What those write whom a team takes."""

_OPEN_S: Final = {"sales": 9.0, "support": 12.0, "billing": 5.0}
"""How long a contact is open, on average."""

_STRATEGIES: Final = {"sales": b.ROUND_ROBIN, "support": b.LEAST_OPEN_CONTACTS, "billing": b.ROUND_ROBIN}


class Shop:
    """The workspace, its customers and its agents.

    Args:
        workspace: nobody has used it.
        agents: how many, one of SIZES.
    """

    def __init__(self, workspace: Workspace, agents: int) -> None:
        self._workspace = workspace
        self._beat_s = 1 / max(8, agents // 2)
        names = iter(_NAMES.split())
        self._teams = {
            team: {f"{team}-{number}": next(names) for number in range(1, size + 1)}
            for team, size in SIZES[agents].items()
        }
        self._team_of = {agent: team for team, agents in self._teams.items() for agent in agents}
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
        # The last two teams of three, or the one there is.
        one, *_, other = [*self._teams][-2:] if len(self._teams) > 1 else [*self._teams] * 2
        busy, traveller, *_ = [*self._teams[one]][-2:]
        self._scenes: list[tuple[float, Callable[[], None]]] = [
            (18, lambda: self._hand_over(busy)),
            (40, lambda: self._leave(traveller)),
            (62, lambda: self._leave(*self._teams[other])),
            (78, lambda: self._come_back(*self._teams[other])),
            (84, self._change_rules),
            (90, lambda: self._come_back(traveller)),
        ]

    def open(self) -> None:
        """Configure who works here and who gets what; all are online but two of sales, if nobody asks for it there."""
        names = {agent: name for members in self._teams.values() for agent, name in members.items()}
        third = [*names][2]
        roster = roster_service_pb2.Roster(
            agents=[b.agent(agent, name=name, weight=2 if agent == third else 1) for agent, name in names.items()],
            teams=[
                roster_service_pb2.Team(id=team, name=team.capitalize(), agent_ids=members)
                for team, members in self._teams.items()
            ],
        )
        self._workspace.call("ConfigureRoster", roster_service_pb2.ConfigureRosterRequest(roster=roster))
        self._change_rules()
        self._workspace.online(*[*names][2 if len(self._teams) > 1 else 0 :])

    def play(self, seconds: float) -> None:
        """Let customers write and agents work for so long."""
        self._until(time.time() + seconds)

    def tell(self, begun: float) -> None:
        """Play the story, which ends SHOWN_S after it has begun."""
        for at, happens in self._scenes:
            self._until(begun + at)
            happens()
        self._until(begun + SHOWN_S)

    def _change_rules(self) -> None:
        rules = [
            b.rule(
                f"{_WANTS[team]}s",
                when=b.tag(any_of=[_WANTS[team]]),
                to=b.team(team),
                strategy=_STRATEGIES[team],
                online_only=team != "sales" or len(self._teams) == 1,
            )
            for team in self._teams
        ]
        self._workspace.rules(*rules, fallback=b.fallback(to=b.team("sales")))

    def _until(self, end: float) -> None:
        beat = time.time()
        while beat < end:
            (what,) = self._random.choices(list(self._customers), list(self._customers.values()))
            what()
            self._close_what_is_done()
            beat += self._beat_s
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
            lasts = self._random.expovariate(1 / _OPEN_S[self._team_of[agent]])
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

    def _hand_over(self, agent: str) -> None:
        for number in range(_OLD_CONVERSATIONS):
            contact_id = f"old-{number}"
            self._workspace.assign(contact_id, agent)
            self._taken(contact_id, agent)
