"""A Hypothesis strategy for expressions that are meant to be slow: few words, much of what takes time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.support.largest_contacts import KEYS

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

_TRAITS = [f"contact.traits.{key}" for key in KEYS]
_FIELDS = [*_TRAITS, "contact.traits", "contact.tags", "contact.id", "contact.source", "contact"]
_WRITTEN = ["'a'", f"'{'a' * 60}b'", "1", "1.5", "true", "null", "b'a'", "[]", "{}", "2u", "['a', 'b', 1]"]
_PATTERNS = [
    "a", "(a|b)*c", "(a?){100}b", "(a?){9}b", ".*b", "[^b]*b", r"\\pL+b", "(?i)[à-ž]+", "(.?){30}b", r"(\\pL?){2}b",
    "(?:(?:a?){6}){10}b", "([^a]?){40}b",
]  # fmt: skip
_VALUES = [
    "{a}[{b}]", "{a}.k", "({p} ? {a} : {b})", "[{a}, {b}]", "[{a}, {a}, {a}, {a}, {b}]", "{{'k': {a}, 'l': {b}}}",
    "({a} + {b})", "{a}.size()", "string({a})", "bytes({a})", "dyn({a})", "int({a})", "double({a})", "timestamp({a})",
    "duration({a})", "timestamp({a}).getHours({b})", "type({a})", "google.protobuf.ListValue{{values: {a}}}",
    "google.protobuf.Struct{{fields: {a}}}", "evenhand.v1.Contact{{traits: {a}}}", "{a}.filter(x, {q})",
]  # fmt: skip
_TESTS = [
    "{a} == {b}", "{a} != {b}", "{a} in {b}", "({p} && {q})", "({p} || {q})", "!({p})", "{a}.contains({b})",
    "{a}.startsWith({b})", "{a}.endsWith({b})", "{a}.matches('{pattern}')", "{a} < {b}", "has({a}.k)",
    "{a}.all(x, {q})", "{a}.exists(x, {q})", "{a}.exists_one(x, {q})", "{a}.all(x, {q} || true)",
]  # fmt: skip


@st.composite
def predicates_of(draw: DrawFn, depth: int, *, looping: bool = False) -> str:
    """An expression that may give a bool. Not each of them compiles."""
    if not depth:
        return draw(st.sampled_from(["true", "false"]))
    return _filled(draw, _TESTS, depth, looping=looping)


@st.composite
def _values_of(draw: DrawFn, depth: int, *, looping: bool) -> str:
    if not depth or draw(st.booleans()):
        return draw(st.sampled_from([*(["x"] * 6 if looping else []), *_TRAITS, *_FIELDS, *_WRITTEN]))
    return _filled(draw, _VALUES, depth, looping=looping)


def _filled(draw: DrawFn, forms: list[str], depth: int, *, looping: bool) -> str:
    allowed = [form for form in forms if not (looping and ("(x, " in form or " + " in form))]
    form = draw(st.sampled_from(allowed))
    inner = looping or "(x, " in form
    return form.format(
        a=draw(_values_of(depth - 1, looping=looping)),
        b=draw(_values_of(depth - 1, looping=looping)) if "{b}" in form else "",
        p=draw(predicates_of(depth - 1, looping=looping)) if "{p}" in form else "",
        q=draw(predicates_of(depth - 1, looping=inner)) if "{q}" in form else "",
        pattern=draw(st.sampled_from(_PATTERNS)),
    )


expressions: SearchStrategy[str] = st.integers(1, 4).flatmap(predicates_of)
"""Expressions, of one to four levels."""


def widened(text: str, times: int) -> str:
    """Have an expression evaluated so many times, whatever it gives."""
    return f"[{', '.join([text] * times)}].size() == 0"
