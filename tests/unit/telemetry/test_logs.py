"""What is logged of a flood."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from service.telemetry.logs import Tally
from tests.support.processes import wait_until

if TYPE_CHECKING:
    import pytest

LOG = logging.getLogger("flood")


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """Return the fields of each line."""
    return [record.fields for record in caplog.records if record.name == "flood"]


def test_a_burst_is_one_line_within_a_second_and_nothing_of_it_is_left_out(caplog: pytest.LogCaptureFixture):
    """500 refusals in a row, and none after them, are told with their number and the last of them."""
    tally = Tally(LOG, "refused")
    for number in range(500):
        tally.add(1, workspace=f"w{number}")
    assert told(caplog) == []
    wait_until(lambda: told(caplog), "it is logged")
    assert told(caplog) == [{"calls": 500, "workspace": "w499"}]
    time.sleep(1.1)
    assert len(told(caplog)) == 1


def test_a_process_that_ends_tells_what_it_has_counted(caplog: pytest.LogCaptureFixture):
    """Refusals of the last second are logged at the end, and once."""
    tally = Tally(LOG, "going down")
    tally.add(3)
    Tally.write_all()
    Tally.write_all()
    assert told(caplog) == [{"calls": 3}]
