"""The dashboard "Distribution fairness": who got what, and whether that was fair. For the operations manager.

The series of pools and of contacts without an owner are state that lies in Redis and one replica at a time exposes:
`max by (...)` takes the replica away, so that a change of replica is no jump and nothing counts twice. Whatever says
how many there were comes from these, and is exact. Decisions are counted by each replica for itself: they are summed,
as rates.
"""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING

from panels import (
    BESIDE,
    IN_LINE,
    Limits,
    Names,
    Query,
    bars,
    board,
    choice,
    counted,
    dashed,
    filled,
    limited,
    number,
    over_time,
    pairs,
    warning,
    yes_or_no,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

_POOL = 'namespace=~"$namespace", workspace="$workspace", pool=~"$pool"'
_WORKSPACE = 'namespace=~"$namespace", workspace="$workspace"'

_ELIGIBLE = f"max by (pool) (assignment_pool_eligible_agents{{{_POOL}}})"
_WEIGHT = f"max by (pool, agent) (assignment_pool_agent_weight{{{_POOL}}})"
_JAIN = f"min by (pool) (assignment_pool_jain_index{{{_POOL}}})"
_SPREAD = f"assignment_pool_share_spread{{{_POOL}}}"
_GOT = counted(f"assignment_pool_assigned_total{{{_POOL}}}", "pool, agent")
# As in the alert EvenhandContactsUnassigned: contacts that turned out unassigned, and those that were assigned in time.
_TURNED_OUT = f"assignment_contacts_unassigned_total{{{_WORKSPACE}}}"
_UNASSIGNED = f"sum({counted(_TURNED_OUT, 'reason')})"
_IN_TIME = (
    f"(sum({counted(f'assignment_pool_assigned_total{{{_WORKSPACE}}}', 'pool, agent')}) "
    f"- sum({counted(f'assignment_contacts_assigned_late_total{{{_WORKSPACE}}}', 'workspace')}) or vector(0))"
)
# As in the alert EvenhandPoolUnfair: Jain's index falls by 1/n for each of n agents who goes empty-handed; and a few
# contacts cannot be shared out evenly, so agents must be more than 3 apart, those of the lightest. Unlike the alert
# this shows at once what may end by itself, such as contacts by hand that least open contacts makes up for.
_UNFAIR = f"{_ELIGIBLE} * (1 - {_JAIN}) * (max by (pool) ({_SPREAD}) * min by (pool) ({_WEIGHT}) > bool 3)"
_FORGOTTEN = Limits(bad=0.5)
_OTHERS = {
    "workspaces": 'assignment_decisions_total{namespace=~"$namespace", workspace="other"}',
    "pools": f'assignment_pool_assigned_total{{{_WORKSPACE}, pool="other"}}',
    "agents": f'assignment_pool_assigned_total{{{_WORKSPACE}, pool!="other", agent="other"}}',
}


def dashboard() -> Dashboard:
    """Return it, with all panels."""
    made = board(
        "evenhand-fairness",
        "Distribution fairness",
        "Who was assigned how many contacts, whether that is fair, and who was left without an agent.",
        "now-6h",
    )
    pools = f"label_values(assignment_pool_eligible_agents{{{_WORKSPACE}}}, pool)"
    workspaces = 'label_values(assignment_decisions_total{namespace=~"$namespace"}, workspace)'
    made.with_variable(choice("workspace", "Workspace", workspaces))
    made.with_variable(choice("pool", "Pool", pools, whole=True, several=True))
    return filled(
        made,
        {
            "": _at_a_glance(),
            "Who got what": _shares(),
            "How fair that was": _fairness(),
            "Agents": _people(),
            "Decisions in the workspace, of all pools": _decisions(),
        },
    )


def _at_a_glance() -> list[Builder[Panel]]:
    return [
        number(
            "Worst unfairness in this time",
            "How many agents' whole share was missing from an even distribution when it was worst: 0 is perfectly "
            "fair, and from 0.5 on, half an agent, somebody should look.",
            "suffix:agents",
            Query(f"max_over_time(({_UNFAIR})[$__range:$__interval])", "{{pool}}"),
            limits=_FORGOTTEN,
            width=4,
        ).decimals(2),
        number(
            "Left unassigned",
            "Share of the contacts in this time that should have got an agent and did not, or not in time: a rule "
            "matched and nobody was available, or no rule did for longer than --unassigned-after.",
            "percentunit",
            Query(f"{_UNASSIGNED} / ({_UNASSIGNED} + {_IN_TIME} > 0)", "unassigned"),
            limits=Limits(bad=0.3, warn=0.1),
            width=4,
        ).no_value("no contacts"),
        number(
            "Without an owner now",
            "Contacts that nobody owns now: those that no rule has matched yet, such as while a workflow asks its "
            "questions, and those that are left unassigned.",
            "suffix:contacts",
            Query(f"max by (state) (assignment_contacts_without_owner{{{_WORKSPACE}}})", "{{state}}"),
            width=4,
        ),
        number(
            "Assigned in this time",
            "Contacts that rules and the load balancer gave to agents of these pools.",
            "suffix:contacts",
            Query(f"sum({_GOT})", "assigned"),
            width=4,
        ).decimals(0),
        yes_or_no(
            "Figures of pools are current",
            "Whether a replica is reading the pools' figures from Redis now; while it says no, all figures of pools "
            "here stand still or are missing, but contacts are assigned as ever.",
            Query('max(assignment_collector_up{namespace=~"$namespace"})', "current"),
            width=4,
        ),
        warning(
            "Shown only as other",
            "Whether there are more workspaces, pools or agents than the settings --metrics-workspaces, "
            "--metrics-pools and --metrics-agents let be shown by name: the rest is added up as other.",
            Query(" or ".join(starmap(_named_if_any, _OTHERS.items())), "{{what}}"),
            width=4,
        ).no_value("nothing"),
    ]


def _shares() -> list[Builder[Panel]]:
    return [
        bars(
            "Contacts assigned per agent",
            "How many contacts rules and the load balancer gave to each agent in this time.",
            "suffix:contacts",
            # Who is in the pool, and got nothing, too.
            Query(f"sort_desc({_GOT} and on (pool, agent) {_WEIGHT} or {_GOT} > 0)", "{{agent}} · {{pool}}"),
        ),
        pairs(
            "Share against weight, in pools by round robin",
            "Each agent's share of the pool's contacts beside its share of the pool's weight: the two are alike "
            "if all of them could be chosen all the time.",
            "percentunit",
            Query(
                _by_round_robin(f"{_GOT} / on (pool) group_left () (sum by (pool) ({_GOT}) > 0)"), "Share of contacts"
            ),
            Query(_by_round_robin(f"{_WEIGHT} / on (pool) group_left () sum by (pool) ({_WEIGHT})"), "Share of weight"),
            by="who",
            order="pool",
        ),
    ]


def _fairness() -> list[Builder[Panel]]:
    return [
        limited(
            over_time(
                "Agents' worth of unfairness",
                "How many agents' whole share is missing from an even distribution, once agents are more than 3 "
                "contacts apart: 0 is perfectly fair, and above the dashed line half an agent is missing.",
                "suffix:agents",
                Query(_UNFAIR, "{{pool}}"),
                width=9,
            ),
            _FORGOTTEN,
        )
        # Keeps the line in sight.
        .axis_soft_max(1)
        .decimals(2),
        over_time(
            "Spread",
            "By how many contacts per unit of weight the agent with most is ahead of the one with least, among those "
            "who were eligible throughout; round robin keeps it within 2 where all weights are 1.",
            "suffix:contacts per weight",
            Query(f"max by (pool, strategy) ({_SPREAD})", "{{pool}} ({{strategy}})"),
            width=9,
        ),
        over_time(
            "Jain's index",
            "1 where all agents hold equal shares for their weight, 1/n where one of n has all.",
            "none",
            Query(_JAIN, "{{pool}}"),
            width=6,
            names=Names(figures=("lastNotNull", "min")),
        )
        # Near 1 is where it differs; what is below a line means nothing where the axis begins anywhere.
        .axis_soft_min(0.9)
        .fill_opacity(0)
        .max(1)
        .decimals(3),
    ]


def _people() -> list[Builder[Panel]]:
    return [
        over_time(
            "Open contacts per agent",
            "How many contacts each agent has open now, from whatever pool or by hand.",
            "suffix:contacts",
            Query(f"max by (agent) (assignment_pool_open_contacts{{{_POOL}}})", "{{agent}}"),
            names=BESIDE,
        ),
        dashed(
            over_time(
                "Agents who are online, and who can be chosen",
                "How many agents of each pool are online, and how many (dashed) a rule could choose now: enabled, "
                "below their limit, and online where the rule asks for it.",
                "suffix:agents",
                Query(f"max by (pool) (assignment_pool_online_agents{{{_POOL}}})", "online · {{pool}}"),
                Query(_ELIGIBLE, "can be chosen · {{pool}}"),
                names=IN_LINE,
            ),
            "/^can be chosen /",
        ),
    ]


def _decisions() -> list[Builder[Panel]]:
    return [
        over_time(
            "Left unassigned",
            "Contacts that turned out unassigned since the point before: no agent was available when a rule matched, "
            "or they were overdue, since no rule had matched for longer than --unassigned-after.",
            "suffix:contacts",
            Query(counted(_TURNED_OUT, "reason", "$__interval"), "{{reason}}"),
            stacked=True,
        )
        # Several scrapes, so that every point has something to count.
        .interval("1m"),
        over_time(
            "Decisions by outcome and reason",
            "What was decided a minute and why: by a rule, by the load balancer (fallback), for an owner who was there "
            "already, for lack of a rule, or as an answer given before and repeated (replay).",
            "suffix:decisions a minute",
            Query(_per_minute(_WORKSPACE, "outcome, reason"), "{{outcome}} · {{reason}}"),
            stacked=True,
            names=IN_LINE,
        ),
    ]


def _named_if_any(what: str, series: str) -> str:
    """Return 1 with the label `what` if there is any such series, and else nothing."""
    return f'label_replace(0 * max({series}) + 1, "what", "{what}", "", "")'


def _by_round_robin(expression: str) -> str:
    """Leave out other pools, and give each agent of each pool one label to tell bars apart by."""
    pools = f'assignment_pool_share_spread{{{_POOL}, strategy="round_robin"}}'
    return f'label_join({expression} and on (pool) {pools}, "who", " · ", "agent", "pool")'


def _per_minute(matchers: str, by: str) -> str:
    return f"60 * sum by ({by}) (rate(assignment_decisions_total{{{matchers}}}[$__rate_interval]))"
