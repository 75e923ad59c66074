"""Who may do what: every RPC by every right, and whatever callers show, on real services with access files."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2, roster_service_pb2
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from evenhand.v1.rules_pb2 import RuleSet
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from service.access.rights import RIGHTS, Right
from tests.support import access
from tests.support import builders as b
from tests.support.access import Signer, key_set
from tests.support.certificates import Authority
from tests.support.client import read_status, refused
from tests.support.key_server import KeyServer
from tests.support.processes import EvenhandServer, RedisServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from google.protobuf.descriptor import MethodDescriptor

METHODS: list[MethodDescriptor] = [
    method
    for file in (assignment_service_pb2, roster_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """One Redis for all of them."""
    with RedisServer() as running:
        yield running


@pytest.fixture(scope="module")
def server(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvenhandServer]:
    """A service with a principal for each right, in the workspace `own` and those that begin with `own-`."""
    file = access.write(
        tmp_path_factory.mktemp("access") / "access.yaml",
        *(access.principal(right, right, workspaces=["own", "own-*"]) for right in Right),
        access.principal("operator", "admin"),
    )
    with EvenhandServer(redis.url, options=["--access", str(file)]) as running:
        yield running


def call(
    channel: grpc.Channel, method: MethodDescriptor, workspace: str, metadata: Sequence[tuple[str, str]]
) -> tuple[str, str]:
    """Make a call with nothing but a workspace; return its code and reason, both "OK" if it went well."""
    request = GetMessageClass(method.input_type)(workspace_id=workspace)
    path = f"/{method.containing_service.full_name}/{method.name}"
    made: Any = channel.unary_unary(path, request_serializer=lambda message: message.SerializeToString())
    try:
        made(request, timeout=20, metadata=metadata)
    except grpc.RpcError as error:
        said = read_status(rpc_status.from_call(error))
        return said.code, said.reason
    return "OK", "OK"


def test_every_rpc_of_the_contract_has_its_right() -> None:
    """The table of rights has a row for each RPC of the contract, and none for anything else."""
    assert RIGHTS.keys() == {method.full_name for method in METHODS}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_an_rpc_is_for_those_with_its_right_in_its_workspace(server: EvenhandServer, method: MethodDescriptor) -> None:
    """Each RPC is refused to every right but its own and admin, and to all of them in a workspace of others."""
    channel = server.channel()
    let_in = {
        (right, workspace)
        for right in Right
        for workspace in ("own", "own-2", "others", "ow", "", "OWN")
        if call(channel, method, workspace, access.bearer(f"{right}-token"))
        != ("PERMISSION_DENIED", "PERMISSION_DENIED")
    }
    assert let_in == {
        (right, workspace) for right in (RIGHTS[method.full_name], Right.ADMIN) for workspace in ("own", "own-2")
    }


GET_RULES = next(method for method in METHODS if method.name == "GetRules")


def ask(channel: grpc.Channel, *metadata: tuple[str, str], workspace: str = "own") -> str:
    """Make a call that asks for the right to read; return its reason."""
    return call(channel, GET_RULES, workspace, metadata)[1]


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ([], "NO_CREDENTIALS"),
        ([("authorization", "Bearer read-token")], "OK"),
        ([("authorization", "bearer read-token")], "OK"),
        ([("authorization", "Bearer read-tokem")], "INVALID_CREDENTIALS"),
        ([("authorization", "Bearer  read-token")], "INVALID_CREDENTIALS"),
        ([("authorization", "Bearer")], "INVALID_CREDENTIALS"),
        ([("authorization", "")], "INVALID_CREDENTIALS"),
        ([("authorization", "Basic read-token")], "INVALID_CREDENTIALS"),
        ([("authorization", "read-token")], "INVALID_CREDENTIALS"),
        ([("authorization", access.hashed("read-token"))], "INVALID_CREDENTIALS"),
        ([("authorization", f"Bearer {access.hashed('read-token')}")], "INVALID_CREDENTIALS"),
        ([("authorization", "Bearer read-token"), ("authorization", "Bearer read-token")], "INVALID_CREDENTIALS"),
        ([("authorization", "Bearer " + "x" * 7000)], "INVALID_CREDENTIALS"),
        ([("authorization", "Bearer a.b.c")], "INVALID_CREDENTIALS"),
        ([("authorization-bin", b"Bearer read-token")], "NO_CREDENTIALS"),
    ],
)
def test_a_caller_shows_one_bearer_token(
    server: EvenhandServer, metadata: Sequence[tuple[str, Any]], reason: str
) -> None:
    """Nobody is known but by exactly one token of the file, after the word Bearer."""
    assert ask(server.channel(), *metadata) == reason


def test_a_caller_without_the_word_is_told_of_it(server: EvenhandServer) -> None:
    """A header that is not `Bearer TOKEN` is told so, and a token of nobody is not."""
    said = "the call's authorization is not once `Bearer TOKEN`, with a token of at most 8 KiB"
    told = "the call's bearer token is of nobody known, or not valid"
    cases = {"read-token": said, "Basic read-token": said, "Bearer " + "x" * 9000: said, "Bearer nobody": told}
    for shown, words in cases.items():
        with refused("UNAUTHENTICATED") as heard:
            AssignmentServiceStub(server.channel()).GetRules(
                api.GetRulesRequest(workspace_id="own"), timeout=20, metadata=[("authorization", shown)]
            )
        assert heard.message == words


def test_who_is_not_known_learns_nothing_of_requests(server: EvenhandServer) -> None:
    """A request that is no message is called so only to those who are let in; others hear what they always hear."""
    made: Any = server.channel().unary_unary("/evenhand.v1.AssignmentService/EvaluateContact")
    for metadata, code in (([], "UNAUTHENTICATED"), (access.bearer("read-token"), "INVALID_ARGUMENT")):
        with refused(code):
            made(b"\xff", timeout=20, metadata=metadata)


@pytest.mark.parametrize("metadata", [[], access.bearer("nobody-token"), [("authorization", "Basic x")]])
def test_the_request_of_a_stranger_is_not_waited_for(
    server: EvenhandServer, metadata: Sequence[tuple[str, str]]
) -> None:
    """Who is not known hears so at once, also with a request that never comes; others may take their time."""
    never = threading.Event()

    def requests() -> Iterator[bytes]:
        never.wait()
        yield b""

    made: Any = server.channel().stream_unary("/evenhand.v1.AssignmentService/EvaluateContact")
    try:
        with refused("UNAUTHENTICATED"):
            made(requests(), timeout=3, metadata=metadata)
        with pytest.raises(grpc.RpcError) as caught:
            made(requests(), timeout=1, metadata=access.bearer("decide-token"))
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    finally:
        never.set()


def test_large_requests_of_strangers_take_no_room(server: EvenhandServer) -> None:
    """However many large requests strangers send, those of principals find room."""
    large = b"\xff" * (15 * 1024 * 1024)  # no message, which is said to principals only
    made: Any = server.channel().unary_unary("/evenhand.v1.RosterService/ConfigureRoster")
    begun = [made.future(large, timeout=30) for _ in range(12)]
    try:
        assert ask(server.channel(), *access.bearer("read-token")) == "OK"
        with refused("INVALID_ARGUMENT"):
            made(large[: 1024 * 1024], timeout=30, metadata=access.bearer("configure-token"))
        assert {call.code() for call in begun} == {grpc.StatusCode.UNAUTHENTICATED}
    finally:
        for each in begun:
            each.cancel()


def test_a_workspace_of_others_looks_like_none(server: EvenhandServer) -> None:
    """The whole answer about a workspace of others is the same, byte for byte, whether it is there or not."""
    rules = AssignmentServiceStub(server.channel())
    request = api.ConfigureRulesRequest(workspace_id="is-there", rule_set=RuleSet(rules=[b.rule("one")]))
    rules.ConfigureRules(request, timeout=20, metadata=access.bearer("operator-token"))
    answers = set()
    for workspace in ("is-there", "is-not-there"):
        with pytest.raises(grpc.RpcError) as caught:
            rules.GetRules(
                api.GetRulesRequest(workspace_id=workspace), timeout=20, metadata=access.bearer("read-token")
            )
        answers.add((caught.value.code(), caught.value.details(), tuple(caught.value.trailing_metadata())))
    assert len(answers) == 1


def test_health_and_reflection_ask_for_nothing(server: EvenhandServer, redis: RedisServer) -> None:
    """Probes need no rights; nor do callers who ask what there is to call, unless reflection is off."""
    assert server.health() == "SERVING"
    with EvenhandServer(redis.url, options=["--reflection", "no"]) as silent:
        assert silent.health() == "SERVING"
        for one, code in ((server, None), (silent, grpc.StatusCode.UNIMPLEMENTED)):
            stub = reflection_pb2_grpc.ServerReflectionStub(one.channel())
            asked = stub.ServerReflectionInfo(
                iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=20
            )
            if code is None:
                assert "evenhand.v1.RosterService" in {each.name for each in next(asked).list_services_response.service}
            else:
                with pytest.raises(grpc.RpcError) as caught:
                    next(asked)
                assert caught.value.code() == code


def test_a_certificate_shows_who_calls(redis: RedisServer, tmp_path: Path) -> None:
    """A name of the right kind in the caller's certificate is enough; a token that is shown counts alone."""
    authority = Authority(tmp_path / "authority")
    file = access.write(
        tmp_path / "access.yaml",
        access.principal("console", "read", certificates=["dns:console.example.com"]),
        access.principal("mail", "decide", certificates=["email:read@example.com"]),
        access.principal("program", "read"),
    )
    options = [*authority.issue("server").options(), "--tls-client-ca", str(authority.file), "--access", str(file)]
    known = authority.issue("known", "console.example.com", "127.0.0.1")
    of_another_kind = authority.issue("other", "console.example.com@example.com", "read.example.com")
    with EvenhandServer(redis.url, options=options) as server:
        with authority.channel(server.address, known) as channel:
            assert ask(channel) == "OK"
            assert ask(channel, *access.bearer("nobody-token")) == "INVALID_CREDENTIALS"
        with authority.channel(server.address, of_another_kind) as channel:
            assert ask(channel) == "NO_CREDENTIALS"
            assert ask(channel, *access.bearer("program-token")) == "OK"
        with authority.channel(server.address, authority.issue("mail", "read@example.com")) as channel:
            assert ask(channel) == "PERMISSION_DENIED"


def test_a_jwt_shows_who_calls(redis: RedisServer, tmp_path: Path) -> None:
    """A token of an issuer is taken for as long as it is valid and its key is in the file of keys, which may change."""
    old, new = Signer("old"), Signer("new", "RS256")
    (tmp_path / "keys.json").write_bytes(key_set(old))
    crm = access.principal("crm", "read", jwts=[{"issuer": access.ISSUER, "subject": "crm-backend"}])
    file = access.write(tmp_path / "access.yaml", crm, issuers=[access.issuer(keysFile="keys.json")])
    with EvenhandServer(redis.url, options=["--access", str(file)]) as server:
        channel = server.channel()
        assert ask(channel, *access.bearer(old.token("crm-backend"))) == "OK"
        assert ask(channel, *access.bearer(old.token("somebody"))) == "INVALID_CREDENTIALS"
        assert ask(channel, *access.bearer(old.token("crm-backend", lasts_s=-60))) == "EXPIRED_CREDENTIALS"
        assert ask(channel, *access.bearer(new.token("crm-backend"))) == "INVALID_CREDENTIALS"
        kept = old.token("crm-backend", lasts_s=599)
        assert ask(channel, *access.bearer(kept)) == "OK"
        (tmp_path / "keys.json").write_bytes(key_set(new))
        wait_until(lambda: ask(channel, *access.bearer(new.token("crm-backend"))) == "OK", "the new key is in force")
        assert ask(channel, *access.bearer(kept)) == "INVALID_CREDENTIALS"


def test_keys_are_fetched_from_their_address(redis: RedisServer, tmp_path: Path) -> None:
    """While the keys of an issuer are not there, its tokens are refused for now, and those of others taken."""
    signer = Signer()
    crm = access.principal("crm", "read", jwts=[{"issuer": access.ISSUER, "subject": "crm"}])
    with KeyServer(key_set(signer)) as keys:
        keys.hold()
        file = access.write(
            tmp_path / "access.yaml",
            crm,
            access.principal("program", "read"),
            issuers=[access.issuer(keysUrl=keys.url)],
        )
        with EvenhandServer(redis.url, options=["--access", str(file)]) as server:
            channel = server.channel()
            with refused("UNAVAILABLE") as said:
                AssignmentServiceStub(channel).GetRules(
                    api.GetRulesRequest(workspace_id="w"), timeout=20, metadata=access.bearer(signer.token("crm"))
                )
            assert (said.reason, said.retry_after_s) == ("KEYS_UNAVAILABLE", 2)
            assert ask(channel, *access.bearer("program-token")) == "OK"
            keys.go_on()
            wait_until(lambda: ask(channel, *access.bearer(signer.token("crm"))) == "OK", "keys are there")
        assert keys.asked == 1
