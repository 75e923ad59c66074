"""A large set of rules against a small one, of the same kind and for the same contacts.

Each rule asks for a tag, a trait or a source of its own, as sets grow in the field: a campaign, a product, a city more.
The rules that take the contacts are spread evenly over the set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench import traffic
from tests.bench.findings import Finding
from tests.bench.rows.texts import cost_text, figures
from tests.support import builders as b

if TYPE_CHECKING:
    from evenhand.v1 import contact_pb2, rules_pb2

    from tests.bench.harness import Bench
    from tests.bench.targets import Target

_SIZES = (10, 10_000)
_CONTACTS = 997
"""How many different kinds of contacts are sent, at most; a prime, so that they meet rules of every kind."""
_SECONDS = 3.0


def measure(bench: Bench) -> list[Finding]:
    """Return the line."""
    count = bench.effort.some(8_000)
    with bench.ours() as ours:
        requests = {size: _configure(ours, size) for size in _SIZES}
        for one in requests.values():
            bench.cost(ours, one, bench.effort.some(2_000), seconds=_SECONDS)
        few, many = (f"{size:,} rules" for size in _SIZES)
        samples, ratios = bench.rounds(
            {
                f"{size:,} rules": lambda one=one: bench.cost(ours, one, count, seconds=_SECONDS)
                for size, one in requests.items()
            },
            {"many / few": lambda latest: latest[many].server / latest[few].server},
        )
    return [
        Finding(
            f"{many}",
            cost_text(samples[many]),
            f"{few}: {cost_text(samples[few])}",
            ratios["many / few"],
            2,
            at_least=False,
            note="cost of a call; each rule asks for a tag, trait or source of its own",
            details={name: figures(costs) for name, costs in samples.items()},
        )
    ]


def _configure(target: Target, size: int) -> traffic.Requests:
    """Put a set of rules in place; return requests about contacts that they take."""
    workspace = target.workspace(f"rules-{size}")
    workspace.roster(*traffic.AGENTS, **traffic.TEAMS)
    workspace.online(*traffic.AGENTS)
    workspace.rules(*(_rule(number) for number in range(size)))
    taken = range(0, size, max(size // _CONTACTS, 1))
    return traffic.Requests(workspace.id, "by-rules", [(_contact(number), f"rule-{number}") for number in taken])


def _rule(number: int) -> rules_pb2.Rule:
    conditions = (
        b.tag(any_of=[f"tag-{number}"]),
        b.trait("segment", "EQUALS", f"segment-{number}"),
        b.trait("postcode", "IN", f"{number}", f"{number + 100_000}"),
        b.source(f"form-{number}"),
        b.all_of(b.tag(any_of=[f"tag-{number}"]), b.trait("budget", "GREATER", 1_000)),
    )
    teams = list(traffic.TEAMS)
    return b.rule(
        f"rule-{number}",
        on=b.ON_CREATED,
        when=conditions[number % len(conditions)],
        to=b.team(teams[number % len(teams)]),
        strategy=b.LEAST_OPEN_CONTACTS if number % 2 else b.ROUND_ROBIN,
        online_only=True,
    )


def _contact(number: int) -> contact_pb2.Contact:
    """Return a contact that the rule with this number takes, and no other."""
    fields = (
        {"tags": [f"tag-{number}"]},
        {"traits": {"segment": f"segment-{number}"}},
        {"traits": {"postcode": number}},
        {"source": f"form-{number}"},
        {"tags": [f"tag-{number}"]},
    )
    return traffic.contact(**{"tags": ["tagged"], "traits": {"segment": "none"}} | fields[number % len(fields)])
