"""Traits that an expression asks for where they may be missing.

What asks for a missing trait fails, and what fails is false in the end: which nobody notices where `!=` or `!` was to
hold. Each use of a trait is looked at on its own: it is guarded if, on every way to it, the expression has asked
before, or asks beside it, whether the trait is there.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from service.rules.conditions.cel_tree import LEAVES, Tree, kind_of, parts_of

Keys: TypeAlias = frozenset[str]

_NONE: Final[Keys] = frozenset()
_EQUALITY: Final = {"_==_": True, "_!=_": False}
COMPARISONS: Final = frozenset({*_EQUALITY, "_<_", "_<=_", "_>_", "_>=_"})


def unguarded_traits(tree: Tree) -> list[str]:
    """List the keys of traits that are asked for where they may be missing, and where that is not plainly meant.

    A part that is false for a missing trait, as a trait condition is, is plainly meant if it compares nothing and if
    nothing negates it: `contact.traits.vip && contact.traits.name.startsWith('A')`.
    """
    finder = _Finder(tree)
    finder.look(tree, _Place(_NONE, quiet=True))
    return list(finder.found)


class _Place(NamedTuple):
    """Where a part of an expression stands.

    Attributes:
        there: keys of traits that are there whenever the part bears on what comes out.
        quiet: whether it makes no difference there if the part fails or is false.
        negated: whether it would make none if it failed or were true.
    """

    there: Keys
    quiet: bool
    negated: bool = False


class _Finder:
    """Collects the keys of unguarded traits.

    Args:
        whole: the expression.
        known: what is known of its parts by their ids, so that none is worked out twice.
    """

    def __init__(self, whole: Tree, known: dict[tuple[int, bool], Keys] | None = None) -> None:
        self.found: dict[str, None] = {}
        self._whole = whole
        self._known = {} if known is None else known

    def look(self, tree: Tree, at: _Place) -> None:
        kind = kind_of(tree)
        if kind in LEAVES or (kind == "call_expr" and self._look_at_logic(tree, at)):
            return
        key = key_of(tree)
        if key is None:
            for part in parts_of(tree):
                self.look(part, at)
        elif not at.quiet and key not in at.there:
            self.found[key] = None

    def _look_at_logic(self, tree: Tree, at: _Place) -> bool:
        """Look at what the parts of a logical operator say about each other; false for another operation."""
        call = tree.call_expr
        arguments = call.args
        match call.function:
            case "!_":
                self.look(arguments[0], _Place(at.there, at.negated, at.quiet))
            case ("_&&_" | "_||_") as function:
                # Whichever stands first: what fails bears on nothing where the other side decides.
                goes_on = function == "_&&_"
                for one, other in (arguments, arguments[::-1]):
                    self.look(one, at._replace(there=at.there | self._there_if(other, holds=goes_on)))
            case "_?_:_":
                condition, *ways = arguments
                self.look(condition, _Place(at.there, quiet=False))
                for way, holds in zip(ways, (True, False), strict=True):
                    self.look(way, at._replace(there=at.there | self._there_if(condition, holds=holds)))
            case "@in":
                self.look(arguments[0], _Place(at.there, quiet=False))
                self.look(arguments[1], at)
            case function if function in COMPARISONS:
                for each in arguments:
                    self.look(each, _Place(at.there, quiet=False))
            case _:
                return False
        return True

    def _there_if(self, tree: Tree, *, holds: bool) -> Keys:
        """List the keys without which a part surely comes out as the opposite of this, and does not fail."""
        found = self._known.get((tree.id, holds))
        if found is None:
            found = self._known[tree.id, holds] = self._find_there(tree, holds=holds)
        return found

    def _find_there(self, tree: Tree, *, holds: bool) -> Keys:
        kind, call = kind_of(tree), tree.call_expr
        arguments = call.args
        match call.function if kind == "call_expr" else kind:
            case "!_":
                return self._there_if(arguments[0], holds=not holds)
            case ("_&&_" | "_||_") as function:
                one, other = (self._there_if(each, holds=holds) for each in arguments)
                return one | other if holds == (function == "_&&_") else one & other
            case "_?_:_":
                condition, *ways = arguments
                chosen, otherwise = (self._there_if(way, holds=holds) for way in ways)
                if_true, if_false = (self._there_if(condition, holds=each) for each in (True, False))
                return (if_true & otherwise) | (if_false & chosen) | ((chosen & otherwise) - self._failing(condition))
            case ("_==_" | "_!=_") as function:
                for one, other in (arguments, arguments[::-1]):
                    if other.const_expr.HasField("bool_value"):
                        same = other.const_expr.bool_value == _EQUALITY[function]
                        return self._there_if(one, holds=holds == same)
            case "const_expr" if tree.const_expr.HasField("bool_value") and tree.const_expr.bool_value != holds:
                return frozenset(_every_key(self._whole))
        asked = asked_key_of(tree) if holds else None
        return _NONE if asked is None else frozenset({asked})

    def _failing(self, tree: Tree) -> Keys:
        """List the keys without which a part may fail."""
        inside = _Finder(self._whole, self._known)
        inside.look(tree, _Place(_NONE, quiet=False))
        return frozenset(inside.found)


def _every_key(tree: Tree) -> list[str]:
    key = key_of(tree)
    return [key] if key is not None else [each for part in parts_of(tree) for each in _every_key(part)]


def asked_key_of(tree: Tree) -> str | None:
    """Return the key of which a part asks whether the trait is there; None for what does not."""
    match kind_of(tree):
        case "select_expr" if tree.select_expr.test_only:
            operand = tree.select_expr.operand
            # has() of what a trait holds asks for the trait, too.
            return str(tree.select_expr.field) if is_traits(operand) else root_key_of(operand)
        case "call_expr" if tree.call_expr.function == "@in" and is_traits(tree.call_expr.args[1]):
            return tree.call_expr.args[0].const_expr.string_value or None
    return None


def root_key_of(tree: Tree) -> str | None:
    """Return the key of a trait, or of the trait that holds this; None for anything else."""
    key = key_of(tree)
    if key is not None:
        return key
    match kind_of(tree):
        case "select_expr" if not tree.select_expr.test_only:
            return root_key_of(tree.select_expr.operand)
        case "call_expr" if tree.call_expr.function in {"_[_]", "-_"}:
            return root_key_of(tree.call_expr.args[0])
    return None


def key_of(tree: Tree) -> str | None:
    """Return the key of `contact.traits.key` or `contact.traits['key']`; None for anything else."""
    match kind_of(tree):
        case "select_expr" if not tree.select_expr.test_only and is_traits(tree.select_expr.operand):
            key: str = tree.select_expr.field
        case "call_expr" if tree.call_expr.function == "_[_]" and is_traits(tree.call_expr.args[0]):
            key = tree.call_expr.args[1].const_expr.string_value
        case _:
            return None
    return key or None


def is_traits(tree: Tree) -> bool:
    """Tell whether it is `contact.traits`."""
    select = tree.select_expr
    return kind_of(tree) == "select_expr" and select.field == "traits" and select.operand.ident_expr.name == "contact"
