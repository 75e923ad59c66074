"""Judges what a second Redis adds: what is acknowledged is on both, and who is told nothing better is told why.

The checks of the other promises are in `checker`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.chaos.history import Decided, Violation
from tests.chaos.pair_attacks import HANGS, LOST
from tests.chaos.search import EVALUATIONS
from tests.chaos.workload import WORKSPACES
from tests.support.builders import ASSIGNED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.history import Call, History, Operation

_READS = frozenset({"GetContact", "GetRules", "GetRoster"})
_BATCH = "BatchEvaluateContacts"  # each of its contacts has an answer of its own
_TELLING = frozenset({LOST, HANGS, "half-sent calls", "rapid resets"})
"""Attacks, and what may be beside them, under which a call that changes fails for one reason only."""
_UNDER_WAY_S = 0.05
"""How long a signal may take until a process has it."""


def decisions(history: History) -> list[Operation]:
    """Return all operations; an evaluation sent as early as what it was told may have been decided.

    Who repeats an evaluation without a request id that was not confirmed is told what was decided then.
    """
    if not history.replicated:
        return history.operations
    untold: dict[str, list[float]] = defaultdict(list)
    for each in history.operations:
        if each.kind in EVALUATIONS and not each.known and not each.request_id:
            untold[each.contact].append(each.sent)
    return [
        replace(each, sent=min([each.sent, *untold[each.contact]])) if _may_be_late(each) else each
        for each in history.operations
    ]


def _may_be_late(operation: Operation) -> bool:
    said = operation.result
    return isinstance(said, Decided) and said.outcome == ASSIGNED and not said.replayed and not operation.request_id


def check_confirmed(history: History) -> Iterator[Violation]:
    """While no second Redis is there, no change is acknowledged; where only that is missing, callers are told so.

    Unless their deadline is over before: they may wait behind others, who wait as long as Redis may take.
    """
    for since, until in history.unconfirmed:
        since += _UNDER_WAY_S  # noqa: PLW2901 - the same thing, more cautiously
        for call in history.calls:
            if call.method in _READS or call.sent < since or call.answered > until:
                continue
            if call.code == "OK" and call.method != _BATCH:
                text = f"{call.method} was answered OK, {call.sent - since:.3f} s after the second Redis was gone"
                yield Violation("confirmed", text, call.sent, call.answered)
            elif not _is_told(call) and _only_unconfirmed(history, call):
                text = f"{call.method} was answered {call.code} {call.reason}, not NOT_DURABLE"
                yield Violation("confirmed", text, call.sent, call.answered)
        for each in history.operations:
            if each.kind != "get" and since <= each.sent and each.answered <= until:
                text = f"{each.kind} of {each.contact} was acknowledged, and there was no second Redis"
                yield Violation("confirmed", text, each.sent, each.answered)


def _is_told(call: Call) -> bool:
    late = call.code == "DEADLINE_EXCEEDED" and call.answered - call.sent >= call.deadline_s
    return call.code == "OK" or call.reason == "NOT_DURABLE" or late


def _only_unconfirmed(history: History, call: Call) -> bool:
    return all(each.kind in _TELLING for each in history.attacks if each.touches(call.sent, call.answered))


def check_final(history: History) -> Iterator[Violation]:
    """At the end the rules in force, and who is online, are what was acknowledged last, or something later."""
    end = max((each.answered for each in history.calls), default=0.0)
    for workspace in WORKSPACES:
        changes = [each for each in history.rules if each.workspace == workspace]
        newest, tag = max(((each.revision, each.tag) for each in changes if each.revision is not None), default=(0, 0))
        revision, found = history.final_rules.get(workspace, (newest, tag))
        if revision < newest or (revision == newest and found != tag):
            text = f"{workspace} has rules {found}, revision {revision}; {tag}, {newest} were acknowledged"
            yield Violation("acknowledged is kept", text, end, end)
        for agent, online in history.final_presence.get(workspace, {}).items():
            reports = [each for each in history.presences if (each.workspace, each.agent) == (workspace, agent)]
            begun = max((each.sent for each in reports if each.answered < end), default=0.0)
            latest = [each.online for each in reports if each.answered >= begun]
            if latest and online not in latest:
                text = f"{agent} of {workspace} is {'online' if online else 'offline'}, which nobody reported last"
                yield Violation("acknowledged is kept", text, end, end)
