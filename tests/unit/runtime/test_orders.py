"""What the supervisor writes is what a worker reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.config import Settings
from service.runtime.orders import Order, read_order, write_order

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("core", [None, 3])
def test_an_order_comes_over_whole(core: int | None, tmp_path: Path) -> None:
    """Every setting, and the name that the user gave it, arrives as it was, on one line."""
    settings = Settings.read({"drain": "1.5s", "data_dir": str(tmp_path)}, {"EVENHAND_WORKERS": "2"})
    order = Order(settings=settings, redis_url="redis://:hunter2@host", listen="127.0.0.1:5", core=core)
    line = write_order(order)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    arrived = read_order(line)
    assert arrived == order
    assert arrived.settings.name_of("workers") == "EVENHAND_WORKERS"
