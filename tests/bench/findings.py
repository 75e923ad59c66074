"""What comes out of a run: lines of the report, and the figures that they rest on."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Ratio:
    """A ratio, once for each round."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        """Its median."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Distance of its quartiles, relative to the median; 0 for a single round."""
        if len(self.values) == 1:
            return 0.0
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return (high - low) / self.median


@dataclass(frozen=True)
class Finding:
    """One line of the report: this against that.

    Attributes:
        row: what was measured.
        this: our figure, with its unit.
        against: what it is compared with.
        ratio: of the two.
        bound: what the ratio is to reach; None: nothing is asked of it.
        at_least: whether it is to be `bound` at least, or at most.
        note: what a reader has to know.
        details: more figures, for the JSON.
    """

    row: str
    this: str
    against: str
    ratio: Ratio
    bound: float | None
    at_least: bool
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def to_reach(self) -> str:
        """What the ratio is to be: "≥ 0.75"; empty if nothing is asked of it."""
        return "" if self.bound is None else f"{'≥' if self.at_least else '≤'} {self.bound:g}"

    @property
    def reached(self) -> bool | None:
        """Whether the ratio is what it is to be; None if nothing is asked of it."""
        if self.bound is None:
            return None
        return self.ratio.median >= self.bound if self.at_least else self.ratio.median <= self.bound

    def as_json(self) -> dict[str, Any]:
        """Return it for the JSON report."""
        return {
            "row": self.row,
            "this": self.this,
            "against": self.against,
            "ratio": round(self.ratio.median, 4),
            "spread": round(self.ratio.spread, 4),
            "to_reach": self.to_reach,
            "reached": self.reached,
            "note": self.note,
            "ratio_by_round": [round(value, 4) for value in self.ratio.values],
            "details": self.details,
        }


def median(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> float:
    """Return the median of a figure over samples."""
    return statistics.median(figure(sample) for sample in samples)
