"""The dashboard "Service": whether calls are answered, how fast, and what holds them up. For the person on call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boards import STARTS, alerts, board, choice, filled
from panels import firing, limited, looking, named_number, number, over_time, yes_or_no
from parts import BESIDE, BYTES, IN_LINE, PERCENT, SECONDS, Limits, Look, Query, Unit, count_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

_REPLICA = 'namespace=~"$namespace", instance=~"$instance"'
# Health checks and reflection have no metrics, but a process may serve more than Evenhand one day.
_CALL = f'{_REPLICA}, grpc_service=~"evenhand[.]v1[.].+"'
# As in the alert EvenhandCallsFail.
_FAILED = "UNAVAILABLE|RESOURCE_EXHAUSTED|DEADLINE_EXCEEDED|INTERNAL|UNKNOWN|DATA_LOSS"
# Every Python process has these metrics; only ours tell their version.
_OURS = "and on (job, instance) evenhand_build_info"
_ALERTS = 'alertname=~"Evenhand.+", namespace=~"$namespace"'
_CALLS_A_SECOND = Unit(counts="calls a second")
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def dashboard() -> Dashboard:
    """Return it, with all panels."""
    made = board(
        "evenhand-service",
        "Service",
        "Whether Evenhand answers, how fast, and what holds it up: Redis, rules, too many calls, or the machine.",
        "now-1h",
        alerts(_ALERTS),
        STARTS,
    )
    instances = 'label_values(evenhand_build_info{namespace=~"$namespace"}, instance)'
    methods = f"label_values(grpc_server_started_total{{{_CALL}}}, grpc_method)"
    made.with_variable(choice("instance", "Replica", instances, whole=True, several=True))
    made.with_variable(choice("method", "Method", methods, whole=True, several=True, first="EvaluateContact"))
    return filled(
        made,
        {
            "": _at_a_glance(),
            "Calls": _calls(),
            "Redis": _redis(),
            "Rules": _rules(),
            "Processes (of replicas with one worker: several have no figures of their own)": _process(),
        },
    )


def _at_a_glance() -> list[Builder[Panel]]:
    return [
        yes_or_no(
            "Redis answers",
            "Whether Redis answers each replica; a replica that it does not answer is not ready and gets no calls.",
            Query(f"min by (instance) (assignment_redis_up{{{_REPLICA}}})", "{{instance}}"),
            width=5,
        ),
        named_number(
            "Replicas by version",
            "How many replicas run which version; more than one version means that a rollout is under way or stuck.",
            count_of("replicas"),
            Query(
                f"count by (version, python, grpcio) (evenhand_build_info{{{_REPLICA}}})",
                "Evenhand {{version}}, Python {{python}}, grpcio {{grpcio}}",
            ),
            width=5,
        ),
        number(
            "Calls that failed",
            "Share of the calls in this time that ended without an answer by no fault of the caller: above 5% the "
            "alert EvenhandCallsFail is near.",
            PERCENT,
            Query(
                f'sum(increase(grpc_server_handled_total{{{_CALL}, grpc_code=~"{_FAILED}"}}[$__range])) '
                f"/ (sum(increase(grpc_server_handled_total{{{_CALL}}}[$__range])) > 0)",
                "failed",
            ),
            width=4,
            limits=Limits(bad=0.05, warn=0.01),
        ).no_value("no calls"),
        firing(_ALERTS, width=10),
    ]


def _calls() -> list[Builder[Panel]]:
    rate = f"rate(grpc_server_handled_total{{{_CALL}}}[$__rate_interval])"
    refused = f'rate(grpc_server_handled_total{{{_CALL}, grpc_code!~"OK|{_FAILED}"}}[$__rate_interval])'
    failed = f'rate(grpc_server_handled_total{{{_CALL}, grpc_code=~"{_FAILED}"}}[$__rate_interval])'
    return [
        looking(
            over_time(
                "Calls by method and code",
                "How many calls a second ended, by method and by the status code that the caller got; what failed is "
                "red.",
                _CALLS_A_SECOND,
                Query(f"sum by (grpc_method, grpc_code) ({rate}) > 0", "{{grpc_method}} {{grpc_code}}"),
                stacked=True,
                names=IN_LINE,
            ),
            {f"/ ({_FAILED})$/": Look("red")},
        ),
        limited(
            looking(
                over_time(
                    "Share of calls that failed or were refused",
                    "Failed are those that the service owed an answer and gave none; refused are those that asked for "
                    "something wrong, such as INVALID_ARGUMENT or NOT_FOUND.",
                    PERCENT,
                    Query(f"sum({failed}) / (sum({rate}) > 0)", "failed"),
                    Query(f"sum({refused}) / (sum({rate}) > 0)", "refused"),
                ),
                {"/^failed$/": Look("red"), "/^refused$/": Look("yellow")},
            ),
            Limits(bad=0.05, warn=0.01),
        )
        # Keeps both lines in sight, and apart.
        .axis_soft_max(0.06),
        over_time(
            "Time to answer, of the chosen methods",
            "In how many seconds half, 95% and 99% of the calls were answered once a thread took them; a call that was "
            "shed under overload counts as answered at once.",
            SECONDS,
            *_quantiles("grpc_server_handling_seconds", f'{_CALL}, grpc_method=~"$method"'),
        ),
        over_time(
            "99th percentile of each method",
            "In how many seconds 99% of the calls of each method were answered.",
            SECONDS,
            Query(f"{_quantile(0.99, 'grpc_server_handling_seconds', _CALL, 'grpc_method')} >= 0", "{{grpc_method}}"),
            names=BESIDE,
        ),
        over_time(
            "In flight",
            "Calls of each replica that have begun and not ended: a line that climbs and stays up means that threads "
            "are stuck, mostly on Redis.",
            count_of("calls"),
            Query(
                f"clamp_min(sum by (instance) (grpc_server_started_total{{{_CALL}}}) "
                f"- sum by (instance) (grpc_server_handled_total{{{_CALL}}}), 0)",
                "{{instance}}",
            ),
        ),
        over_time(
            "Refused as too many",
            "Calls a second that each replica refused because as many as --max-concurrent were waiting already.",
            _CALLS_A_SECOND,
            Query(
                f"sum by (instance) (rate(assignment_overload_refusals_total{{{_REPLICA}}}[$__rate_interval]))",
                "{{instance}}",
            ),
        ),
    ]


def _redis() -> list[Builder[Panel]]:
    return [
        over_time(
            "99th percentile of each script",
            "How many seconds a run of each script took at most in 99% of the cases, its wait for a turn included.",
            SECONDS,
            Query(f"{_quantile(0.99, 'assignment_script_seconds', _REPLICA, 'script')} >= 0", "{{script}}"),
            names=BESIDE,
        ),
        over_time(
            "Round trip to Redis",
            "How many seconds passed between commands sent to Redis and its last reply: if this is slow, Redis or the "
            "way to it is; if only scripts are, calls wait for their turn.",
            SECONDS,
            *_quantiles("assignment_redis_round_trip_seconds", _REPLICA),
        ),
        over_time(
            "Workspaces served",
            "Share of the slots of Redis, and so of the workspaces, whose server answers each replica and takes "
            "writes; without a cluster all or nothing.",
            PERCENT,
            Query(f"min by (instance) (assignment_redis_slots_served_ratio{{{_REPLICA}}})", "{{instance}}"),
        ).axis_soft_max(1),
        looking(
            over_time(
                "Redis servers by what was found",
                "How many Redis servers hold state, and of how many of them it may be lost (they evict, keep nothing "
                "or only snapshots on disk, have no replica), or is out of reach (they deny what calls need).",
                count_of("servers"),
                Query(f"max by (finding) (assignment_redis_masters{{{_REPLICA}}})", "{{finding}}"),
                names=BESIDE,
            ),
            {"/^(evicting|denying)$/": Look("red"), "/^not_persistent$/": Look("orange"), "/^all$/": Look("blue")},
        ),
    ]


def _rules() -> list[Builder[Panel]]:
    lookups = "rate(assignment_rules_cache_lookups_total{%s}[$__rate_interval])"
    hits = f'{_REPLICA}, result="hit"'
    return [
        over_time(
            "Matching rules",
            "How many seconds it took to match rules for the contacts that are decided together.",
            SECONDS,
            *_quantiles("assignment_evaluation_seconds", _REPLICA),
        ),
        over_time(
            "Rules found in memory",
            "Share of the look-ups that needed no reading of rules from Redis; it falls after a start, and while rules "
            "change often.",
            PERCENT,
            Query(f"sum({lookups % hits}) / (sum({lookups % _REPLICA}) > 0)", "found"),
            width=6,
        ).axis_soft_max(1),
        over_time(
            "Workspaces in memory",
            "Of how many workspaces each replica has the rules in its cache.",
            count_of("workspaces"),
            Query(f"max by (instance) (assignment_rules_cache_workspaces{{{_REPLICA}}})", "{{instance}}"),
            width=6,
        ),
    ]


def _process() -> list[Builder[Panel]]:
    return [
        over_time(
            "Processor time",
            "How many seconds of a processor each replica uses per second: near 1 it can take no more calls, and "
            "another replica or worker is due.",
            Unit(counts="cores"),
            Query(f"rate(process_cpu_seconds_total{{{_REPLICA}}}[$__rate_interval]) {_OURS}", "{{instance}}"),
        ),
        over_time(
            "Memory",
            "How much memory each replica holds; it grows with the workspaces in memory, and should level off.",
            BYTES,
            Query(f"process_resident_memory_bytes{{{_REPLICA}}} {_OURS}", "{{instance}}"),
        ),
    ]


def _quantile(quantile: float, histogram: str, matchers: str, by: str = "") -> str:
    labels = f"{by}, le" if by else "le"
    return (
        f"histogram_quantile({quantile}, sum by ({labels}) (rate({histogram}_bucket{{{matchers}}}[$__rate_interval])))"
    )


def _quantiles(histogram: str, matchers: str) -> list[Query]:
    return [Query(_quantile(value, histogram, matchers), name) for name, value in _QUANTILES.items()]
