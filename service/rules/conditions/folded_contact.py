"""A contact as the conditions of one evaluation see it: folded, and converted to operands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.rules.conditions.cel_runtime import Activation, activation_of
from service.rules.conditions.folding import fold, fold_name
from service.rules.conditions.operands import MISSING, Operand, operand_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from evenhand.v1.contact_pb2 import Contact


class FoldedContact:
    """A contact whose parts are folded and converted when first asked for, at most once. It is not copied nor changed.

    Lives for one evaluation, in one thread.

    Args:
        contact: as the caller sent it.
        updated_keys: the traits and tags that the event set.
    """

    __slots__ = (
        "_activation",
        "_changed_tags",
        "_channel",
        "_contact",
        "_given_keys",
        "_source",
        "_tags",
        "_traits",
        "_updated",
        "_values",
    )

    def __init__(self, contact: Contact, updated_keys: Sequence[str]) -> None:
        self._contact = contact
        self._values = contact.traits  # each look at the field would make a new wrapper around it
        self._given_keys = updated_keys
        self._source: str | None = None
        self._channel: str | None = None
        self._tags: frozenset[str] | None = None
        self._changed_tags: frozenset[str] | None = None
        self._updated: frozenset[str] | None = None
        self._traits: dict[str, Operand] = {}
        self._activation: Activation | None = None

    def source(self) -> str:
        """Return the source, folded."""
        source = self._source
        if source is None:
            source = self._source = fold_name(self._contact.source)
        return source

    def channel(self) -> str:
        """Return the channel, folded."""
        channel = self._channel
        if channel is None:
            channel = self._channel = fold_name(self._contact.channel)
        return channel

    def tags(self) -> frozenset[str]:
        """Return the tags, folded."""
        tags = self._tags
        if tags is None:
            # A slice is copied at once; iterating over the field itself takes twice as long.
            tags = self._tags = frozenset(map(fold_name, self._contact.tags[:]))
        return tags

    def changed_tags(self) -> frozenset[str]:
        """Return those tags, folded, that are among what the event set."""
        changed = self._changed_tags
        if changed is None:
            changed = self._changed_tags = self.tags().intersection(map(fold, self._given_keys))
        return changed

    def trait(self, key: str) -> Operand:
        """Return the trait of exactly this key; MISSING if it is missing or null."""
        traits = self._traits
        known = traits.get(key)
        if known is not None:
            return known
        value = self._values.get(key)  # never [key]: that would add it to the contact
        operand = traits[key] = MISSING if value is None else operand_of(value)
        return operand

    def keys_among(self, keys: AbstractSet[str] | None) -> list[str]:
        """List those of the keys (None: of all) for which the contact has a trait, perhaps a null one."""
        values = self._values
        if keys is None:
            return list(values)
        if len(keys) < len(values):
            return [key for key in keys if key in values]
        return [key for key in values if key in keys]

    def updated_keys(self) -> frozenset[str]:
        """Return the traits and tags that the event set, to the letter."""
        updated = self._updated
        if updated is None:
            updated = self._updated = frozenset(self._given_keys)
        return updated

    def activation(self) -> Activation:
        """Return the contact as expressions see it."""
        activation = self._activation
        if activation is None:
            activation = self._activation = activation_of(self._contact)
        return activation
