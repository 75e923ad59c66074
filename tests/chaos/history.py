"""What happened: every call with its interval, every change of a contact that it stands for, every attack.

Times are of one clock, `time.monotonic()`, in seconds.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import NamedTuple

FOREVER = math.inf
"""When a call whose fate nobody knows may have had its effect at the latest."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as its caller saw it.

    Attributes:
        replica: which replica was called.
        method: the RPC.
        sent: when.
        answered: when the answer or error was there.
        deadline_s: how long it might take.
        code: name of the code.
        reason: of the ErrorInfo; empty for OK, and where the service did not answer.
    """

    replica: int
    method: str
    sent: float
    answered: float
    deadline_s: float
    code: str = "OK"
    reason: str = ""


class Decided(NamedTuple):
    """The answer to an evaluation; `sequence` None: nobody was told."""

    outcome: int
    agent: str
    sequence: int | None = None
    revision: int = 0
    rule: str = ""
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """What one call, or one entry of a batch, does to one contact.

    Attributes:
        kind: evaluate, open, update (all three evaluations), close, unassign, assign or get.
        workspace: the tenant.
        contact: the contact.
        sent: when.
        answered: when the answer was there; FOREVER if nobody knows whether it had an effect.
        request_id: of an evaluation.
        agent: whom an assignment by hand names.
        result: of evaluations a `Decided`; of close (owner, closed); of unassign (previous owner,); of assign
            (previous owner, open); of get None if there is no record, else (owner, open, outcome, agent, sequence).
    """

    kind: str
    workspace: str
    contact: str
    sent: float
    answered: float
    request_id: str = ""
    agent: str = ""
    result: tuple[object, ...] | None = None

    @property
    def known(self) -> bool:
        """Whether the answer came."""
        return self.answered < FOREVER


@dataclass(frozen=True, slots=True)
class RulesChange:
    """A call that configured rules, whose ids carry the number `tag`; `revision` None: nobody knows whether it did."""

    workspace: str
    tag: int
    sent: float
    answered: float
    revision: int | None


@dataclass(frozen=True, slots=True)
class PresenceReport:
    """A call that reported an agent's presence."""

    workspace: str
    agent: str
    online: bool
    sent: float
    answered: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What a replica's health said; `status` is empty where there was no answer."""

    replica: int
    sent: float
    answered: float
    status: str


@dataclass(slots=True)
class Attack:
    """A fault from its beginning until all is well again.

    Attributes:
        kind: which.
        begun: when.
        lasts_until: it lasted at least so long.
        without_redis: the replicas that had no Redis that serves meanwhile.
        replicas: the replicas that may say NOT_SERVING meanwhile.
        without_second: whether no second Redis confirmed what had to be confirmed by one.
        healed: when it was over.
        alone: when it was over, and no other attack hit the same replicas any more.
        serving: when every replica served again, and went on to.
        well: when it had done so for a while, and what the attack left is over.
    """

    kind: str
    begun: float
    lasts_until: float
    without_redis: frozenset[int] = frozenset()
    replicas: frozenset[int] = frozenset()
    without_second: bool = False
    healed: float = FOREVER
    alone: float = FOREVER
    serving: float = FOREVER
    well: float = FOREVER

    def touches(self, sent: float, answered: float) -> bool:
        """Whether an interval and the attack have a moment in common."""
        return sent <= self.well and answered >= self.begun


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken.

    Attributes:
        promise: which.
        text: what shows it.
        sent, answered: the interval in which it did.
    """

    promise: str
    text: str
    sent: float
    answered: float


@dataclass
class History:
    """All of one run. Threads add to it.

    Attributes:
        replicated: whether a change is acknowledged only when a second Redis has it.
        promotions: see `System`.
        unconfirmed: see `System`.
        final_rules: revision, and tag, of the rules of each workspace at the end.
        final_counts: how many open contacts each agent of each workspace is said to have at the end.
        final_presence: who of each workspace is said to be online at the end.
    """

    calls: list[Call] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    rules: list[RulesChange] = field(default_factory=list)
    presences: list[PresenceReport] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    attacks: list[Attack] = field(default_factory=list)
    replicated: bool = False
    promotions: list[tuple[float, float]] = field(default_factory=list)
    unconfirmed: list[tuple[float, float]] = field(default_factory=list)
    final_rules: dict[str, tuple[int, int]] = field(default_factory=dict)
    final_presence: dict[str, dict[str, bool]] = field(default_factory=dict)
    final_counts: dict[str, dict[str, int]] = field(default_factory=dict)
    audits: dict[str, str] = field(default_factory=dict)
    problems: list[Violation] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
