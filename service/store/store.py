"""The store of `service.store.port`, in Redis: what is done for several workspaces in one go."""

from __future__ import annotations

import json
import math
from itertools import count, starmap
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING, Any
from zlib import crc32

from evenhand.v1.decision_pb2 import OUTCOME_ASSIGNED
from redis import ResponseError

from service.call import NO_DEADLINE, time_left
from service.redis_client.durability import NotDurableError
from service.store import folded_ids, keys
from service.store.scripts import load
from service.store.values import Decided, Decision, StaleRulesError, StateLostError, StoredRules
from service.store.workspace import RedisWorkspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.redis_client.client import RedisClient
    from service.store.values import Case


_DECIDE = load("decide")
_RULES = load("rules")

_TOKEN = 3  # where the token stands among the arguments of a run
_HEAD, _FIELDS = 5, 7  # arguments of a run before the contacts, and of each contact


class RedisStore:
    """What Evenhand remembers, in Redis.

    Args:
        redis: where.
        contact_retention_s: how long the record of a contact without an open conversation is kept.
        replay_retention_s: how long a decision that a later one took the place of is kept.
    """

    def __init__(self, redis: RedisClient, *, contact_retention_s: float, replay_retention_s: float) -> None:
        self._redis = redis
        self._contact_retention_ms = int(contact_retention_s * 1000)
        self._replay_retention_ms = int(replay_retention_s * 1000)
        self._repeat_ms = math.ceil(redis.longest_repeat_s * 1000)
        # Tokens of runs: no two stores draw the same beginning, and a number is cheaper than chance for each run.
        self._runs, self._run_tokens = count(), token_hex(6)

    def workspace(self, workspace_id: str, deadline: float = NO_DEADLINE) -> RedisWorkspace:
        """Return one workspace, for work that has to be done by the deadline."""
        return RedisWorkspace(
            self._redis, keys.root(workspace_id), deadline, self._contact_retention_ms, self._replay_retention_ms
        )

    def decide(
        self, groups: Sequence[tuple[str, str, Sequence[Case]]], deadline: float = NO_DEADLINE, *, slow: bool = False
    ) -> list[Decided]:
        """Decide about contacts of several workspaces in one go, each contact in one atomic step.

        Args:
            groups: for each workspace its id, the version of the rules that made the choices, and the contacts, at
                most CONTACTS_A_RUN of them.
            deadline: of the call that waits longest.
            slow: whether others are to be let past.

        Returns:
            What became of each group.
        """
        runs = []
        for workspace_id, version, cases in groups:
            # Where each contact has a request id, a second run finds the first one's decisions by these.
            known = all(case.request for case in cases)
            told = ("", 0) if known else (f"{self._run_tokens}{next(self._runs):x}", self._repeat_ms)
            words: list[Any] = [version, self._contact_retention_ms, self._replay_retention_ms, *told]
            excluded_at: dict[int, Sequence[str]] = {}
            for contact_id, owner_id, opens, request, choice, reply, excluded in cases:
                if excluded:
                    excluded_at[(len(words) - _HEAD) // _FIELDS + 1] = list(map(folded_ids.named, excluded))
                encoded = contact_id.encode()
                bucket = crc32(encoded) % keys.BUCKETS  # what keys.bucket returns, without a call for each contact
                words += (encoded, bucket, owner_id and folded_ids.named(owner_id), int(opens), request, choice, reply)
            if excluded_at:
                words.append(json.dumps(excluded_at, ensure_ascii=False))
            runs.append((keys.root(workspace_id), words))
        replies = self._redis.run_each(
            _DECIDE,
            runs,
            repeatable=True,
            slow=slow,
            durable=True,
            timeout_s=max(0.0, deadline - monotonic()),
            as_repeat=_as_repeat,
        )
        return [
            Decided([Decision(*each) for each in reply], None)
            if type(reply) is list
            else self._decided(group, run[1], reply, deadline, slow=slow)
            for group, run, reply in zip(groups, runs, replies, strict=True)
        ]

    def _decided(
        self, group: tuple[str, str, Sequence[Case]], words: list[Any], refusal: Any, deadline: float, *, slow: bool
    ) -> Decided:
        """Decide about a group after its first run was refused, or failed."""
        workspace = self.workspace(group[0], deadline)
        try:
            reply = workspace.run(
                _DECIDE, *words, first=refusal, repeatable=True, slow=slow, durable=True, as_repeat=_as_repeat
            )
        except NotDurableError as error:
            return Decided([], self._told_later(group, error))
        except StateLostError:
            return Decided([], StaleRulesError())  # the rules are read again, and found to be lost
        except (OSError, ResponseError, StaleRulesError) as error:
            return Decided([], error)
        return Decided([Decision(*each) for each in reply], None)

    def _told_later(self, group: tuple[str, str, Sequence[Case]], problem: NotDurableError) -> Exception:
        """See to it that callers who are not told what was decided, and repeat their calls, are told then.

        Returns:
            What to tell them now: the problem, or that the store is unavailable.
        """
        decided = zip(group[2], starmap(Decision, problem.reply), strict=True)
        # Those with a request id are told by that; those that nobody was chosen for are decided about anew.
        untold = [
            (case.contact_id, decision)
            for case, decision in decided
            if not case.request and decision.outcome == OUTCOME_ASSIGNED
        ]
        try:
            self.workspace(group[0]).note_untold(untold)
        except (OSError, ResponseError) as error:
            return error
        return problem

    def rules(self, workspace_ids: Sequence[str], deadline: float = NO_DEADLINE) -> list[StoredRules]:
        """Return the rules in force in each of these workspaces.

        Raises:
            RedisUnavailableError: Redis is unavailable.
        """
        runs = [(keys.root(workspace_id), ()) for workspace_id in workspace_ids]
        found = []
        for reply in self._redis.run_each(_RULES, runs, repeatable=True, timeout_s=time_left(deadline)):
            if isinstance(reply, Exception):
                raise reply
            found.append(StoredRules(reply[0].decode(), reply[1], bool(reply[2]), bool(reply[3])))
        return found


def _as_repeat(words: Sequence[Any], since_ms: int) -> Sequence[Any]:
    """Return the arguments of a second run: without a token, it is told since when the first one may have run."""
    return words if words[_TOKEN] else [*words[: _TOKEN + 1], since_ms, *words[_TOKEN + 2 :]]
