"""Why a call is refused, in terms of the domain. `service.rpc.statuses` says which status each becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.rules import Violation


class RefusedError(Exception):
    """A call that is answered with an error."""


class InvalidError(RefusedError):
    """A request with wrong fields.

    Attributes:
        violations: every wrong field, in the order of the fields.
    """

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(f"{len(violations)} wrong fields")
        self.violations = violations


class NotFoundError(RefusedError):
    """A request about contacts or agents that do not exist.

    Attributes:
        kind: `contact` or `agent`.
        names: those that do not exist.
    """

    def __init__(self, kind: str, names: Sequence[str]) -> None:
        super().__init__(f"{kind} not found")
        self.kind = kind
        self.names = names


class StaleEtagError(RefusedError):
    """A replacement that was prepared on something else than what is in force.

    Attributes:
        what: `rule set` or `roster`.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"the {what} changed")
        self.what = what


class MergeRefusedError(RefusedError):
    """Two ids that cannot become one contact.

    Attributes:
        is_circle: whether the id that is to hold stands for the other one; else too many would stand for one contact.
    """

    def __init__(self, *, is_circle: bool) -> None:
        super().__init__("a circle of merges" if is_circle else "too many ids")
        self.is_circle = is_circle


class InternalError(Exception):
    """A fault of our own. What it is stands in the log, and never in an answer.

    Attributes:
        problem: the fault.
    """

    def __init__(self, problem: Exception) -> None:
        super().__init__(f"{type(problem).__name__}: {problem}")
        self.problem = problem
