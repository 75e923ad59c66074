"""How often the log names owners whom the roster does not know."""

from __future__ import annotations

import logging

import pytest

from service.telemetry import unknown_owners
from service.telemetry.unknown_owners import UnknownOwners


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which goes on when it is told to."""
    now = [1000.0]
    monkeypatch.setattr(unknown_owners, "monotonic", lambda: now[0])
    return now


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The workspaces and owners that were logged since the last look."""
    named = [(record.fields["workspace"], record.fields["owner"]) for record in caplog.records]
    assert {record.levelno for record in caplog.records} <= {logging.WARNING}
    caplog.clear()
    return named


def test_one_a_minute_and_workspace(clock: list[float], caplog: pytest.LogCaptureFixture):
    """The first is named, and another one as soon as a minute is over, whatever other workspaces have."""
    owners = UnknownOwners()
    for owner in ("null", "Asha"):
        owners.note("one", owner)
    owners.note("two", "zoe")
    assert said(caplog) == [("one", "null"), ("two", "zoe")]
    clock[0] += 59.9
    owners.note("one", "Asha")
    assert said(caplog) == []
    clock[0] += 0.1
    owners.note("one", "Asha")
    owners.note("one", "null")
    assert said(caplog) == [("one", "Asha")]


def test_how_many_were_left_out_is_said(clock: list[float], caplog: pytest.LogCaptureFixture):
    """The next line of a workspace says how many decisions like it were left out since the last, and others' do not."""
    owners = UnknownOwners()
    for owner in ("null", "Asha", "null", "None"):
        owners.note("one", owner)
    owners.note("two", "zoe")
    assert [record.fields.get("left_out") for record in caplog.records] == [None, None]
    caplog.clear()
    clock[0] += 60
    for workspace in ("two", "one", "one"):
        owners.note(workspace, "null")
    assert [record.fields.get("left_out") for record in caplog.records] == [None, 3]
    caplog.clear()
    clock[0] += 60
    owners.note("one", "null")
    assert [record.fields["left_out"] for record in caplog.records] == [1]


def test_workspaces_that_are_kept_in_mind_are_bounded(
    clock: list[float], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """Beyond the bound nothing is said for a minute, then those that come first have their turn again."""
    monkeypatch.setattr(unknown_owners, "_MOST", 2)
    owners = UnknownOwners()
    for workspace in ("one", "two", "three"):
        owners.note(workspace, "zoe")
    assert said(caplog) == [("one", "zoe"), ("two", "zoe")]
    clock[0] += 60
    for workspace in ("three", "one", "two", "three"):
        owners.note(workspace, "zoe")
    assert said(caplog) == [("three", "zoe"), ("one", "zoe")]
