"""The limits that the comments of `protos/evenhand/v1` promise, each under one name."""

from __future__ import annotations

from typing import Final

MAX_ID_CHARACTERS: Final = 128
"""Ids, tags, trait keys, sources, channels and updated keys, in characters."""
MAX_NAME_CHARACTERS: Final = 256
"""Names of rules, agents and teams, in characters."""
MAX_VALUE_BYTES: Final = 4096
"""One trait value of a contact, serialized, or one text of a trait condition, in UTF-8 bytes."""

MAX_RESPONSE_BYTES: Final = 4 * 1024 * 1024
"""One response, serialized: what gRPC clients accept by default."""

MAX_RULES: Final = 10_000
MAX_RULE_BYTES: Final = 3 * 1024 * 1024 // 2
"""One rule, or the fallback, serialized: a page of rules has room for both. 10,000 ids of 128 ASCII characters take
1.25 MiB."""
MAX_CONDITION_DEPTH: Final = 8
"""Levels of a condition tree; a single test is one level."""
MAX_CONDITION_ITEMS: Final = 100
"""Conditions, tags, values, sources or channels in one list of a condition."""
MAX_EXACT_NUMBER: Final = 2.0**53
"""Of larger numbers in a condition, either sign, some cannot be told from their neighbors."""
MAX_EXPRESSION_BYTES: Final = 4096
MAX_EXPRESSION_COST: Final = 25_000
"""Estimated cost of the expressions of one rule together on the largest contact, in steps of about a microsecond."""
MAX_REPLY_BYTES: Final = 4096
MAX_REPLY_PLACEHOLDERS: Final = 20
MAX_LISTED_AGENTS: Final = 10_000
"""Agents in one rule's own list."""
MAX_LISTED_AGENTS_IN_ALL: Final = 100_000
"""Places in all agent lists of a rule set together."""

MAX_AGENTS: Final = 10_000
MAX_TEAMS: Final = 1_000
MAX_TEAM_PLACES: Final = 100_000
"""Places in all teams of a roster together."""
MAX_WEIGHT: Final = 1_000

MAX_CONTACT_TAGS: Final = 100
MAX_CONTACT_TRAITS: Final = 200
MAX_CONTACT_VALUES: Final = 10_000
"""Values in all traits of a contact together, those within lists and objects included."""
MAX_UPDATED_KEYS: Final = 300
MAX_EXCLUDED_AGENTS: Final = 100

MAX_BATCH: Final = 1_000
"""Requests in one batch."""
MIN_LEASE_MS: Final = 1
MAX_LEASE_MS: Final = 7 * 24 * 3600 * 1000
"""A lease of a reported presence, in milliseconds."""
