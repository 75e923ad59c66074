"""The dashboard "Distribution fairness": who got what, and whether that was fair. For the operations manager.

Whatever says how many there were comes from counters in Redis (see pools.py), and is exact. Decisions are counted by
each replica for itself: they are summed, as rates.
"""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING

from boards import RULES, STARTS, alerts, board, choice, filled
from panels import (
    columns,
    counted,
    dashed,
    each_by_itself,
    firing,
    limited,
    looking,
    named_number,
    number,
    over_time,
    warning,
    yes_or_no,
)
from parts import BESIDE, IN_LINE, PERCENT, Limits, Look, Names, Query, Unit, count_of
from pools import (
    ELIGIBLE,
    GOT,
    JAIN,
    POOL,
    SPREAD,
    WEIGHT,
    WORKSPACE,
    by_name,
    by_name_and_team,
    by_team,
)
from today import today

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

# As in the alert EvenhandContactsUnassigned: contacts that turned out unassigned, and those that were assigned in time.
_TURNED_OUT = f"assignment_contacts_unassigned_total{{{WORKSPACE}}}"
_UNASSIGNED = f"sum({counted(_TURNED_OUT, 'reason')})"
_IN_TIME = (
    f"(sum({counted(f'assignment_pool_assigned_total{{{WORKSPACE}}}', 'pool, agent')}) "
    f"- sum({counted(f'assignment_contacts_assigned_late_total{{{WORKSPACE}}}', 'workspace')}) or vector(0))"
)
# As in the alert EvenhandPoolUnfair: Jain's index falls by 1/n for each of n agents who goes empty-handed; and a few
# contacts cannot be shared out evenly, so agents must be more than 3 apart, those of the lightest. Unlike the alert
# this shows at once what may end by itself, such as contacts by hand that least open contacts makes up for.
_UNFAIR = f"{ELIGIBLE} * (1 - {JAIN}) * (max by (pool) ({SPREAD}) * min by (pool) ({WEIGHT}) > bool 3)"
_FORGOTTEN = Limits(bad=0.5)
# Those of this workspace, and those of all.
_ALERTS = 'alertname=~"Evenhand.+", namespace=~"$namespace", workspace=~"$workspace|"'
# Whether an agent is needed or lacking stands out; what is as it should be does not.
_OUTCOMES = {
    "/^assigned · rule$/": Look("blue", "assigned by a rule"),
    "/^assigned · fallback$/": Look("purple", "assigned by the load balancer"),
    "/^already_assigned · owner$/": Look("super-light-blue", "had an owner"),
    "/^no_agent_available · rule$/": Look("red", "no agent available"),
    "/^no_agent_available · fallback$/": Look("dark-red", "no agent available to the load balancer"),
    "/^left_unassigned · rule$/": Look("green", "left to nobody by a rule"),
    "/^no_rule_matched · no_rule$/": Look("yellow", "no rule matched"),
    "/^assigned · replay$/": Look("#8e8e8e", "asked again, assigned"),
    "/^already_assigned · replay$/": Look("#a5a5a5", "asked again, had an owner"),
    "/^no_agent_available · replay$/": Look("#6e6e6e", "asked again, no agent available"),
    "/^no_rule_matched · replay$/": Look("#c0c0c0", "asked again, no rule matched"),
    "/^left_unassigned · replay$/": Look("#d9d9d9", "asked again, left to nobody"),
}
_REASONS = {
    "/^no_agent_available$/": Look("red", "no agent available"),
    "/^overdue$/": Look("orange", "overdue"),
}
_OTHERS = {
    "workspaces": 'assignment_decisions_total{namespace=~"$namespace", workspace="other"}',
    "pools": f'assignment_pool_assigned_total{{{WORKSPACE}, pool="other"}}',
    "agents": f'assignment_pool_assigned_total{{{WORKSPACE}, pool!="other", agent="other"}}',
}


def dashboard() -> Dashboard:
    """Return it, with all panels."""
    made = board(
        "evenhand-fairness",
        "Distribution fairness",
        "Who was assigned how many contacts, whether that is fair, and who was left without an agent.",
        "now-6h",
        alerts(_ALERTS),
        STARTS,
        RULES,
    )
    pools = f"label_values(assignment_pool_eligible_agents{{{WORKSPACE}}}, pool)"
    workspaces = 'label_values(assignment_decisions_total{namespace=~"$namespace"}, workspace)'
    made.with_variable(choice("workspace", "Workspace", workspaces))
    made.with_variable(choice("pool", "Pool", pools, whole=True, several=True))
    return filled(
        made,
        {
            "": _at_a_glance(),
            "Today, by team": today(),
            "Who got what": _shares(),
            "How fair that was": _fairness(),
            "Agents": _people(),
            "Decisions in the workspace, of all pools": _decisions(),
        },
    )


def _at_a_glance() -> list[Builder[Panel]]:
    return [
        named_number(
            "Worst unfairness in this time",
            "How many agents' whole share was missing from an even distribution, in the team where that was worst and "
            "when it was: 0 is perfectly fair, and from 0.5 on, half an agent, somebody should look.",
            Unit(decimals=2),
            Query(by_team(f"topk(1, max_over_time(({_UNFAIR})[$__range:$__interval]))"), "{{team}}"),
            limits=_FORGOTTEN,
            width=4,
        ),
        number(
            "Left unassigned",
            "Share of the contacts in this time that should have got an agent and did not, or not in time: a rule "
            "matched and nobody was available, or no rule did for longer than --unassigned-after.",
            PERCENT,
            Query(f"{_UNASSIGNED} / ({_UNASSIGNED} + {_IN_TIME} > 0)", "unassigned"),
            limits=Limits(bad=0.3, warn=0.1),
            width=4,
        ).no_value("no contacts"),
        number(
            "Without an owner now",
            "Contacts that nobody owns now: those that no rule has matched yet, such as while a workflow asks its "
            "questions, and those that are left unassigned.",
            count_of("contacts"),
            Query(f"max by (state) (assignment_contacts_without_owner{{{WORKSPACE}}})", "{{state}}"),
            width=4,
        ),
        number(
            "Assigned in this time",
            "Contacts that rules and the load balancer gave to agents of these pools.",
            count_of("contacts"),
            Query(f"sum({GOT})", "assigned"),
            width=4,
        ),
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
        firing(_ALERTS, width=24).height(4),
    ]


def _shares() -> list[Builder[Panel]]:
    # Who is in the pool, and got nothing, too.
    got = f"{GOT} and on (pool, agent) {WEIGHT} or {GOT} > 0"
    return [
        columns(
            "Contacts assigned per agent",
            "How many contacts rules and the load balancer gave to each agent in this time.",
            count_of("contacts"),
            Query(f"sort_desc({by_name_and_team(got)})", "Contacts"),
            by="label",
            width=24,
        ),
    ]


def _fairness() -> list[Builder[Panel]]:
    return [
        limited(
            over_time(
                "Agents' worth of unfairness",
                "How many agents' whole share is missing from an even distribution, once agents are more than 3 "
                "contacts apart: 0 is perfectly fair, and above the dashed line half an agent is missing.",
                Unit(counts="agents' worth", decimals=1),
                Query(by_team(_UNFAIR, over_time=True), "{{team}}"),
                width=9,
            ),
            _FORGOTTEN,
        )
        # Keeps the line in sight.
        .axis_soft_max(1),
        over_time(
            "Spread",
            "By how many contacts per unit of weight the agent with most is ahead of the one with least, among those "
            "who were eligible throughout; round robin keeps it within 2 where all weights are 1.",
            Unit(counts="contacts per weight"),
            Query(by_team(f"max by (pool, strategy) ({SPREAD})", over_time=True), "{{team}} ({{strategy}})"),
            width=9,
        ),
        over_time(
            "Jain's index",
            "1 where all agents hold equal shares for their weight, 1/n where one of n has all.",
            Unit("none", decimals=3),
            Query(by_team(JAIN, over_time=True), "{{team}}"),
            width=6,
            names=Names(figures=("lastNotNull", "min")),
        )
        # Near 1 is where it differs; what is below a line means nothing where the axis begins anywhere.
        .axis_soft_min(0.9)
        .fill_opacity(0)
        .max(1),
    ]


def _people() -> list[Builder[Panel]]:
    return [
        over_time(
            "Open contacts per agent",
            "How many contacts each agent has open now, from whatever pool or by hand.",
            count_of("contacts"),
            Query(by_name(f"max by (agent) (assignment_pool_open_contacts{{{POOL}}})", over_time=True), "{{who}}"),
            names=BESIDE,
        )
        # Areas of 60 agents would lie on each other.
        .fill_opacity(0),
        dashed(
            over_time(
                "Agents who are online, and who can be chosen",
                "How many agents of each pool are online, and how many (dashed) a rule could choose now: enabled, "
                "below their limit, and online where the rule asks for it.",
                count_of("agents"),
                Query(
                    by_team(f"max by (pool) (assignment_pool_online_agents{{{POOL}}})", over_time=True),
                    "online · {{team}}",
                ),
                Query(by_team(ELIGIBLE, over_time=True), "can be chosen · {{team}}"),
                names=IN_LINE,
            ),
            "/^can be chosen /",
        ),
    ]


def _decisions() -> list[Builder[Panel]]:
    unassigned = over_time(
        "Left unassigned",
        "Contacts that turned out unassigned since the bar before: no agent was available when a rule matched, or "
        "they were overdue, since no rule had matched for longer than --unassigned-after.",
        count_of("contacts"),
        Query(counted(_TURNED_OUT, "reason", "$__interval"), "{{reason}}"),
        stacked=True,
    )
    decisions = over_time(
        "Decisions by outcome and reason",
        "What was decided a minute and why: by a rule, by the load balancer, for an owner who was there already, for "
        "lack of a rule, or as an answer given before and repeated.",
        Unit(counts="decisions a minute"),
        Query(_per_minute(WORKSPACE, "outcome, reason"), "{{outcome}} · {{reason}}"),
        stacked=True,
        names=IN_LINE,
    )
    # Several scrapes, so that every point has something to count.
    return [looking(each_by_itself(unassigned), _REASONS).interval("1m"), looking(decisions, _OUTCOMES)]


def _named_if_any(what: str, series: str) -> str:
    """Return 1 with the label `what` if there is any such series, and else nothing."""
    return f'label_replace(0 * max({series}) + 1, "what", "{what}", "", "")'


def _per_minute(matchers: str, by: str) -> str:
    return f"60 * sum by ({by}) (rate(assignment_decisions_total{{{matchers}}}[$__rate_interval]))"
