"""The ways to choose among the eligible, one module each.

To add one: a module here with a `STRATEGY`, its Lua beside it, a value in the contract's enum, and its tests.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from strategies.strategy import TURN, Share, Standing, Strategy

STRATEGIES: dict[int, Strategy] = {
    strategy.number: strategy
    for module in iter_modules(__path__)
    if (strategy := getattr(import_module(f"{__name__}.{module.name}"), "STRATEGY", None)) is not None
}
"""Every strategy by its number in the contract."""

DEFAULT = 1
"""The number of the strategy that an unspecified one means: round robin."""

__all__ = ["DEFAULT", "STRATEGIES", "TURN", "Share", "Standing", "Strategy"]
