"""What the audit trail has of another access file."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from service.access import document
from service.access.changes import changes_between
from service.telemetry import trail
from tests.support import access

if TYPE_CHECKING:
    import pytest

    from service.access.document import AccessFile


def file(*principals: dict[str, Any]) -> AccessFile:
    """Return an access file of principals."""
    found = document.parse(json.dumps({"principals": principals}).encode(), "f")
    assert not found.problems
    return found


def test_who_may_do_what_is_told_before_and_after() -> None:
    """Each principal that comes, goes or is altered, with rights and workspaces; those that stay are not in it."""
    before = file(
        access.principal("altered", "read", workspaces=["a"]),
        access.principal("goes", "report"),
        access.principal("stays", "decide"),
    )
    after = file(
        access.principal("altered", "read", "configure", workspaces=["b-*", "a"]),
        access.principal("comes", "report", workspaces=["c"]),
        access.principal("stays", "decide"),
    )
    assert {what: told for what, told in changes_between(before, after).items() if told} == {
        "added": "comes",
        "removed": "goes",
        "altered": "altered",
        "before": "altered: read in a; goes: report in *",
        "after": "altered: configure, read in a, b-*; comes: report in c",
    }
    assert not any(changes_between(before, before).values())


def test_other_credentials_are_told_by_whose_they_are_alone() -> None:
    """A principal that is known by another token may do what it might; neither token nor hash is told."""
    before, after = (file(access.principal("one", "read", token=token)) for token in ("first", "second"))
    told = changes_between(before, after)
    assert (told["altered"], told["credentials"]) == ("one", "one")
    assert told["before"] == told["after"] == "one: read in *"
    for token in ("first", "second"):
        assert access.hashed(token).removeprefix("sha256:") not in str(told)


def test_a_long_list_is_whole_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A principal of 300 workspaces that gets one more: the line has all of them, before and after."""
    workspaces = [f"workspace-{number}" for number in range(300)]
    before, after = (
        file(access.principal("one", "read", workspaces=each)) for each in (workspaces, [*workspaces, "z"])
    )
    with caplog.at_level(logging.INFO):
        trail.access_changed("f", **changes_between(before, after))
    (line,) = caplog.records
    fields: dict[str, str] = vars(line)["fields"]
    assert fields["before"] == f"one: read in {', '.join(sorted(workspaces))}"
    assert fields["after"] == f"{fields['before']}, z"
