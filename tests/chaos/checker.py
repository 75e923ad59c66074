"""Judges a history: was every promise kept? Each check returns what breaks its promise, with what shows it."""

from __future__ import annotations

import bisect
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from tests.chaos.health import SERVING
from tests.chaos.history import FOREVER, Decided, Violation
from tests.chaos.kept import check_confirmed, check_final, decisions
from tests.chaos.search import EVALUATIONS, Terms, is_linearizable
from tests.chaos.system import REDIS_TIMEOUT_S
from tests.chaos.workload import LIMITS, WORKSPACES
from tests.support.builders import ASSIGNED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.history import Attack, History, Operation

LATE_S = 1.0
"""How much later than its deadline a caller may have its error, on a machine that is shared."""
CONNECTED_WITHIN_S = 1.0
"""How long callers may take to connect again to a replica that was away."""
NOTICED_WITHIN_S = REDIS_TIMEOUT_S + 1.0 + 0.5
"""How soon health tells that Redis is gone: the last look was a second ago, and the next one waits for the time-out."""
_NEVER = frozenset({"INTERNAL", "UNKNOWN", "DATA_LOSS", "UNIMPLEMENTED"})
_ENDS = frozenset({"close", "unassign", "assign"})


def check(history: History) -> list[Violation]:
    """Return every violation of a run, in the order of time."""
    found = list(history.problems)
    for judge in (
        check_codes,
        check_calm,
        check_deadlines,
        check_contacts,
        check_limits,
        check_sequences,
        check_rules,
        check_presence,
        check_health,
        check_counts,
        check_confirmed,
        check_final,
    ):
        found += judge(history)
    return sorted(found, key=lambda one: one.sent)


def check_codes(history: History) -> Iterator[Violation]:
    """No call is an internal error."""
    for call in history.calls:
        if call.code in _NEVER:
            yield Violation("no internal error", f"{call.method}: {call.code}", call.sent, call.answered)


def check_calm(history: History) -> Iterator[Violation]:
    """While nothing is attacked no call fails; callers may need a moment to connect again to who was away."""
    for call in history.calls:
        since = call.sent if call.reason else call.sent - CONNECTED_WITHIN_S
        attacked = any(each.touches(since, call.answered) for each in history.attacks)
        if call.code not in {"OK", "NOT_FOUND"} and not attacked:
            latest = max(
                (each for each in history.attacks if each.well < call.sent), key=lambda each: each.well, default=None
            )
            after = f", {call.sent - latest.well:.3f} s after {latest.kind}" if latest is not None else ""
            took = f"{call.code} {call.reason} in {call.answered - call.sent:.3f} s"
            text = f"{call.method} of replica {call.replica}: {took}{after}"
            yield Violation("serves in peace", text, call.sent, call.answered)


def check_deadlines(history: History) -> Iterator[Violation]:
    """No call takes longer than its deadline allows."""
    for call in history.calls:
        took = call.answered - call.sent
        if took > call.deadline_s + LATE_S:
            text = f"{call.method} took {took:.2f} s of {call.deadline_s} s"
            yield Violation("deadlines", text, call.sent, call.answered)


def check_contacts(history: History) -> Iterator[Violation]:
    """Each contact's history is linearizable; where only what was read at the end is not, something was lost."""
    of_contact: dict[str, list[Operation]] = defaultdict(list)
    for each in history.operations:
        of_contact[each.contact].append(each)
    for contact, operations in of_contact.items():
        terms = Terms(WORKSPACES[operations[0].workspace], history.replicated, history.promotions)
        if is_linearizable(operations, terms):
            continue
        last = max(operations, key=lambda each: each.sent)
        before = [each for each in operations if each is not last]
        lost = last.kind == "get" and is_linearizable(before, terms)
        promise = "acknowledged is kept" if lost else "linearizable"
        story = "; ".join(_shown(each) for each in sorted(operations, key=lambda each: each.sent))
        yield Violation(promise, f"{contact}: {story}", operations[0].sent, last.sent)


def check_limits(history: History) -> Iterator[Violation]:
    """No decision assigns a contact to an agent who, all the while, had as many open ones as are allowed."""
    surely: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    of_contact: dict[str, list[Operation]] = defaultdict(list)
    for each in decisions(history):
        of_contact[each.contact].append(each)
    made = []
    for operations in of_contact.values():
        for each in operations:
            agent = _opened_with(each)
            if not agent:
                continue
            if isinstance(each.result, Decided):
                made.append((each, agent))
            surely[each.workspace, agent].append((each.answered, _ends(operations, each)))
    for each, agent in made:
        count = sum(since <= each.sent and each.answered <= until for since, until in surely[each.workspace, agent])
        if count >= LIMITS[agent]:
            text = f"{agent} of {each.workspace} got {each.contact} and had {count} of {LIMITS[agent]}"
            yield Violation("limits", text, each.sent, each.answered)


def _opened_with(operation: Operation) -> str:
    """Return the agent with whom an operation left its contact open; empty if with none, or nobody knows."""
    result = operation.result
    if isinstance(result, Decided):
        return result.agent if result.outcome == ASSIGNED and not result.replayed else ""
    return operation.agent if operation.kind == "assign" and result is not None and result[1] else ""


def _ends(operations: list[Operation], opening: Operation) -> float:
    """Return when the first call was sent that may have ended what this one began."""
    others = (each for each in operations if each.kind in _ENDS and each is not opening)
    return min((each.sent for each in others if each.answered >= opening.sent), default=FOREVER)


def check_sequences(history: History) -> Iterator[Violation]:
    """No two decisions of a workspace have one sequence, and what was decided later has the larger one."""
    for workspace in WORKSPACES:
        fresh = [(each, each.result) for each in decisions(history) if each.workspace == workspace]
        decided = [(each, said) for each, said in fresh if isinstance(said, Decided) and not said.replayed]
        told = [(each, said.sequence or 0, True) for each, said in decided]
        told += [(each, sequence, False) for each, sequence in _read_sequences(history, workspace)]
        for (one, its, decides), (other, same, again) in pairwise(sorted(told, key=_by_sequence)):
            twice = decides and again and not history.replicated  # else it may be told late, as long as it is of one
            if its == same and (one.contact != other.contact or twice):
                text = f"{its} of {workspace} was given to {one.contact} and {other.contact}"
                yield Violation("sequences", text, one.sent, other.answered)
        answered = sorted(decided, key=lambda one: one[0].answered)
        times = [each.answered for each, _ in answered]
        largest: list[int] = []
        for _, said in answered:
            largest.append(max(said.sequence or 0, largest[-1] if largest else 0))
        for each, said in decided:
            before = bisect.bisect_left(times, each.sent)
            if before and largest[before - 1] >= (said.sequence or 0):
                text = f"{each.contact} got {said.sequence} after {largest[before - 1]} was answered"
                yield Violation("sequences", text, each.sent, each.answered)


def _read_sequences(history: History, workspace: str) -> Iterator[tuple[Operation, int]]:
    """Yield what readers of contacts were told of decisions."""
    for each in history.operations:
        if each.workspace == workspace and each.kind == "get" and each.result is not None and each.result[4]:
            yield each, cast("int", each.result[4])


def _by_sequence(told: tuple[Operation, int, bool]) -> tuple[int, str, bool]:
    return told[1], told[0].contact, told[2]


def check_rules(history: History) -> Iterator[Violation]:
    """A decision is never made under rules older than those acknowledged before it was asked for, nor by others."""
    for workspace in WORKSPACES:
        changes = [each for each in history.rules if each.workspace == workspace and each.revision is not None]
        tags = {each.revision: each.tag for each in changes}
        acknowledged = sorted((each.answered, each.revision) for each in changes)
        for each in decisions(history):
            said = each.result
            if each.workspace != workspace or not isinstance(said, Decided) or said.replayed:
                continue
            newest = max((revision for at, revision in acknowledged if at < each.sent), default=0)
            if said.revision < newest:
                text = f"{each.contact} was decided under revision {said.revision}, after {newest} was in force"
                yield Violation("rules in force", text, each.sent, each.answered)
            tag = tags.get(said.revision)
            if said.rule and tag is not None and said.rule.rpartition("-")[2] != str(tag):
                text = f"{each.contact} was decided by {said.rule}; revision {said.revision} has the rules {tag}"
                yield Violation("rules in force", text, each.sent, each.answered)


def check_presence(history: History) -> Iterator[Violation]:
    """No rule for agents who are online takes one who surely was not."""
    for each in decisions(history):
        said = each.result
        if not isinstance(said, Decided) or said.replayed or not said.rule.startswith("opened-") or not said.agent:
            continue
        reports = [one for one in history.presences if (one.workspace, one.agent) == (each.workspace, said.agent)]
        over = [one for one in reports if one.answered < each.sent]
        begun = max((one.sent for one in over), default=0.0)
        latest = [one for one in reports if one.sent < each.answered and one.answered >= begun]
        if said.outcome == ASSIGNED and not any(one.online for one in latest):
            text = f"{each.contact} went to {said.agent} of {each.workspace}, who was offline"
            yield Violation("presence", text, each.sent, each.answered)


def check_health(history: History) -> Iterator[Violation]:
    """Health says NOT_SERVING soon after Redis is gone, SERVING while nothing is wrong, and so at the end."""
    latest = {}
    for sample in history.samples:
        latest[sample.replica] = sample
        gone = [
            each for each in history.attacks if sample.replica in each.without_redis and _is_gone(each, sample.sent)
        ]
        told = next((each for each in gone if sample.status == SERVING and sample.answered <= each.lasts_until), None)
        if told is not None:
            text = f"replica {sample.replica} said SERVING {sample.sent - told.begun:.1f} s into: {told.kind}"
            yield Violation("health", text, sample.sent, sample.answered)
        excused = any(
            sample.replica in each.replicas and each.touches(sample.sent, sample.answered) for each in history.attacks
        )
        if sample.status not in {SERVING, ""} and not excused:
            text = f"replica {sample.replica} said {sample.status} while nothing was wrong"
            yield Violation("health", text, sample.sent, sample.answered)
    for sample in latest.values():
        if sample.status != SERVING:
            text = f"replica {sample.replica} ends {sample.status or 'without an answer'}"
            yield Violation("health", text, sample.sent, sample.answered)


def _is_gone(attack: Attack, sent: float) -> bool:
    return attack.begun + NOTICED_WITHIN_S <= sent


def check_counts(history: History) -> Iterator[Violation]:
    """At the end each agent's open count is that of the contacts read as open, and an audit finds no other."""
    counted: dict[tuple[str, str], int] = defaultdict(int)
    end = max((each.answered for each in history.calls), default=0.0)
    last: dict[str, Operation] = {}
    for each in history.operations:
        if each.kind == "get" and (each.contact not in last or last[each.contact].sent < each.sent):
            last[each.contact] = each
    for each in last.values():
        if each.result is not None and each.result[1]:
            counted[each.workspace, str(each.result[0])] += 1
    for workspace, counts in history.final_counts.items():
        for agent in LIMITS:
            if counts.get(agent) != counted[workspace, agent]:
                text = f"{agent} of {workspace} is said to have {counts.get(agent)}, of {counted[workspace, agent]}"
                yield Violation("counts", text, end, end)
    for workspace, said in history.audits.items():
        if said:
            yield Violation("counts", f"audit of {workspace}: {said}", end, end)


def _shown(operation: Operation) -> str:
    """Return an operation as a reader of a violation sees it."""
    end = f"{operation.answered:.3f}" if operation.known else "?"
    request = f" [{operation.request_id}]" if operation.kind in EVALUATIONS and operation.request_id else ""
    said = tuple(operation.result) if operation.result is not None else "nothing"
    return f"{operation.sent:.3f}-{end} {operation.kind}{request} {operation.agent} -> {said}"
