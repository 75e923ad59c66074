"""Rosters and rule sets in pages, each of which fits into a response."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from evenhand.v1.roster_service_pb2 import Agent, Roster, Team
from evenhand.v1.rules_pb2 import RuleSet

from service.decisions.errors import InvalidError, StaleEtagError
from service.rules import Violation, Violations
from service.rules.fields.limits import MAX_RESPONSE_BYTES

if TYPE_CHECKING:
    from service.store.port import RosterStore
    from service.store.roster_values import StoredTeam

ROSTER_PAGE_BYTES: Final = 2 * 1024 * 1024
RULES_PAGE_BYTES: Final = 3 * 1024 * 1024
# What may stand in a response beside agents, teams or rules: etag, revision, token, and the lengths of what holds them.
_ROOM_BESIDE: Final = 1024
# What an agent takes beside its message as stored: tag and length, presence, open count.
_BESIDE_AGENT: Final = 4 + 2 + 6
# What a team takes beside its message as stored, and each id in it beside its text: tag and length.
_BESIDE_TEAM, _BESIDE_ID = 5, 3
_BESIDE_RULE: Final = 5
_TOKEN = re.compile(rb"(\d{1,15}):(\d{1,15}):(\d{1,15})")


class PageRequest(NamedTuple):
    """Which page is wanted.

    Attributes:
        most: how many entries it holds at most; 0: all, or none if not all fit.
        start: what its token says; None without one.
    """

    most: int
    start: tuple[int, int, int] | None

    def room(self, page_bytes: int) -> int:
        """Return how many bytes of entries fit, given how many a page may take."""
        return (page_bytes if self.most else MAX_RESPONSE_BYTES) - _ROOM_BESIDE

    def refuse_if_cut(self, what: str, following: tuple[int, int, int] | None) -> None:
        """Refuse the call if everything is wanted at once, but does not fit.

        Raises:
            InvalidError: so it is.
        """
        if following is not None and not self.most:
            described = f"is missing; the {what} takes more than 4 MiB, so give a page_size to get it in pages"
            raise InvalidError([Violation("page_size", described)])


def page_request(page_size: int, page_token: str, wrong: Violations) -> PageRequest:
    """Read which page is wanted; what is wrong is added to a list."""
    if page_size < 0:
        wrong.add("page_size", f"is {page_size}; give a positive number, or 0 for everything at once")
    start = None
    if page_token:
        try:
            found = _TOKEN.fullmatch(urlsafe_b64decode(page_token))
        except ValueError:
            found = None
        if found is None:
            wrong.add("page_token", "is none of this call; give the next_page_token of the page before")
        elif not page_size:
            wrong.add("page_size", "is missing; a page_token asks for a page")
        else:
            start = (int(found[1]), int(found[2]), int(found[3]))
    return PageRequest(page_size, start)


def token_of(start: tuple[int, int, int] | None) -> str:
    """Return the token of the page that starts there; empty: there is none."""
    return urlsafe_b64encode("{}:{}:{}".format(*start).encode()).decode() if start else ""


class RosterPage:
    """A page of the roster, filled as far as it goes.

    It starts at (0, position, 0), behind the agent at that position, or at (1, position, after): with the team at the
    first position, behind the agent who stands in it at the second.

    Args:
        wanted: which page.

    Attributes:
        roster: what is on it.
        following: where the next page starts; None: there is none.
    """

    def __init__(self, wanted: PageRequest) -> None:
        self.roster = Roster()
        self.following: tuple[int, int, int] | None = wanted.start or (0, 0, 0)
        self._left = wanted.most or -1
        self._room = wanted.room(ROSTER_PAGE_BYTES)

    def fill(self, stored: RosterStore, version: str) -> None:
        """Take on what fits.

        Raises:
            RosterChangedError: the roster has another version.
        """
        section, position, after = self.following or (0, 0, 0)
        if section == 0:
            for agent in stored.walk_agents(position, version):
                if not self._takes(len(agent.message) + _BESIDE_AGENT):
                    return
                self.roster.agents.append(Agent.FromString(agent.message))
                self.following = (0, agent.position, 0)
            position, after = 0, 0
            self.following = (1, 0, 0)
        begun = 0
        for team in stored.walk_teams(position, after, version):
            if team.position == position and after and not team.members:
                continue  # all of it was on the page before
            if not self._add_team(team, begun=team.position == begun):
                return
            begun = team.position
        self.following = None

    def _add_team(self, stored: StoredTeam, *, begun: bool) -> bool:
        """Take on a team, or more of the one begun. Return whether all of it fits."""
        sizes = [len(agent_id.encode()) + _BESIDE_ID for agent_id, _ in stored.members]
        if not begun:
            if sizes and len(stored.message) + _BESIDE_TEAM + sizes[0] > self._room:
                return False
            if not self._takes(len(stored.message) + _BESIDE_TEAM):
                return False
            self.roster.teams.append(Team.FromString(stored.message))
            self.following = (1, stored.position + 1, 0)
        for (agent_id, position), size in zip(stored.members, sizes, strict=True):
            if size > self._room:
                return False
            self._room -= size
            self.roster.teams[-1].agent_ids.append(agent_id)
            self.following = (1, stored.position, position)
        return True

    def _takes(self, size: int) -> bool:
        if self._left == 0 or size > self._room:
            return False
        self._left -= 1
        self._room -= size
        return True


def rules_page(rule_set: RuleSet, wanted: PageRequest, version: str) -> tuple[RuleSet, tuple[int, int, int] | None]:
    """Return a page of a rule set, and where the next starts: at (digest of the version, place of its first rule, 0).

    The first page has the other fields of the rule set. Each has at least one rule, if any is left.

    Raises:
        StaleEtagError: the rule set is of another version than the page before.
    """
    digest = crc32(version.encode())
    of, first, _ = wanted.start or (digest, 0, 0)
    if of != digest:
        raise StaleEtagError("rule set")
    page = RuleSet(unassign_on_close=rule_set.unassign_on_close) if first == 0 else RuleSet()
    if first == 0 and rule_set.HasField("fallback"):
        page.fallback.CopyFrom(rule_set.fallback)
    room = wanted.room(RULES_PAGE_BYTES) - page.ByteSize()
    rules = rule_set.rules
    for at in range(first, len(rules)):
        room -= rules[at].ByteSize() + _BESIDE_RULE
        if at > first and (room < 0 or at - first == wanted.most):
            return page, (digest, at, 0)
        page.rules.append(rules[at])
    return page, None
