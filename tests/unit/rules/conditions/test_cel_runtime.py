"""CEL expressions: what they can ask, how they are refused, and that they are safe to share and to evaluate."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from evenhand.v1 import contact_pb2
from google.protobuf.json_format import ParseDict

from service.rules.conditions import cel_runtime
from service.rules.conditions.cel_runtime import (
    ExpressionError,
    activation_of,
    check_cost,
    check_patterns,
    checked_form,
    compile_expression,
    compiling_once,
    read_checked,
)

CONTACT = ParseDict(
    {
        "id": "c1",
        "source": "api",
        "tags": ["vip", "gold-2024"],
        "traits": {
            "budget": 6000,
            "plan": "Pro",
            "paid": True,
            "cities": ["Pune", "Delhi"],
            "address": {"zip": "411001"},
            "first": "Asha",
            "last": "Rao",
            "long": "a" * 4000,
        },
    },
    contact_pb2.Contact(),
)


def evaluate(text, contact=CONTACT):
    """Compiles and evaluates."""
    return read_checked(checked_form(text)).holds(activation_of(contact))


@pytest.mark.parametrize(
    "text",
    [
        'contact.traits["budget"] > 5',
        "contact.traits.budget >= 6000.0 && contact.traits.budget < 6001",
        "contact.tags.size() > 1 && contact.source != 'upload'",
        "contact.source.startsWith('a') && contact.source.contains('p') && contact.source.endsWith('i')",
        "contact.traits.plan.matches('^(?i)pro$')",
        "contact.tags.exists(t, t.startsWith('gold'))",
        "'vip' in contact.tags",
        "contact.tags.filter(t, t in ['vip', 'x']).size() == 1",
        "'Pune' in contact.traits.cities",
        "contact.traits.address.zip == '411001'",
        "has(contact.traits.plan) && !has(contact.traits.nope)",
        "contact.traits.paid",
        "contact.traits.first + ' ' + contact.traits.last == 'Asha Rao'",
        "contact.traits.nope > 1 || contact.traits.budget > 1",
        "// why\ncontact.id == 'c1' // because",
    ],
)
def test_true(text):
    """What holds for the contact is true: traits, strings, lists, nested values, regular expressions."""
    assert evaluate(text)


@pytest.mark.parametrize(
    "text",
    [
        "contact.traits.nope == 1",
        "contact.traits.plan > 5",
        "contact.traits.plan",
        "contact.traits.budget",
        "contact.traits.cities",
        "contact.traits.address",
        "contact.traits.nope",
        "dyn(null)",
        "contact.tags[7] == 'x'",
        "1 / (contact.tags.size() - 2) == 1",
        "int(contact.traits.plan) == 1",
        "contact.source.matches('(')",
        "contact.source == 'API'",
        "duration(contact.traits.plan) > duration('1s')",
    ],
)
def test_errors_and_other_types_are_false(text):
    """A missing key, mixed types, a division by zero or a result that is no bool is false."""
    assert not evaluate(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("contact.budget > 5", "1:8: undefined field 'budget' not found in struct 'evenhand.v1.Contact'"),
        (
            "contact.id == 'a' ||\n  contact.nope",
            "2:10: undefined field 'nope' not found in struct 'evenhand.v1.Contact'",
        ),
        ("budget > 5", "1:1: undeclared reference to 'budget'"),
        ("contact.tags.size() > 2 &&", "1:27: it ends too early"),
        ("contact.tags.size() > 2)", "1:24: extraneous input ')'"),
        ("contact.tags == 1", "1:14: found no matching overload for '_==_' applied to '(list(string), int)'"),
        ("contact.source", "1:1: gives STRING; it must give a bool, such as a comparison"),
        ("1 + 1", "1:1: gives INT; it must give a bool, such as a comparison"),
        ("null", "1:1: gives NULL; it must give a bool, such as a comparison"),
        ("(" * 100 + "true" + ")" * 100, "1:1: nested too deeply; split it into several conditions"),
        ("1" + "+1" * 100 + " == 1", "1:1: nested too deeply; split it into several conditions"),
    ],
)
def test_refused_with_position(text, message):
    """What does not compile is refused in one short line that begins with line and column."""
    with pytest.raises(ExpressionError) as refused:
        compile_expression(text)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("contact.source = 'api'", "1:16", "; to compare, write =="),
        ("contact.source === 'api'", "1:18", "; to compare, write =="),
        ("contact.source is 'api'", "1:16", "; to compare, write =="),
        ("contact.id <> 'a'", "1:13", "; write !="),
        ("contact.id == 'a' and contact.source == 'b'", "1:19", "; write &&"),
        ("contact.id == 'a' &&\n\n  contact.source == 'é' OR true", "3:25", "; write ||"),
        ("contact.id == 'a' & true", "1:19", "; write &&"),
        ("contact.id == 'a' | true", "1:19", "; write ||"),
        ("not has(contact.traits.a)", "1:5", "; write !"),
        ("contact.id == 'a' && not (contact.id == 'b')", "1:26", "; write !"),
        ("contact.tags.contains('vip')", "1:22", "; write 'vip' in contact.tags"),
        ('true && contact.tags . includes( "a b" )', "1:32", '; write "a b" in contact.tags'),
        ("contact.tags.has(contact.id)", "1:17", "; write contact.id in contact.tags"),
        (
            "contact.tags.filter(t, t != '').contains('vip')",
            "1:41",
            "; to look for one of a list, write 'vip' in contact.tags",
        ),
        ("contact.tags == 'vip'", "1:14", "; to look for one of a list, write 'vip' in contact.tags"),
        ("contact.source == \u201capi\u201d", "1:19", "; write a text in ' or \""),
    ],
)
def test_the_commonest_mistakes_have_a_hint(text, place, hint):
    """Who writes an operator or a search as other languages have them is told what to write."""
    with pytest.raises(ExpressionError) as refused:
        compile_expression(text)
    assert str(refused.value).startswith(f"{place}: ")
    assert str(refused.value).endswith(hint)


@pytest.mark.parametrize(
    "text", ["contact.nope == 'and'", "contact.source == 'a = b and not c' ||", "notes > 5", "or_else", "(("]
)
def test_other_mistakes_have_no_hint(text):
    """Words within texts and names are no operators."""
    with pytest.raises(ExpressionError) as refused:
        compile_expression(text)
    assert "write" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("contact.source.matches('(')", '1:24: "(" is no pattern: missing ): ('),
        ("true ||\n  contact.id.matches('[a')", '2:22: "[a" is no pattern: missing ]: [a'),
        ("contact.tags.exists(t, t.matches('*'))", '1:34: "*" is no pattern: no argument for repetition operator: *'),
        ("matches(contact.id, '(?=a)')", '1:21: "(?=a)" is no pattern: invalid perl operator: (?='),
        (
            "contact.id.matches('a') && contact.id.matches('a{1001}')",
            '1:47: "a{1001}" is no pattern: invalid repetition',
        ),
        ("contact.id.matches('a)') || contact.id.matches('(')", '1:20: "a)" is no pattern: unexpected ): a)'),
        (r"contact.id.matches('\\')", '1:20: "\\" is no pattern: trailing \\'),
        ("{contact.id.matches('('): 1}[true] == 1", '1:21: "(" is no pattern'),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused(text, message):
    """What the library does not read as a pattern is refused at its place, with the library's reason."""
    check_cost(text)
    with pytest.raises(ExpressionError) as refused:
        check_patterns(text)
    assert str(refused.value).startswith(message)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("pattern", ["", "^a+$", "(?i)pro", r"\\pL", "[0-9]{1,3}", "(?P<n>a)", "a{1000}", "é"])
def test_a_pattern_that_may_match_is_not(pattern):
    """Patterns that the library reads are taken, and so is the word as a text."""
    check_patterns(f"contact.id.matches('{pattern}') || contact.id == 'matches(' || contact.traits.matches == '('")


@pytest.mark.parametrize("text", ["", " ", "\x00true", '"abc', "true // \ud7ff\x00 é == ==", "é", "))))", "'''", "`"])
def test_garbage_is_refused_or_compiled(text):
    """Whatever the text, it is refused with a position or it compiles."""
    try:
        compile_expression(text)
    except ExpressionError as error:
        line, column, message = str(error).split(":", 2)
        assert int(line) >= 1
        assert int(column) >= 1
        assert message.isprintable()


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("[contact.traits.long].map(x, x + x).map(x, x + x).size() > 0", "1:26"),
        ("contact.tags.all(a, contact.tags.all(b, true))", "1:37"),
        ("contact.tags.exists(a,\n [a + a].size() > 0)", "2:5"),
        ("contact.tags . exists (a, (('x' + a)) == '')", "1:33"),
        ("r'(' == '' || contact.tags.all(a, 1e+5 > 1.0 && a + '' == a)", "1:51"),
    ],
)
def test_what_could_grow_is_refused(text, position):
    """A loop within a loop, + within a loop and map() are refused at their place: they could take all memory."""
    with pytest.raises(ExpressionError, match=f"^{position}: .*not available"):
        compile_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "contact.tags.exists(t, t == 'map(+)') || true",
        r"""contact.tags.exists(t, t == "a\"+" || t == r"\x+" || t == '+\\') || true""",
        "contact.tags.exists(t, t == '''+ ' + ''' || b'+' == b\"+\") || true",
        "contact.tags.exists(t, 1e+5 > 1.0 // a + b\n) || true",
        "contact.tags.filter(t, t == 'vip').exists(t, t == 'vip') && contact.tags.all(t, t != '')",
        "has(contact.traits.map) || contact.traits.all == 1 || true",
        "(1 + 1 == 2) && contact.tags.exists(t, t == 'vip') && 2 + 2 == 4",
    ],
)
def test_marks_in_texts_and_comments_are_no_growth(text):
    """Only real loops and additions are refused, not their looks within texts, comments, numbers and names."""
    assert evaluate(text)


def test_loops_end():
    """A loop over more than the library's budget of steps ends soon, and is false."""
    items = ",".join(["1"] * 1000)
    assert not evaluate(" && ".join(f"[{items}].all(x, x == 1)" for _ in range(12)))


def test_programs_are_shared_among_threads():
    """Eight threads compile and evaluate the same expressions, each with its own contacts, and never mix them up."""
    texts = [f"contact.traits.budget > {n} && contact.tags.exists(t, t == contact.id)" for n in range(40)]

    def work(worker):
        for budget in range(200):
            contact = contact_pb2.Contact(id=f"{worker}-{budget}", tags=["x", f"{worker}-{budget}"])
            contact.traits["budget"].number_value = budget % 40
            activation = activation_of(contact)
            found = [read_checked(checked_form(text)).holds(activation) for text in texts]
            assert found == [budget % 40 > n for n in range(40)]
        return worker

    cel_runtime._compile.cache_clear()
    read_checked.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == list(range(8))


def test_each_is_compiled_once():
    """While a rule set of any size is worked on, each expression is compiled once, however often it is asked for."""
    texts = [f"contact.id == '{n}'" for n in range(1_100)]
    cel_runtime._compile.cache_clear()
    with compiling_once():
        forms = [[checked_form(text) for text in texts] for _ in range(2)]
    assert forms[0] == forms[1]
    assert cel_runtime._compile.cache_info().misses == len(texts)
    checked_form(texts[0])  # nothing of it is kept for longer
    assert cel_runtime._compile.cache_info().misses == len(texts) + 1
