"""Rules files as large as real ones: an expression, a long list of values and a long list of agents in each rule."""

from __future__ import annotations


def rules_file(count: int, cities: int = 45, agents: int = 20) -> str:
    """Write a file of so many rules, each with so many cities and agents; some 2 KiB a rule."""
    return "rules:\n" + "".join(_rule(number, cities, agents) for number in range(count))


def _rule(number: int, cities: int, agents: int) -> str:
    values = "".join(f"                - City {number} of {place}\n" for place in range(cities))
    ids = "".join(f"          - agent-{(number * 7 + place) % 1000}\n" for place in range(agents))
    return f"""\
  - id: rule-{number}
    name: "Orders of product {number}"
    trigger: RULE_TRIGGER_TRAIT_OR_TAG_UPDATED
    condition:
      all:
        conditions:
          - expression: has(contact.traits.product) && contact.traits.product == 'p{number}' && contact.tags.size() > 2
          - trait:
              key: city
              operator: TRAIT_OPERATOR_IN
              values:
{values}\
          - trait: {{key: budget, operator: TRAIT_OPERATOR_GREATER, values: [{number}]}}
    target:
      agents:
        agentIds:
{ids}\
    onlineOnly: true
"""
