"""What the panels about pools ask: state that lies in Redis and one replica at a time exposes.

`max by (...)` takes the replica away, so that a change of replica is no jump and nothing counts twice.
"""

from __future__ import annotations

from panels import counted

WORKSPACE = 'namespace=~"$namespace", workspace="$workspace"'
POOL = f'{WORKSPACE}, pool=~"$pool"'

ELIGIBLE = f"max by (pool) (assignment_pool_eligible_agents{{{POOL}}})"
WEIGHT = f"max by (pool, agent) (assignment_pool_agent_weight{{{POOL}}})"
JAIN = f"min by (pool) (assignment_pool_jain_index{{{POOL}}})"
SPREAD = f"assignment_pool_share_spread{{{POOL}}}"
GOT = counted(f"assignment_pool_assigned_total{{{POOL}}}", "pool, agent")


_SEEN = f"assignment_pool_assigned_total{{{POOL}}}"


def _named(expression: str, metric: str, label: str, who: str, *, over_time: bool) -> str:
    """Join the name that a metric has; who has none now, having left or being other, is called by its id."""
    known = f'label_join(max by ({who}, name) ({metric}), "{label}", "", "name")'
    seen = _SEEN if over_time else f"max_over_time({_SEEN}[$__range])"
    others = f'label_join(0 * max by ({who}) ({seen}) + 1, "{label}", "", "{who}")'
    return f"({expression}) * on ({who}) group_left ({label}) ({known} or on ({who}) {others})"


def by_team(expression: str, *, over_time: bool = False) -> str:
    """Give each pool the label `team`, with the name of the team, or of the rule whose list of agents it is.

    Args:
        expression: has the label `pool`.
        over_time: whether it is asked of each moment, and not of the end of a time in which names may have gone.
    """
    return _named(expression, f"assignment_pool_info{{{POOL}}}", "team", "pool", over_time=over_time)


def by_name(expression: str, *, over_time: bool = False) -> str:
    """Give each agent the label `who`, with its name.

    Args:
        expression: has the label `agent`.
        over_time: as for teams.
    """
    return _named(expression, f"assignment_agent_info{{{WORKSPACE}}}", "who", "agent", over_time=over_time)


def by_name_and_team(expression: str) -> str:
    """Give each agent of each pool both labels, and `label` and `order`, to tell columns apart and to sort them by."""
    named = f'label_join({by_team(by_name(expression))}, "label", " · ", "who", "team")'
    return f'label_join({named}, "order", " · ", "team", "who")'


def by_round_robin(expression: str) -> str:
    """Leave out pools that are not by round robin alone."""
    return f'({expression}) and on (pool) assignment_pool_share_spread{{{POOL}, strategy="round_robin"}}'
