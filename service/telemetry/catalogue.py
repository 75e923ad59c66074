"""Every metric that the service exposes, with its labels and its meaning. The only such place.

Metrics are made from it (`metrics` and `collector`, beside this), and a test holds it against a real scrape.
Where a label could take any number of values (`workspace`, `pool`, `agent`), settings bound it, and the rest is
`other`. Contact ids are never a label.
"""

from __future__ import annotations

from typing import NamedTuple

OTHER = "other"
"""The label of all that have none of their own."""

_CALL = ("grpc_type", "grpc_service", "grpc_method")
_POOL = ("workspace", "pool")
_AGENT = (*_POOL, "agent")


class Described(NamedTuple):
    """One metric.

    Attributes:
        kind: counter, gauge or histogram. Histograms are in seconds.
        labels: its labels, in order.
        meaning: one sentence.
    """

    kind: str
    labels: tuple[str, ...]
    meaning: str


CATALOGUE: dict[str, Described] = {
    # Calls, by the names that the gRPC ecosystem gives them.
    "grpc_server_started_total": Described("counter", _CALL, "Calls that a thread has begun to answer."),
    "grpc_server_handled_total": Described("counter", (*_CALL, "grpc_code"), "Calls answered, by status code."),
    "grpc_server_handling_seconds": Described("histogram", _CALL, "From a thread taking the call to its end."),
    "assignment_overload_refusals_total": Described(
        "counter",
        ("reason",),
        "Calls refused for overload (RESOURCE_EXHAUSTED). reason: calls (too many were waiting), bytes (large requests "
        "in progress had too many).",
    ),
    "assignment_quota_refusals_total": Described(
        "counter", (), "Calls refused because their workspace was beyond --workspace-quota (RESOURCE_EXHAUSTED)."
    ),
    "assignment_access_refusals_total": Described(
        "counter",
        ("reason",),
        "Calls refused because of who made them. reason: as they were told, see service/rpc/statuses.py.",
    ),
    "assignment_calls_ended_total": Described(
        "counter",
        ("reason",),
        "Calls ended for their caller's slowness. reason: request_too_slow (the request was not there after "
        "--request-timeout), response_not_taken (after --response-timeout, or it took too much memory until then).",
    ),
    # Decisions.
    "assignment_decisions_total": Described(
        "counter",
        ("workspace", "outcome", "strategy", "reason"),
        "Decisions. reason: rule, fallback, owner (there was one), no_rule (none matched), replay (made earlier).",
    ),
    "assignment_unknown_owners_total": Described(
        "counter",
        ("workspace",),
        "Decisions about contacts that were owned already, by nobody of the roster: a caller named such an owner, or "
        "the agent has left. The log names one a minute and workspace.",
    ),
    "assignment_evaluation_seconds": Described(
        "histogram", (), "Matching rules for the contacts that are decided together in one run of the script."
    ),
    "assignment_rules_cache_lookups_total": Described(
        "counter",
        ("result",),
        "Rules asked for. result: hit, miss (read from Redis), stale (read again: they changed), lost (they are gone "
        "from Redis, and nobody has accepted that), set_back (besides: they are older than those "
        "before, or others of the same revision).",
    ),
    "assignment_rules_cache_workspaces": Described("gauge", (), "Workspaces whose rules are cached."),
    # Fairness, as of the latest sample. Only the replica that collects them exposes them.
    "assignment_collector_up": Described("gauge", (), "1 on the replica that collects the metrics of pools, else 0."),
    "assignment_pool_assigned_total": Described(
        "counter",
        _AGENT,
        "Contacts that rules assigned to the agent in this pool, ever; also after it left the pool.",
    ),
    "assignment_pool_open_contacts": Described("gauge", _AGENT, "Open contacts of the agent, from whatever pool."),
    "assignment_pool_agent_weight": Described("gauge", _AGENT, "Weight of the agent."),
    "assignment_pool_eligible_agents": Described("gauge", _POOL, "Agents whom some rule could choose now."),
    "assignment_pool_online_agents": Described("gauge", _POOL, "Agents who are ONLINE."),
    "assignment_pool_share_spread": Described(
        "gauge",
        (*_POOL, "strategy"),
        "Largest minus smallest share of those eligible throughout the window, in contacts per unit of weight: "
        "contacts assigned in the window (round_robin, mixed), or open (least_open_contacts).",
    ),
    "assignment_pool_jain_index": Described(
        "gauge", (*_POOL, "strategy"), "Jain's index of the same shares: 1 if all are equal, 1/n if one of n has all."
    ),
    "assignment_pool_info": Described(
        "gauge",
        (*_POOL, "name"),
        "Always 1. name: that of the team, or of the rules that name these agents; everyone for everyone.",
    ),
    "assignment_rules_revision": Described(
        "gauge", ("workspace",), "Revision of the workspace's rules: it grows by 1 when they change; 0 without rules."
    ),
    "assignment_agent_info": Described(
        "gauge", ("workspace", "agent", "name"), "Always 1. name: the agent's; its id if it has none."
    ),
    # Contacts without an owner, from Redis as well.
    "assignment_contacts_unassigned_total": Described(
        "counter",
        ("workspace", "reason"),
        "Contacts that turned out unassigned, each once until it is assigned or a rule leaves it to nobody. reason: "
        "no_agent_available (a rule matched an event and found nobody), overdue (nobody owned it for "
        "--unassigned-after from its first event on).",
    ),
    "assignment_contacts_assigned_late_total": Described(
        "counter", ("workspace",), "Contacts that rules assigned after they had turned out unassigned."
    ),
    "assignment_contacts_without_owner": Described(
        "gauge",
        ("workspace", "state"),
        "Contacts without an owner now. state: unmatched (no rule has matched yet, and it is not overdue), unassigned.",
    ),
    # Redis.
    "assignment_script_seconds": Described(
        "histogram",
        ("script",),
        "From asking for a run of a script to its reply, or to giving up; waiting for its turn included.",
    ),
    "assignment_redis_round_trip_seconds": Described(
        "histogram", (), "From sending commands to Redis to the last of their replies."
    ),
    "assignment_redis_up": Described("gauge", (), "1 while Redis answers and takes writes, else 0."),
    "assignment_redis_slots_served_ratio": Described(
        "gauge",
        (),
        "Share of slots, and so of workspaces, whose server answers and takes writes; without a cluster 0 or 1.",
    ),
    "assignment_redis_masters": Described(
        "gauge",
        ("finding",),
        "Redis servers that hold keys, by what was last found of them. finding: all, evicting (its policy deletes "
        "keys), eviction_allowed (the same, where --allow-eviction says yes), not_persistent (nothing is kept on "
        "disk), snapshots_only, without_replica (that follows by now), without_fsync (appendfsync no), denying (their "
        "user may not run what calls need), unseen (their user may not see one of these).",
    ),
    # Files that are read again when they change.
    "assignment_files_refused": Described(
        "gauge",
        ("file",),
        "1 while what is in force is not what is in the files, since that is wrong; else 0. file: access (looked at "
        "every second), tls (whenever somebody connects), redis-url (every second; a URL that is wrong, or where no "
        "Redis answers, or none that takes this password).",
    ),
    "assignment_tls_certificate_expiry_timestamp_seconds": Described(
        "gauge", (), "When the certificate in force expires, in seconds since 1970; 0 without TLS."
    ),
    "evenhand_build_info": Described("gauge", ("version", "python", "grpcio"), "Always 1."),
}
"""By name, as it stands in a scrape (histograms without _bucket, _sum and _count)."""
