"""`python -m service.cli` is `evenhand`."""

from __future__ import annotations

from service.cli import main

main()
