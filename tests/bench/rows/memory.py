"""What a million open contacts take in Redis, against one plain string key for each.

They are decided by the service, in batches, with a request id each: so owner, state, request id and decision are on
record. The contacts' ids have 20 characters, the request ids 20 or 36 (as a UUID has).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis

from tests.bench import traffic
from tests.bench.findings import Finding, Ratio
from tests.bench.rows.batch import run_batches
from tests.support import builders as b

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bench.harness import Bench
    from tests.support.processes import RedisServer

_CONTACTS, _CONTACTS_QUICK = 1_000_000, 100_000
_AT_ONCE = 50_000
_BATCH = 500
_REQUEST_ID_SIZES = (20, 36)

# With nothing but what a rule asks for: what is kept about a contact is the same as with all traits, and sooner there.
_KINDS = [
    (b.contact("", tags=["vip"]), "rule-00"),
    (b.contact("", traits={"plan": "enterprise"}), "rule-01"),
    (b.contact("", traits={"budget": 75_000}), "rule-03"),
    (b.contact("", traits={"country": "AT"}), "rule-05"),
]

_PLAIN = """
for number = ARGV[2], ARGV[3] do
  redis.call('SET', string.format('%smemory--%012d', ARGV[1], number), string.format('agent-%02d', number % 50))
end
"""


def measure(bench: Bench) -> list[Finding]:
    """Return a line for each length of request ids, and one for the newest Redis of this machine if that is another."""
    (version, binary), *newest = bench.redis_servers()
    findings = _findings(bench, binary, version, _REQUEST_ID_SIZES)
    for version, binary in newest:
        findings += _findings(bench, binary, version, _REQUEST_ID_SIZES[:1])
    return findings


def _findings(bench: Bench, binary: Path, version: str, request_id_sizes: Sequence[int]) -> list[Finding]:
    contacts = _CONTACTS if bench.effort.is_full else _CONTACTS_QUICK
    plain, prefixed = (_plain_bytes(bench, binary, contacts, prefix) for prefix in ("", "contact:"))
    too_few = "" if bench.effort.is_full else "; not representative: so few do not fill the hashes they lie in"
    findings = []
    for size in request_id_sizes:
        ours = _our_bytes(bench, binary, contacts, size)
        findings.append(
            Finding(
                f"{contacts:,} open contacts, Redis {version}",
                f"{ours:.1f} bytes each, decision on record",
                f"one string key each: {plain:.1f} bytes ({prefixed:.1f} as contact:<id>)",
                Ratio([ours / plain]),
                1,
                at_least=False,
                note=f"20-character ids, request ids of {size}{too_few}",
                details={"bytes": ours, "plain_bytes": plain, "plain_bytes_with_prefix": prefixed},
            )
        )
    return findings


def _our_bytes(bench: Bench, binary: Path, contacts: int, request_id_size: int) -> float:
    """Decide about so many contacts; return the bytes that Redis then uses more for each."""
    with bench.ours(cores=bench.cores.everything, redis_binary=binary) as ours:
        assert ours.redis is not None
        traffic.configure(ours.workspace("bench"))
        requests = traffic.Requests("bench", "memory--", _KINDS, request_id_size=request_id_size)
        run_batches(bench, ours, requests, 2)
        before = _used(ours.redis)
        for _ in range(0, contacts, _AT_ONCE):
            run_batches(bench, ours, requests, _AT_ONCE // _BATCH)
        return (_used(ours.redis) - before) / contacts


def _plain_bytes(bench: Bench, binary: Path, contacts: int, prefix: str) -> float:
    with bench.private_redis(binary) as server, redis.Redis.from_url(server.url, socket_timeout=60) as client:
        before = _used(server)
        for first in range(0, contacts, _AT_ONCE):
            client.eval(_PLAIN, 0, prefix, first, first + _AT_ONCE - 1)
        assert client.dbsize() == contacts
        return (_used(server) - before) / contacts


def _used(server: RedisServer) -> int:
    with server.client() as client:
        return int(client.info("memory")["used_memory"])
