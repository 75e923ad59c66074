"""Lists in messages: the first few, and how many more."""

from __future__ import annotations

import pytest

from service.rules import listed


@pytest.mark.parametrize(
    ("count", "names", "clauses"),
    [
        (1, "0", "0"),
        (3, "0, 1, 2", "0; 1; 2"),
        (4, "0, 1, 2 and 1 more", "0; 1; 2; and 1 more"),
        (1000, "0, 1, 2 and 997 more", "0; 1; 2; and 997 more"),
    ],
)
def test_the_first_three_are_shown_and_the_others_counted(count, names, clauses):
    """Up to three are all shown; of more, three with the number of the others; clauses are parted by semicolons."""
    items = [str(number) for number in range(count)]
    assert listed(items) == names
    assert listed(items, clauses=True) == clauses


def test_more_can_be_shown():
    """A message with more room shows as many as it says."""
    assert listed(["a", "b", "c", "d"], most=4) == "a, b, c, d"
    assert listed(["a", "b", "c", "d"], most=1) == "a and 3 more"
