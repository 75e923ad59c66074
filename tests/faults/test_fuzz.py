"""Odd requests, some thousands of the million of `make fuzz`; and its judge, which finds what is wrong."""

from __future__ import annotations

import pytest
from google.rpc import error_details_pb2
from google.rpc.code_pb2 import INVALID_ARGUMENT

from service.rpc import statuses
from tests.fuzz.fuzz import fuzz, problem_of
from tests.fuzz.inputs import METHODS, inputs

INPUTS = 10_000


def test_no_request_is_an_internal_error() -> None:
    """Of ten thousand odd requests each is answered, or refused by a Status that says why, in at most 4 KiB."""
    report, errors = fuzz(seed=12, count=INPUTS, processes=1)
    assert report.problems == []
    assert errors == ""
    assert report.codes.total() == INPUTS
    assert report.codes["OK"] > INPUTS / 20
    assert report.codes["INVALID_ARGUMENT"] > INPUTS / 20


def test_every_rpc_gets_every_kind_of_input() -> None:
    """The inputs are for every RPC of the contract and of health, made in every way, and the same for the same seed."""
    made = list(inputs(1, INPUTS))
    assert {one.method.full_name for one in made} == {method.full_name for method in METHODS}
    assert {one.kind for one in made} == {"odd", "plain", "damaged", "garbage", "deep"}
    assert made[:100] == list(inputs(1, 100))


def trailer(*, infos: int = 1, reason: str = "INVALID_FIELDS", message: str = "no") -> list[tuple[str, str | bytes]]:
    """The trailing metadata of an error with so many ErrorInfos."""
    status = statuses.Status(code=INVALID_ARGUMENT, message=message)
    for _ in range(infos):
        packed = statuses.Any()
        packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=statuses.DOMAIN))
        status.details.append(packed)
    return [("grpc-status-details-bin", status.SerializeToString())]


@pytest.mark.parametrize(
    ("code", "metadata", "problem"),
    [
        ("INVALID_ARGUMENT", trailer(), ""),
        ("INTERNAL", trailer(), "no way to refuse"),
        ("UNKNOWN", [], "no way to refuse"),
        ("INVALID_ARGUMENT", [], "without a google.rpc.Status"),
        ("INVALID_ARGUMENT", trailer(infos=0), "with 0 ErrorInfos"),
        ("INVALID_ARGUMENT", trailer(infos=2), "with 2 ErrorInfos"),
        ("INVALID_ARGUMENT", trailer(reason="OTHER"), "says other things"),
        ("INVALID_ARGUMENT", trailer(message="yes"), "says other things"),
        ("INVALID_ARGUMENT", [*trailer(), ("x", "x" * 4096)], "bytes"),
    ],
)
def test_the_judge_finds_a_wrong_error(code: str, metadata: list[tuple[str, str | bytes]], problem: str) -> None:
    """An error that is no refusal, has no Status, not one ErrorInfo, another reason, or too many bytes is a problem."""
    found = problem_of(code, "no", metadata, ours=True)
    assert (problem in found) if problem else not found
