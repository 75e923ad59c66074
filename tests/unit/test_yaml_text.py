"""YAML as nodes: what ours makes of a text is what a reader of YAML 1.2 makes of it."""

from __future__ import annotations

import json
import warnings

import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml import nodes as theirs
from ruamel.yaml.error import YAMLError

from service.yaml_text import (
    BOOL,
    NULL,
    NUMBER,
    TEXT,
    MappingNode,
    NotYamlError,
    ScalarNode,
    SequenceNode,
    compose,
    name_of,
)

NO_CHARACTER = "not YAML: while parsing a quoted scalar, found invalid Unicode character escape code"
KINDS = {"null": NULL, "bool": BOOL, "int": NUMBER, "float": NUMBER}


def ours_of(node):
    """What a node of ours says, and the line of what is written; dates and the like are text."""
    match node:
        case ScalarNode():
            kind = node.tag if node.tag in KINDS.values() else TEXT
            return kind, node.value, node.value and node.line
        case SequenceNode():
            return [ours_of(item) for item in node.value], node.line
        case MappingNode():
            return [(ours_of(key), ours_of(value)) for key, value in node.value], {node.line}
    return None


def theirs_of(node):
    """The same of a node of the other reader."""
    match node:
        case theirs.ScalarNode():
            kind = KINDS.get(str(node.tag).removeprefix("tag:yaml.org,2002:"), TEXT)
            return kind, node.value, node.value and node.start_mark.line + 1
        case theirs.SequenceNode():
            return [theirs_of(item) for item in node.value], node.start_mark.line + 1
        case theirs.MappingNode():
            return [(theirs_of(key), theirs_of(value)) for key, value in node.value], {node.start_mark.line + 1}
    return None


def agree(text):
    """Whether both readers see the same in a text that is YAML to the other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the other warns of an anchor that is set twice
        expected = theirs_of(YAML(typ="safe", pure=True).compose(text))
    return ours_of(compose(text.encode(), "f")) == expected


@pytest.mark.parametrize(
    "text",
    [
        "[no, No, on, off, yes, y, n, 12:30, 190:20:30, 2024-01-31, ~, null, Null, true, True, TRUE, tRUE, <<, =]",
        "[01, +91, 1e5, 1_000, 0x1F, 0o17, 0b1, 1.10, .5, 5., -0, .inf, -.INF, .nan, 1.2.3, 5-6, +, '-', 1e, 0x]",
        "a: &x 1\nb: &x 2\nc: *x\n",
        "- 'one\n\n  two'\n- |\n  kept\n  lines\n- >\n  folded\n  lines\n- after",
        "? - a\n  - b\n: c\n? d\n",
        "# nothing\n",
        "a:\n- b\n-\n- - c\n  - d: e\n    f:\n",
        "!!str 5: !!int '6'\n",
        "%YAML 1.2\n---\na: no\n...\n",
        "{a: 1, 'b': [2, \"\\u00e9\"], c: 😀}\n",
        "- !other x\n",
    ],
)
def test_it_is_read_as_yaml_1_2(text):
    """Anchors, blocks, quotes and words have the values, kinds and lines that a reader of YAML 1.2 gives them."""
    assert agree(text)


def test_a_tag_makes_text():
    """A number or a word with the tag of texts, or with the plain `!`, is text."""
    root = compose(b"[!!str 01, ! 5, ! no, !!str true]", "f")
    assert [(item.tag, item.value) for item in root.value] == [(TEXT, "01"), (TEXT, "5"), (TEXT, "no"), (TEXT, "true")]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f")))
@example("🫨 \\ 😀\u2028\\u2028")
def test_json_is_yaml(text):
    """A text as JSON writes it, with pairs of escapes for what is beyond 16 bits, is that text."""
    root = compose(json.dumps({"one": text, text: [text]}, indent="\t").encode(), "f")
    assert [(name_of(key), key.line) for key, _ in root.value] == [("one", 2), (text, 3)]
    assert root.value[0][1].value == root.value[1][1].value[0].value == text


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85"])
def test_what_ends_no_line(end):
    """U+2028, U+2029 and U+0085 are like letters: they stay in every kind of text, and end no line."""
    root = compose(f"- a{end}b # c{end}d\n- 'a{end}b'\n- \"a{end}b\"\n- |-\n  a{end}b\n- last".encode(), "f")
    assert [(item.value, item.line) for item in root.value] == [
        *((f"a{end}b", line) for line in (1, 2, 3, 4)),
        ("last", 6),
    ]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r"\ud83e\udee8", r"\ud83e\udee8"),
        (r"'\ud83e\udee8'", r"\ud83e\udee8"),
        ("|-\n  \\ud83e\\udee8", r"\ud83e\udee8"),
        (r'"\\\uD83E\uDEE8"', "\\🫨"),
        (r'"\\ud83e"', r"\ud83e"),
        ("'\\ud83e\\udee8 \ue000\ue001'", "\\ud83e\\udee8 \ue000\ue001"),
    ],
)
def test_where_a_pair_of_escapes_is_one_character(written, value):
    """Two escapes are one character in double quotes alone, behind a backslash that is not itself escaped."""
    assert compose(written.encode(), "f").value == value


words = st.one_of(
    st.sampled_from(
        ["no", "on", "true", "null", "~", "12:30", "01", "1e5", "0x1F", "1_0", ".5", "a b", "é", "2024-01-31"]
    ),
    st.text("ab 0:1-+._e'\"", min_size=1, max_size=6),
)


flows = st.recursive(
    words, lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"), max_leaves=4
)


@st.composite
def blocks(draw, indent=0):
    """A list or a mapping in block style."""
    head = draw(st.sampled_from(["-", "key:", "? key\n:"])).replace("\n", "\n" + " " * indent)
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        inner = f" {draw(flows)}  # said"
        if indent < 6 and draw(st.booleans()):
            inner = f"\n{draw(blocks(indent=indent + 2))}"
        lines.append(f"{' ' * indent}{head}{inner}")
    return "\n".join(lines)


@given(blocks())
def test_random_files(text):
    """Whatever ours takes of what the other reader takes is the same to both."""
    try:
        same = agree(text)
    except (YAMLError, NotYamlError):  # no YAML to one of the two
        reject()
    assert same


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: b: c", "f:1: not YAML: mapping values are not allowed in this context"),
        (b"a: 1\nb: *x\n", 'f:2: not YAML: found undefined alias "x"'),
        (b"a: 1\nb: [1, 2", "f:2: not YAML: while parsing a flow sequence, did not find expected ',' or ']'"),
        (b"a: 1\nb: \x07\n", "f:2: not YAML: control characters are not allowed"),
        (b'a: "\\ud83e"', f"f:1: {NO_CHARACTER}"),
        (b'a: "\\udee8\\ud83e"', f"f:1: {NO_CHARACTER}"),
        (b'a: "\\ud83e \\udee8"', f"f:1: {NO_CHARACTER}"),
        (b'a: "\\\\ud83e\\udee8"', f"f:1: {NO_CHARACTER}"),
        (b"a: 1\nb: \xff\n", "f:2: the file is not UTF-8 text"),
        (b"[" * 100_000, "f:1: not YAML: while increasing flow level, exceeded maximum nesting depth"),
    ],
)
def test_what_is_no_yaml(content, problem):
    """What is no YAML is told with its line, however deep it goes."""
    with pytest.raises(NotYamlError) as refused:
        compose(content, "f")
    assert str(refused.value.problem) == problem
