"""Times: which texts read as a date or time of ISO 8601, and as which moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from evenhand.v1.contact_pb2 import Contact
from hypothesis import given
from hypothesis import strategies as st

from service.rules.conditions.cel_runtime import activation_of, checked_form, read_checked
from service.rules.conditions.times import is_moment, time_of


def microseconds(*parts, hours=0.0):
    """The moment of these parts at this distance from UTC."""
    moment = datetime(*parts, tzinfo=timezone(timedelta(hours=hours)))
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", microseconds(2026, 1, 31)),
        (" 2026-01-31 ", microseconds(2026, 1, 31)),
        ("2026-01-31T09:30", microseconds(2026, 1, 31, 9, 30)),
        ("2026-01-31 09:30:15", microseconds(2026, 1, 31, 9, 30, 15)),
        ("2026-01-31t09:30:15.25z", microseconds(2026, 1, 31, 9, 30, 15, 250_000)),
        ("2026-01-31T09:30:15,123456789Z", microseconds(2026, 1, 31, 9, 30, 15, 123_456)),
        ("2026-01-31T09:30:00+05:30", microseconds(2026, 1, 31, 9, 30, hours=5.5)),
        ("2026-01-31T09:30-0800", microseconds(2026, 1, 31, 9, 30, hours=-8)),
        ("2026-01-31T09:30+01", microseconds(2026, 1, 31, 9, 30, hours=1)),
        ("20260131T093000Z", microseconds(2026, 1, 31, 9, 30)),
        ("\ufeff2026-01-31\u200b", microseconds(2026, 1, 31)),
        ("\u200e 2026-01-31 \u200f", microseconds(2026, 1, 31)),
        ("2026\u201301\u201331", microseconds(2026, 1, 31)),
        ("\uff12\uff10\uff12\uff16\uff0d\uff10\uff11\uff0d\uff13\uff11", microseconds(2026, 1, 31)),
        ("2026-01-31T09\uff1a30\u221208:00", microseconds(2026, 1, 31, 9, 30, hours=-8)),
        ("2026-01-31T24:00", microseconds(2026, 2, 1)),
        ("2026-01-31 24:00:00.000+05:30", microseconds(2026, 2, 1, hours=5.5)),
        ("20261231T2400Z", microseconds(2027, 1, 1)),
        ("9999-12-31T24:00Z", microseconds(9999, 12, 31) + 86_400_000_000),
        ("2026-01-31T09:30+05:59", microseconds(2026, 1, 31, 9, 30, hours=5 + 59 / 60)),
        ("0001-01-01T00:00+14:00", microseconds(1, 1, 1, hours=14)),
        ("9999-12-31T23:59-14:00", microseconds(9999, 12, 31, 23, 59, hours=-14)),
    ],
)
def test_dates_and_times(text, moment):
    """A date is its first moment; a time without a zone is one of UTC."""
    assert time_of(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "2026",
            "2026-01",
            "20260131",
            "2026-W05",
            "2026-031",
            "15/01/2026",
            "31.01.2026",
            "01-31-2026",
            "Jan 31 2026",
        ),
        *("2026-02-30", "2026-13-01", "0000-01-01", "2026-01-31T25:00", "2026-01-31T09:60", "2026-01-31T09", "09:30"),
        *(
            "2026-01-31T09:30+99:00",
            "2026-01-31T09:30+05:60",
            "20260131T0930+0560",
            "2026-01-31T24:01",
            "2026-01-31T24:00:00.001Z",
            "2026-02-30T24:00",
            "2026-01-31T23:59:60Z",
            "2026-01-31X09:30",
            "2026-01-31T09:30 Z",
            "2026-1-31",
            "\u0662026-01-31",
            "2026-01-31" * 400,
            "2026-01-31" + "\u200b" * 60,
            "2026~01~31",
        ),
    ],
)
def test_what_is_no_time(text):
    """Other orders of day and month, parts of dates, weeks, and days that do not exist are no times."""
    assert time_of(text) is None


@given(st.datetimes(timezones=st.timezones()))
def test_times_order_as_moments(moment):
    """Whatever the zone, a written time reads as its moment."""
    written = moment.astimezone(timezone(moment.utcoffset() or timedelta()))
    if written.utcoffset() % timedelta(minutes=1):  # a local mean time of old, whose seconds ISO 8601 does not write
        return
    assert time_of(written.isoformat()) == (written - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_what_expressions_read():
    """Only a time with seconds and a zone is one for expressions."""
    assert is_moment("2026-01-31T09:30:00Z")
    assert is_moment("2026-01-31T09:30:00.5+05:30")
    assert not any(map(is_moment, ["2026-01-31", "2026-01-31T09:30Z", "2026-01-31T09:30:00", "2026-02-31T09:30:00Z"]))
    assert not is_moment("2026-01-31T24:00:00Z")
    assert not read_checked(
        checked_form("timestamp('2026-01-31T24:00:00Z') > timestamp('2026-01-31T00:00:00Z')")
    ).holds(activation_of(Contact()))
