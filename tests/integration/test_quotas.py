"""A workspace that asks for more than its quota is refused; its neighbors are not."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api

from tests.support.access import ISSUER, Signer, issuer, key_set, principal, write
from tests.support.builders import rule
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer, wait_until
from tests.support.scrape import Scrape

if TYPE_CHECKING:
    from pathlib import Path

EVALUATE = "/evenhand.v1.AssignmentService/EvaluateContact"


def refusals(team: Workspace, calls: int) -> int:
    """Make so many calls at once; return how many were refused for the quota."""
    count = 0
    for number in range(calls):
        try:
            assert team.created(f"c{number}").agent_id == "a"
        except grpc.RpcError as error:
            with refused("RESOURCE_EXHAUSTED") as said:
                raise error  # noqa: TRY201 - to have it read
            assert said.reason == "QUOTA_EXCEEDED"
            assert said.retry_after_s == 1
            count += 1
    return count


def test_a_workspace_beyond_its_quota_is_refused_and_its_neighbor_is_not() -> None:
    """With 20 a second, 60 calls at once are refused in part and counted; a batch is paid for, and waited for."""
    options = ("--workspace-quota", "20", "--metrics-listen", "127.0.0.1:0")
    with RedisServer() as redis, EvenhandServer(redis.url, options=options) as server:
        service = Service(server.address)
        loud, quiet = Workspace("loud", service), Workspace("quiet", service)
        for team in (loud, quiet):
            team.roster("a")
            team.rules(rule("everyone"))
        count = refusals(loud, 60)
        assert 0 < count <= 45
        assert Scrape(server).value("assignment_quota_refusals_total") == count
        assert refusals(quiet, 10) == 0
        time.sleep(1.5)
        assert len(quiet.created_in_batch(f"batch-{number}" for number in range(100))) == 100
        with refused("RESOURCE_EXHAUSTED") as said:
            quiet.created("after-the-batch")
        assert said.reason == "QUOTA_EXCEEDED"
        assert 3 <= said.retry_after_s <= 5  # 100 contacts at 20 a second, of which a second's are there at once
        wait_until(lambda: re.search(r"beyond its quota calls=\d+ workspace=quiet", server.log()), "the log names it")


def test_who_may_not_do_something_takes_no_quota_of_the_workspace_named(tmp_path: Path) -> None:
    """Neighbors, callers without the right, and strangers ask for all they can: those who may call find their quota.

    And who comes with a new JWT is verified, however many came whom nobody knows.
    """
    signer = Signer()
    file = write(
        tmp_path / "access.yaml",
        principal("owner", "admin", workspaces=["own"]),
        principal("reader", "read", workspaces=["own"]),
        principal("neighbor", "admin", workspaces=["other"]),
        principal("by-jwt", "admin", workspaces=["own"], jwts=[{"issuer": ISSUER, "subject": "crm"}]),
        issuers=[issuer(keysFile="keys.json")],
    )
    (tmp_path / "keys.json").write_bytes(key_set(signer))
    options = ("--workspace-quota", "20", "--access", str(file))
    with RedisServer() as redis, EvenhandServer(redis.url, options=options) as server:
        service = Service(server.address, authorization="Bearer owner-token")
        team = Workspace("own", service)
        team.roster("a")
        team.rules(rule("everyone"))
        time.sleep(1.5)
        for token in ("neighbor-token", "reader-token", "stranger-token", Signer().token(), "a.b.c"):
            other = Workspace("own", Service(server.address, authorization=f"Bearer {token}"))
            codes = {code_of(other, f"{token}-{number}") for number in range(25)}
            assert codes in ({"PERMISSION_DENIED"}, {"UNAUTHENTICATED"})
        assert (
            code_of(Workspace("own", Service(server.address, authorization=f"Bearer {signer.token()}")), "new") == "OK"
        )
        assert refusals(team, 15) == 0
        time.sleep(1.5)
        assert refusals(Workspace("own", Service(server.address, authorization=f"Bearer {signer.token()}")), 60) > 0


def code_of(team: Workspace, contact: str) -> str:
    """Return the code that ends a call."""
    try:
        team.created(contact)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


def test_nobody_is_let_in_at_the_cost_of_another_workspace() -> None:
    """A request that names one workspace first and another one later is refused as damaged, and decides nothing."""
    with RedisServer() as redis, EvenhandServer(redis.url) as server:
        team = Workspace("own", Service(server.address))
        team.roster("a")
        team.rules(rule("everyone"))
        victim = api.EvaluateContactRequest(workspace_id="victim").SerializeToString()
        own = api.EvaluateContactRequest(workspace_id="own", event_type=1, contact={"id": "c"})
        call = server.channel().unary_unary(EVALUATE)
        with pytest.raises(grpc.RpcError) as failed:
            call(victim + own.SerializeToString(), timeout=5)
        assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert team.contact("c") is None
        fields_first = api.EvaluateContactRequest(event_type=1, contact={"id": "c"}).SerializeToString()
        call(fields_first + api.EvaluateContactRequest(workspace_id="own").SerializeToString(), timeout=5)
        assert team.contact("c") is not None
