"""Single fields: what they may hold, and how a wrong one is told. No I/O."""
