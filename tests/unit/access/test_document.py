"""Access files: what is accepted, and that every mistake is reported at its line, without a secret."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

import service.access
from service.access import document
from service.access.errors import PermissionDeniedError
from service.access.principals import Principal, Subject
from service.access.rights import Right
from tests.support import access

EXAMPLE = Path("deploy/examples/access.yaml")
RIGHT = """
    principals:
      - name: one
        tokens: [{hash}]
        workspaces: [w]
        rights: [read]
    """


def problems(text: str, **fields: str) -> list[str]:
    """Give the problems of a file, without its name."""
    content = dedent(text).format(hash=access.hashed("t"), **fields).strip().encode()
    return [str(problem).removeprefix("f:") for problem in document.parse(content, "f").problems]


def test_the_example_says_all_that_can_be_said() -> None:
    """Every field and every right of an access file stands in the example, which is right."""
    content = EXAMPLE.read_bytes()
    found = document.parse(content, str(EXAMPLE))
    assert not found.problems
    assert found.principals["inbox"].rights == {Right.DECIDE, Right.REPORT}
    assert found.principals["operator"].rights == set(Right)
    assert found.principals["operator"].prefixes == ("",)
    assert found.principals["crm"].subjects == {Subject("https://login.example.com", "crm-backend")}
    assert found.principals["crm"].prefixes == ("shop-",)
    assert found.issuers["https://login.example.com"].algorithms == ("RS256", "ES256")
    assert all(
        f"{field}:" in content.decode() for field in (*document.FIELDS, "tokens", "certificates", "jwts", "claim")
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1: must have top-level fields: principals, issuers"]),
        ("- a", ["1: must have top-level fields: principals, issuers"]),
        ("issuers: []", ["1: principals: is missing"]),
        ("principals: a", ['1: principals: must be a list (lines that begin with "- ")']),
        ("principals: []", ["1: principals: is empty: nobody could call"]),
        ("principals: [a]", None),
        (
            "principals: [{{name: a, workspaces: [], rights: [read], tokens: [{hash}]}}]",
            ["is empty; give at least one"],
        ),
        ("principals: [{{name: a, workspaces: [w], rights: [read]}}]", ["nobody can be known as it"]),
        ("principals: [{{name: a, name: b, workspaces: [w], rights: [read], tokens: [{hash}]}}]", ["is given twice"]),
        (RIGHT.replace("[w]", "['a*b']"), ['4: principals[0].workspaces[0]: "a*b" has a * that is not its end']),
        (RIGHT.replace("[w]", "[w, w]"), ['4: principals[0].workspaces[1]: "w" stands there already']),
        (RIGHT.replace("[read]", "[write]"), ['5: principals[0].rights[0]: "write" is no right; known are decide']),
        (RIGHT.replace("[read]", "[7]"), ["5: principals[0].rights[0]: must be text; put 7 in quotes"]),
        (
            RIGHT.replace("[read]", "[!a read]"),
            ["5: principals[0].rights[0]: has the tag !a, which means nothing here"],
        ),
        (RIGHT.replace("[read]", "!a [read]"), ["5: principals[0].rights: has the tag !a, which means nothing here"]),
        (RIGHT.replace("- name", "- !a\n        name"), ["2: principals[0]: has the tag !a, which means nothing here"]),
        (RIGHT.replace("rights", "right"), ['did you mean "rights"?', "principals[0].rights: is missing"]),
        (
            RIGHT.replace("tokens: [{hash}]", "certificates: [a.example.com]"),
            ["must begin with what kind of name it is"],
        ),
        (
            RIGHT.replace("tokens: [{hash}]", "certificates: ['dns:*.example.com']"),
            ['3: principals[0].certificates[0]: "dns:*.example.com" has a *, and names are compared as they are'],
        ),
        (
            RIGHT.replace("tokens: [{hash}]", "jwts: [{{issuer: nobody, subject: s}}]"),
            ['3: principals[0].jwts[0].issuer: "nobody" is none of the issuers'],
        ),
        (
            RIGHT + "- {{name: two, tokens: [{hash}], workspaces: [w], rights: [read]}}",
            ["principals[1].tokens: is given twice; first in line 3"],
        ),
        (
            RIGHT + "- {{name: one, certificates: ['dns:a'], workspaces: [w], rights: [read]}}",
            ["principals[1].name: is given twice; first in line 2"],
        ),
    ],
)
def test_mistakes_are_named(text: str, expected: list[str] | None) -> None:
    """Each mistake is named by line and field, with what would be right; and nothing else is."""
    text = dedent(text).replace("\n- {{name", "\n  - {{name") if text.startswith("\n") else text
    found = problems(text)
    expected = expected or ["must be a mapping with fields: name, tokens"]
    assert len(found) == len(expected), found
    for each in expected:
        assert any(each in problem for problem in found), found


@pytest.mark.parametrize(
    ("replaced", "by", "expected"),
    [
        ("[ES256]", "[HS256]", '"HS256" is not taken'),
        ("[ES256]", "[none]", '"none" is not taken'),
        ("https:", "http:", "must be an https:// URL"),
        ("//e", "//user:password@e", "must hold neither user nor password"),
        ("keysUrl: https://e/k", "keysFile: missing.json", "missing.json cannot be read: No such file"),
        ("keysUrl: https://e/k", "keysFile: ~nobody-of-this-name/keys.json", "that home folder is not known"),
        ("keysUrl: https://e/k", "claim: sub", "needs keysFile or keysUrl"),
        ("keysUrl: https://e/k", "keysUrl: https://e/k, keysFile: pyproject.toml", "is no JSON Web Key Set"),
        ("audience: a, ", "", "audience: is missing"),
    ],
)
def test_mistakes_about_issuers_are_named(replaced: str, by: str, expected: str) -> None:
    """Secret keys, no signature at all, keys on a way that others can change, and keys that are none are refused."""
    issuers = "issuers: [{{issuer: i, audience: a, algorithms: [ES256], keysUrl: https://e/k}}]"
    assert not problems(dedent(RIGHT) + issuers)
    assert any(expected in problem for problem in problems(dedent(RIGHT) + issuers.replace(replaced, by)))


def test_who_has_not_what_jwts_need_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed, the file is wrong at the issuer, and one without issuers is right."""
    for module in ("keys", "issuers"):
        monkeypatch.delitem(sys.modules, f"service.access.{module}", raising=False)
        monkeypatch.delattr(service.access, module, raising=False)
    monkeypatch.setitem(sys.modules, "jwt", None)
    issuers = "issuers: [{{issuer: i, audience: a, algorithms: [ES256], keysUrl: https://e/k}}]"
    assert problems(dedent(RIGHT) + issuers) == [
        "6: issuers[0]: needs evenhand[jwt] installed: there is no jwt",
    ]
    assert not problems(RIGHT)


def test_a_token_in_the_place_of_its_hash_is_not_repeated() -> None:
    """Who writes the token itself into the file is told so, in words that do not show it."""
    (problem,) = problems(RIGHT.replace("{hash}", "evh_secretsecretsecret"))
    assert "secret" not in problem
    assert "never the token itself" in problem


def test_a_file_that_is_too_large_is_not_read() -> None:
    """A file has a bound, since reading it takes time from calls."""
    (problem,) = document.parse(b" " * (document.MOST_BYTES + 1), "f").problems
    assert "larger than 256 KiB" in problem.description


def test_prefixes_and_ids_are_kept_apart() -> None:
    """An id stands for itself, `prefix*` for all that begin so, and `*` for all."""
    one = Principal("one", frozenset({"own"}), ("own-",), frozenset({Right.READ}))
    for workspace in ("own", "own-", "own-a"):
        one.require(Right.READ, workspace)
    for workspace in ("", "ow", "owner", "Own", "own*"):
        with pytest.raises(PermissionDeniedError):
            one.require(Right.READ, workspace)
    Principal("all", frozenset(), ("",), frozenset({Right.READ})).require(Right.READ, "")


def test_a_call_of_which_nothing_is_known_is_let_through_for_nobody() -> None:
    """An RPC without a row in the table of rights may be made by no principal, be it an admin."""
    with pytest.raises(PermissionDeniedError):
        Principal("all", frozenset(), ("",), frozenset(Right)).require(None, "w")
