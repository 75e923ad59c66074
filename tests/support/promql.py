"""Just enough of PromQL to see which series and labels an expression names. What is valid, promtool knows."""

from __future__ import annotations

import re

_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_COMMENT = re.compile(r"#.*")
_MATCHERS = re.compile(r"\{([^{}]*)\}")
_LABEL_LIST = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_MATCHED_LABEL = re.compile(r"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)")
_MADE_LABEL = re.compile(r"\),\s*\"(\w+)\",\s*\"")
_RANGE = re.compile(r"\[[^\[\]]*\]|\boffset\s+\w+")
_NAME = re.compile(r"(?<![\w:.])([a-zA-Z_:][\w:]*)(?!\s*\()(?![\w:])")
_KEYWORDS = frozenset({"and", "or", "unless", "bool", "inf", "nan", "by", "without", "on", "ignoring", "offset"})


def named(expression: str) -> tuple[set[str], set[str]]:
    """Return the names of series and of labels in an expression, without labels that it makes for itself.

    Those are what `label_replace` and `label_join` name after an expression that ends in a parenthesis.
    """
    made = set(_MADE_LABEL.findall(expression))
    bare = _COMMENT.sub("", _TEXT.sub('""', expression))
    labels = {label for matchers in _MATCHERS.findall(bare) for label in _MATCHED_LABEL.findall(matchers)}
    bare = _MATCHERS.sub(" ", bare)
    labels |= {label.strip() for listed in _LABEL_LIST.findall(bare) for label in listed.split(",") if label.strip()}
    bare = _RANGE.sub(" ", _LABEL_LIST.sub(" ", bare))
    return {name for name in _NAME.findall(bare) if name.lower() not in _KEYWORDS}, labels - made
