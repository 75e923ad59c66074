"""The table of the attacks, for the terminal and for deploy/chaos.md."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from service.runtime.redis_binary import Binary
from tests.bench.machine import describe
from tests.chaos.attacks import LIGHT
from tests.chaos.history import FOREVER
from tests.chaos.pair_attacks import PAIR_HEAVY
from tests.chaos.stalls import STALLED
from tests.support.processes import newest_redis

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.chaos.history import Attack, History
    from tests.chaos.run import Outcome

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "deploy" / "chaos.md"
WIDTH = 80
TITLES = ("attack", "times", "calls", "failures", "lost", "well", "longest", "verdict")

_SHORT = {"UNAVAILABLE": "unavailable", "DEADLINE_EXCEEDED": "deadline", "RESOURCE_EXHAUSTED": "overload"}
"""What codes are called here; others by their names."""
_NO_ATTACK = "(none)"
_HEAD = """# Chaos

Written by `make chaos`: not to be edited by hand. Three replicas, each behind a network of its own, callers who call
again after errors, and attacks by chance, one at a time that takes something away, and one beside it, on two systems:

* one Redis (odd seeds), which syncs its append-only file at every write; eight callers;
* a pair (even seeds): such a Redis, and a replica of it that is 0.1 to 0.3 s behind; `--durability replicated`; 40
  callers, each of whom waits for that. After a promotion the networks lead to what was promoted, and what was killed
  comes back as the replica of that, behind or empty.

Every call is recorded with its interval, and afterwards judged:

* each contact's history is linearizable against the plain model, with what is read at the end: nothing that was
  acknowledged is lost, nor are rules and presence. Of a pair, reads may see what no call was answered yet, and what a
  promotion then loses;
* while a Redis of a pair is alone no change is acknowledged; callers are told NOT_DURABLE, and such a change stands or
  is lost;
* no decision passes an agent's limit, takes somebody who is offline for a rule that wants people online, or is made
  under rules older than those acknowledged before it was asked for;
* sequences are unique, also after a promotion, and in the order of time; open counts are those of the records, which
  an audit confirms;
* no call is INTERNAL or UNKNOWN, or outlives its deadline by more than a second; none fails while nothing is attacked;
* health says NOT_SERVING within 2.5 s while Redis, or the replica of a pair, is gone, SERVING while nothing is wrong,
  and at the end;
* every replica answers again within 10 s of the end of an attack.

"""
_LEGEND = """
calls: those under way while the attack, or what it left, lasted; a call counts for each of two attacks. well: the
longest time until all replicas that were hit serve again, in seconds, from when no other attack hits them any more.
longest: the longest call, in seconds, of a deadline of 2.5. (Redis stalled): for more than 0.3 s, by nobody's attack
and no command's doing; a disk that syncs slowly does that, and a machine that is busy with others.
"""


@dataclass
class Row:
    """What is said of a kind of attack.

    Attributes:
        times: how many there were.
        calls: how many calls were under way meanwhile.
        failures: how many of those failed, by code.
        lost: how many acknowledged changes were lost.
        well: how long it took at most until all was well, in seconds.
        longest: of those calls, in seconds.
        violations: how many promises were broken meanwhile.
    """

    times: int = 0
    calls: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    well: float = 0.0
    longest: float = 0.0
    violations: int = 0

    def words(self, name: str) -> tuple[str, ...]:
        """Return its columns."""
        failures = ", ".join(f"{_SHORT.get(code, code)} {count:,}" for code, count in self.failures.most_common())
        well = "never" if self.well == FOREVER else f"{self.well:.1f}" if self.times else ""
        verdict = f"{self.violations} BROKEN" if self.violations else "held"
        figures = (f"{self.calls:,}", failures or "none", str(self.lost), well, f"{self.longest:.1f}", verdict)
        return (name, str(self.times or ""), *figures)


def rows(histories: Iterable[tuple[History, Sequence[tuple[str, float, float]]]]) -> dict[str, Row]:
    """Return a row for each kind of attack, and one for when there was none.

    Args:
        histories: with promise, begin and end of each violation.
    """
    found = {name: Row() for name in (*PAIR_HEAVY, *LIGHT, STALLED, _NO_ATTACK)}
    for history, violations in histories:
        for attack in history.attacks:
            row = found[attack.kind]
            row.times += 1
            row.well = max(row.well, _until_well(attack))
        for call in history.calls:
            for name in _kinds(history.attacks, call.sent, call.answered):
                row = found[name]
                row.calls += 1
                row.longest = max(row.longest, call.answered - call.sent)
                if call.code not in {"OK", "NOT_FOUND"}:
                    row.failures[call.code] += 1
        for promise, sent, answered in violations:
            for name in _kinds(history.attacks, sent, answered):
                found[name].violations += 1
                found[name].lost += promise == "acknowledged is kept"
    return found


def _until_well(attack: Attack) -> float:
    return FOREVER if attack.serving == FOREVER else max(0.0, attack.serving - attack.alone)


def _kinds(attacks: Sequence[Attack], sent: float, answered: float) -> set[str]:
    """Return the kinds of the attacks that an interval has to do with."""
    return {attack.kind for attack in attacks if attack.touches(sent, answered)} or {_NO_ATTACK}


def _rows(outcomes: Sequence[Outcome]) -> dict[str, Row]:
    return rows(
        (outcome.history, [(each.promise, each.sent, each.answered) for each in outcome.violations])
        for outcome in outcomes
    )


def verdict(outcome: Outcome) -> str:
    """Return the line of a seed."""
    history = outcome.history
    what = f"{len(history.calls):,} calls, {len({each.contact for each in history.operations}):,} contacts"
    begin = f"seed {outcome.seed}, {outcome.system}, {outcome.seconds:.0f} s: {what}, {len(history.attacks)} attacks"
    if not outcome.violations:
        return f"{begin}: held"
    again = f'make chaos CHAOS="--seed {outcome.seed} --minutes {outcome.seconds / 60:g}"'
    return f"{begin}: {len(outcome.violations)} BROKEN; again: {again}"


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table as a terminal shows it, and a line for each seed."""
    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for title in TITLES:
        left = title in {"attack", "failures", "verdict"}
        shown.add_column(title, justify="left" if left else "right", overflow="fold", no_wrap=title != "failures")
    for name, row in _rows(outcomes).items():
        if row.times or row.calls:
            shown.add_row(*row.words(name))
    written = StringIO()
    console = Console(file=written, width=WIDTH, highlight=False)
    console.print(shown)
    return written.getvalue() + "".join(f"{verdict(outcome)}\n" for outcome in outcomes)


def write(outcomes: Sequence[Outcome]) -> None:
    """Write the page."""
    said = subprocess.run([newest_redis(), "--version"], capture_output=True, text=True, check=True).stdout
    commit = subprocess.run(
        [shutil.which("git") or "git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    when = {"date": datetime.now(tz=UTC).date().isoformat(), "commit": commit.stdout.strip()}
    machine = describe(Binary(newest_redis(), said.partition("v=")[2].partition(" ")[0]))
    PAGE.write_text(render(outcomes, when | {name: text for name, text in machine.items() if name != "placement"}))


def render(outcomes: Sequence[Outcome], machine: dict[str, str]) -> str:
    """Return the page."""
    head = "| " + " | ".join(TITLES) + " |\n| --- | --: | --: | --- | --: | --: | --: | --- |\n"
    lines = "".join(
        f"| {' | '.join(row.words(name))} |\n" for name, row in _rows(outcomes).items() if row.times or row.calls
    )
    seeds = "".join(f"* {verdict(outcome)}\n" for outcome in outcomes)
    said = "".join(f"* {name}: {text}\n" for name, text in machine.items())
    return f"{_HEAD}{head}{lines}{_LEGEND}\n## By seed\n\n{seeds}\n## The run\n\n{said}"
