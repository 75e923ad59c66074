"""Times: which texts read as a date or time of ISO 8601, and as which moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

from service.rules.fields.marks import DASHES, WIDE, WITHOUT_UNSEEN

# The datetime module takes more than ISO 8601 has (any separator), and weeks; so what it gets is looked at first.
_FRACTION: Final = r"(?:[.,][0-9]{1,9})?"
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    rf"(?:[T ](?P<hour>[0-9]{{2}}):[0-9]{{2}}(?::[0-9]{{2}}{_FRACTION})?(?:Z|[+-][0-9]{{2}}(?::?[0-5][0-9])?)?)?"
    rf"|[0-9]{{8}}T(?P<basic_hour>[0-9]{{2}})[0-9]{{2}}(?:[0-9]{{2}}{_FRACTION})?(?:Z|[+-][0-9]{{2}}(?:[0-5][0-9])?)?"
)
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?!24)[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)
_LONGEST: Final = 35
_LOOKED_AT: Final = 64  # with marks that show nothing
_SHAPES: Final = {**WITHOUT_UNSEEN, **WIDE, **dict.fromkeys(map(ord, DASHES), "-")}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = time(0)


def time_of(text: str) -> int | None:
    """Read a text as a date or time of ISO 8601, such as `2026-01-31` or `2026-01-31T09:30:00+05:30`.

    A date is its first moment; without a zone it is a time of UTC; 24:00 is the end of the day. Wide digits, dashes of
    other shapes, and marks that show nothing make no difference.

    Returns:
        Microseconds since 1970 in UTC; None for a text that is none.
    """
    given = text.strip()
    if len(given) > _LOOKED_AT:
        return None
    if not given.isascii():
        given = given.translate(_SHAPES).strip()
    given = given.upper()
    found = _TIME.fullmatch(given) if len(given) <= _LONGEST else None
    if found is None:
        return None
    end = next((name for name in ("hour", "basic_hour") if found[name] == "24"), None)
    if end is not None:  # of the day; not every Python reads it
        given = f"{given[: found.start(end)]}00{given[found.end(end) :]}"
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:  # there is no such day, hour or zone
        return None
    if end is not None and moment.time() != _MIDNIGHT:
        return None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (since + (timedelta(0) if end is None else _DAY)) // _MICROSECOND


def is_moment(text: str) -> bool:
    """Tell whether a text is a time with seconds and zone, as RFC 3339 has it: all that expressions read."""
    return _MOMENT.fullmatch(text) is not None and time_of(text) is not None
