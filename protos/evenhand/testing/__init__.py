"""A real Evenhand for the tests of those who call it. Under pytest, see `evenhand.testing.fixtures`."""

from __future__ import annotations

from evenhand.testing.service import ServiceDidNotStartError, running_service

__all__ = ["ServiceDidNotStartError", "running_service"]
