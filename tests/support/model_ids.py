"""Which contact an id stands for, in the model: merges, and what was answered under ids that were given up."""

from __future__ import annotations

from typing import Generic, TypeVar

Record = TypeVar("Record")


class Ids(Generic[Record]):
    """Ids that stand for other contacts.

    Attributes:
        given_up: by each such id, the record that it had when it was merged, whose answers are still given under it.
    """

    def __init__(self) -> None:
        self.given_up: dict[str, Record] = {}
        self._into: dict[str, str] = {}

    def holds(self, contact_id: str) -> str:
        """The contact that an id stands for, at the end of all merges."""
        while contact_id in self._into:
            contact_id = self._into[contact_id]
        return contact_id

    def give_up(self, contact_id: str, record: Record, into_id: str) -> None:
        """Have an id stand for another contact."""
        self._into[contact_id] = into_id
        self.given_up[contact_id] = record

    def forget(self, contact_id: str) -> bool:
        """No id stands for a contact any more; whether one did."""
        old = [each for each in self._into if self.holds(each) == contact_id]
        for each in old:
            del self.given_up[each]
        self._into = {each: into for each, into in self._into.items() if each not in old}
        return bool(old)
