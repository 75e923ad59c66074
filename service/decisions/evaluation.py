"""The way of a contact: prepared by the rules of its workspace, decided in the store, answered.

Three phases, never mixed. *Prepare* may fail, for one call alone. *Decide* happens once for a group of calls. *Answer*
does not fail and never decides again: the decisions are made by then, whatever becomes of metrics, traces and logs.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from time import monotonic, perf_counter, sleep
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, TypeVar

from service.call import DeadlineError
from service.combining import Combiner
from service.decisions.cases import case_of
from service.decisions.costly_workspaces import SUSPECT_SECONDS, CostlyWorkspaces
from service.decisions.errors import InternalError, InvalidError, RefusedError
from service.decisions.request_checks import problems
from service.store.port import CONTACTS_A_RUN
from service.store.values import Decision, StaleRulesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from evenhand.v1.assignment_service_pb2 import EvaluateContactRequest

    from service.call import Call
    from service.decisions.rulebook import RuleBook, Rules
    from service.store.port import Store
    from service.store.values import Case


_log = logging.getLogger(__name__)

# How long a batch lets other threads acquire the GIL: long enough for a thread to wake.
_BREAK_SECONDS = 0.000_02
# After so many contacts of a batch they are let in: they need it some five times each, and Python takes the GIL from
# no thread in less than 5 ms.
_CONTACTS_A_BREAK = 8

Item = TypeVar("Item")

Outcome: TypeAlias = Decision | Exception
"""What becomes of one contact: the decision about it, or why there is none."""


class Asked(NamedTuple):
    """One contact to decide about.

    Attributes:
        workspace_id: of the call; in a batch its requests need not name it.
        request: what the caller says of the contact.
        call: the call that asks.
    """

    workspace_id: str
    request: EvaluateContactRequest
    call: Call


class _CostlyError(Exception):
    """A contact is to be decided alone: matching its workspace's rules takes too long for others to wait for."""


class Observer(Protocol):
    """Is told at the seams of a decision. What it raises is logged, and changes no decision."""

    def group(self, spans: Sequence[Any]) -> AbstractContextManager[None]:
        """Have what is done meanwhile noted in the spans of all calls of a group."""

    def prepared(self, seconds: float) -> None:
        """Note how long rules took for a group."""

    def decided(self, workspace_id: str, decided: Iterable[tuple[EvaluateContactRequest, Decision]]) -> None:
        """Note decisions about contacts of one workspace."""


class Evaluation(Combiner[Asked, Decision]):
    """Decides about contacts, those of all calls that wait together.

    Args:
        store: where decisions are made.
        rules: the rules of all workspaces.
        observer: is told of every decision.

    Attributes:
        costly: workspaces whose contacts take long to match, so that each is decided alone; as of now.
    """

    def __init__(self, store: Store, rules: RuleBook, observer: Observer) -> None:
        super().__init__(self._decide_together, CONTACTS_A_RUN, lambda asked: asked.workspace_id)
        self._store = store
        self._rules = rules
        self._observer = observer
        self._costly = CostlyWorkspaces(case_of)
        self.costly = self._costly.names

    def evaluate(self, asked: Asked) -> Decision:
        """Decide about one contact, together with those of other calls that wait, unless its matching takes long."""
        if asked.workspace_id not in self.costly:
            try:
                return self.ask(asked)
            except _CostlyError:
                pass
        else:
            self._costly.forget_in_time(asked.workspace_id)
        (outcome,) = self._decide_together([asked], slow=True)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def evaluate_batch(self, requests: Sequence[EvaluateContactRequest], call: Call) -> list[Outcome]:
        """Decide about many contacts of a workspace, in the order given.

        Returns:
            For each the decision, or what is wrong with that request.

        Raises:
            ConnectionError: the store is unavailable; some of the decisions may stand.
            DeadlineError: the deadline was over before the last contact's turn came; some of the decisions stand.
        """
        outcomes: list[Outcome] = []
        for at in range(0, len(requests), CONTACTS_A_RUN):
            # A chunk at a time, so that other calls come in between here as they do in Redis.
            chunk = [Asked(call.workspace_id, request, call) for request in requests[at : at + CONTACTS_A_RUN]]
            outcomes += self._decide_together(chunk, slow=True)
            for outcome in outcomes[at:]:
                if isinstance(outcome, (ConnectionError, DeadlineError)):
                    raise outcome
        return outcomes

    def _decide_together(self, group: list[Asked], *, slow: bool = False) -> list[Outcome]:
        """Prepare, decide and answer for a group of calls; under newer rules, for as long as they change meanwhile."""
        outcomes: list[Outcome | None] = [None] * len(group)
        with self._observed([asked.call.span for asked in group]):
            waiting: Sequence[int] = range(len(group))
            stale: frozenset[str] = frozenset()
            while waiting:
                cases = self._prepare(group, waiting, outcomes, stale, slow=slow)
                stale = self._decide(group, cases, outcomes, slow=slow)
                waiting = [at for at in waiting if outcomes[at] is None] if stale else ()
        return outcomes  # type: ignore[return-value]  # nobody waits any more

    def _prepare(
        self,
        group: list[Asked],
        waiting: Sequence[int],
        outcomes: list[Outcome | None],
        stale: frozenset[str],
        *,
        slow: bool,
    ) -> dict[Rules, list[tuple[int, Case]]]:
        """Match each contact against the rules of its workspace. A call that fails gets why as its outcome.

        Returns:
            What the store is to be asked, under each workspace's rules, each with its place in the group.
        """
        deadline = max([group[at].call.deadline for at in waiting])
        rules_of = self._rules.of_each({group[at].workspace_id for at in waiting}, deadline, stale)
        begun, now = perf_counter(), monotonic()
        made = self._costly.case if begun < self._costly.watched_until else case_of
        cases: dict[Rules, list[tuple[int, Case]]] = {}
        for at in _with_breaks(waiting) if slow else waiting:
            workspace_id, request, call = group[at]
            rules = rules_of[workspace_id]
            try:
                if call.deadline < now:
                    raise DeadlineError  # noqa: TRY301 - one of the ways in which a call fails alone
                if rules is None:
                    raise InvalidError(problems(workspace_id, request))  # noqa: TRY301
                if isinstance(rules, Exception):
                    raise rules  # noqa: TRY301
                if not slow and (rules.costly or workspace_id in self.costly):
                    self._costly.note(workspace_id)
                    raise _CostlyError  # noqa: TRY301
                case = made(rules, request)
                cases.setdefault(rules, []).append((at, case))
            except (RefusedError, ConnectionError, DeadlineError, _CostlyError) as error:
                outcomes[at] = error
            except Exception as error:  # noqa: BLE001 - a call at fault must not spoil the others
                _log.exception("a contact could not be prepared")
                outcomes[at] = InternalError(error)
        ended = perf_counter()
        if ended - begun > SUSPECT_SECONDS:
            self._costly.suspect(ended)
        self._tell(self._observer.prepared, ended - begun)
        return cases

    def _decide(
        self,
        group: list[Asked],
        cases: dict[Rules, list[tuple[int, Case]]],
        outcomes: list[Outcome | None],
        *,
        slow: bool,
    ) -> frozenset[str]:
        """Have the store decide, once, and note what became of each contact.

        Returns:
            The workspaces whose rules have changed, so that some of their contacts have no outcome yet.
        """
        if not cases:
            return frozenset()
        groups = [(rules.workspace_id, rules.version, [case for _, case in places]) for rules, places in cases.items()]
        deadline = max(group[at].call.deadline for places in cases.values() for at, _ in places)
        stale = set()
        for (rules, places), (decisions, problem) in zip(
            cases.items(), self._store.decide(groups, deadline, slow=slow), strict=True
        ):
            for (at, _), decision in zip(places, decisions, strict=False):
                outcomes[at] = decision
            if isinstance(problem, StaleRulesError):
                stale.add(rules.workspace_id)
            elif problem is not None:
                failure = problem if isinstance(problem, (ConnectionError, DeadlineError)) else InternalError(problem)
                for at, _ in places[len(decisions) :]:
                    outcomes[at] = failure
            if decisions:
                requests = (group[at].request for at, _ in places)
                self._tell(self._observer.decided, rules.workspace_id, zip(requests, decisions, strict=False))
        return frozenset(stale)

    def _observed(self, spans: Sequence[Any]) -> AbstractContextManager[None]:
        """Return the observer's context for a group, or one that does nothing if there is none to be had."""
        try:
            return self._observer.group(spans)
        except Exception:  # noqa: BLE001 - as in `_tell`
            _log.exception("a group could not be noted")
            return nullcontext()

    def _tell(self, listener: Callable[..., None], *what: Any) -> None:
        """Tell an observer. Its failure is its own: the decisions are made, and reach those who asked."""
        try:
            listener(*what)
        except Exception:  # noqa: BLE001 - whatever it is
            _log.exception("what was decided could not be noted")


def _with_breaks(items: Sequence[Item]) -> Iterator[Item]:
    """Yield the items, and now and then release the GIL for long enough that other calls acquire it."""
    for at, item in enumerate(items, 1):
        yield item
        if at % _CONTACTS_A_BREAK == 0:
            sleep(_BREAK_SECONDS)
