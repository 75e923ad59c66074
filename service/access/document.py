"""The access file: who may do what, as YAML. Reading it names every mistake, each with its line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from service.access.nodes import NodeReader
from service.access.principals import CERTIFICATE_KINDS, Principal, Subject
from service.access.rights import Right
from service.access.tokens import HASH_PREFIX
from service.yaml_text import MappingNode, NotYamlError, Problem, compose

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from service.access.issuers import Issuer
    from service.yaml_text import Node

FIELDS: Final = ("principals", "issuers")
"""What an access file has at its top, by which it is known."""

MOST_BYTES: Final = 256 * 1024
"""The most that one may have."""

_PRINCIPAL: Final = ("name", "tokens", "certificates", "jwts", "workspaces", "rights")
_ISSUER: Final = ("issuer", "audience", "algorithms", "keysFile", "keysUrl", "claim")
_ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
_HASH: Final = re.compile(rf"{HASH_PREFIX}([0-9a-f]{{64}})")
_MOST_CHARACTERS: Final = 128


@dataclass(frozen=True, slots=True)
class AccessFile:
    """What an access file says, without the parts that are wrong.

    Attributes:
        principals: by name.
        issuers: by name.
        key_files: other files that it depends on.
        problems: what is wrong with it, in the order of lines.
    """

    principals: Mapping[str, Principal]
    issuers: Mapping[str, Issuer]
    key_files: tuple[Path, ...]
    problems: tuple[Problem, ...]


def parse(content: bytes, file: str) -> AccessFile:
    """Read the content of an access file; `file` is its name, beside which files of keys are looked for."""
    if len(content) > MOST_BYTES:
        return _broken(Problem(file, 1, "", f"the file is larger than {MOST_BYTES // 1024} KiB"))
    try:
        root = compose(content, file)
    except NotYamlError as error:
        return _broken(error.problem)
    if not isinstance(root, MappingNode):
        line = root.line if root is not None else 1
        return _broken(Problem(file, line, "", f"must have top-level fields: {', '.join(FIELDS)}"))
    return read(root, file)


def summary(problems: Sequence[Problem]) -> str:
    """Say the first problem of a file, and how many more there are."""
    more = f" (and {len(problems) - 1} more, which `evenhand check` names)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}"


def read(root: MappingNode, file: str) -> AccessFile:
    """Read the root of an access file."""
    reader = _Reader(file)
    reader.whole(root)
    problems = sorted(reader.nodes.problems, key=lambda problem: problem.line)
    return AccessFile(reader.principals, reader.issuers, tuple(reader.key_files), tuple(problems))


def _broken(problem: Problem) -> AccessFile:
    return AccessFile({}, {}, (), (problem,))


@dataclass(slots=True)
class _Reader:
    """Reads one file.

    Attributes:
        file: its name.
        nodes: reads its nodes, and notes what is wrong.
    """

    file: str
    principals: dict[str, Principal] = field(default_factory=dict)
    issuers: dict[str, Issuer] = field(default_factory=dict)
    key_files: list[Path] = field(default_factory=list)
    _seen: dict[object, int] = field(default_factory=dict)
    nodes: NodeReader = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = NodeReader(self.file)

    def whole(self, root: MappingNode) -> None:
        """Read everything."""
        found = self.nodes.fields(root, "", FIELDS, required=("principals",))
        for path, node in self.nodes.items(found.get("issuers"), "issuers"):
            self._issuer(node, path)
        principals = self.nodes.items(found.get("principals"), "principals")
        for path, node in principals:
            self._principal(node, path)
        if "principals" in found and not principals and found["principals"].value == []:
            self.nodes.wrong(found["principals"], "principals", "is empty: nobody could call")

    def _principal(self, node: Node, path: str) -> None:
        found = self.nodes.fields(node, path, _PRINCIPAL, required=("name", "workspaces", "rights"))
        name = self.nodes.checked(found.get("name"), f"{path}.name", _name_problem)
        workspaces = self._each(found, path, "workspaces", _workspace_problem)
        rights = self._each(found, path, "rights", _right_problem)
        tokens = self._known_once(found, path, "tokens", _hash_problem)
        certificates = self._known_once(found, path, "certificates", _certificate_problem)
        subjects = [
            subject
            for at, each in self.nodes.items(found.get("jwts"), f"{path}.jwts")
            if (subject := self._subject(each, at)) is not None
        ]
        if found and not found.keys() & {"tokens", "certificates", "jwts"}:
            self.nodes.wrong(node, path, "nobody can be known as it; give it tokens, certificates or jwts")
        if not name or self._is_again(found["name"], f"{path}.name", ("name", name)):
            return
        self.principals[name] = Principal(
            name,
            frozenset(each for each in workspaces if not each.endswith("*")),
            tuple(each[:-1] for each in workspaces if each.endswith("*")),
            frozenset(Right) if Right.ADMIN in rights else frozenset(map(Right, rights)),
            frozenset(bytes.fromhex(each.removeprefix(HASH_PREFIX)) for each in tokens),
            frozenset(certificates),
            frozenset(subjects),
        )

    def _each(
        self, found: Mapping[str, Node], path: str, name: str, problem: Callable[[str], str | None]
    ) -> dict[str, Node]:
        """Read a list of texts of one field, each checked; there has to be one, and none twice."""
        texts: dict[str, Node] = {}
        items = self.nodes.items(found.get(name), f"{path}.{name}")
        if name in found and not items and found[name].value == []:
            self.nodes.wrong(found[name], f"{path}.{name}", "is empty; give at least one")
        for at, node in items:
            text = self.nodes.checked(node, at, problem)
            if text in texts:
                self.nodes.wrong(node, at, f'"{text}" stands there already')
            elif text:
                texts[text] = node
        return texts

    def _known_once(
        self, found: Mapping[str, Node], path: str, name: str, problem: Callable[[str], str | None]
    ) -> list[str]:
        """Read a list of texts by which a principal is known, and no other."""
        texts = self._each(found, path, name, problem)
        return [text for text, node in texts.items() if not self._is_again(node, f"{path}.{name}", (name, text))]

    def _is_again(self, node: Node, path: str, what: object) -> bool:
        """Whether what tells principals or issuers apart was given before."""
        if what not in self._seen:
            self._seen[what] = node.line
            return False
        self.nodes.wrong(node, path, f"is given twice; first in line {self._seen[what]}")
        return True

    def _subject(self, node: Node, path: str) -> Subject | None:
        found = self.nodes.fields(node, path, ("issuer", "subject"), required=("issuer", "subject"))
        issuer = self.nodes.checked(found.get("issuer"), f"{path}.issuer", self._issuer_problem)
        name = self.nodes.checked(found.get("subject"), f"{path}.subject", _given)
        if not issuer or not name or self._is_again(node, path, Subject(issuer, name)):
            return None
        return Subject(issuer, name)

    def _issuer_problem(self, name: str) -> str | None:
        if ("issuer", name) in self._seen:
            return None
        return f'"{name}" is none of the issuers; describe it there'

    def _issuer(self, node: Node, path: str) -> None:
        found = self.nodes.fields(node, path, _ISSUER, required=("issuer", "audience", "algorithms"))
        name = self.nodes.checked(found.get("issuer"), f"{path}.issuer", _given)
        audience = self.nodes.checked(found.get("audience"), f"{path}.audience", _given)
        claim = self.nodes.checked(found.get("claim"), f"{path}.claim", _given) or "sub"
        algorithms = tuple(self._each(found, path, "algorithms", _algorithm_problem))
        url = self.nodes.checked(found.get("keysUrl"), f"{path}.keysUrl", _url_problem)
        keys = self._keys(found.get("keysFile"), f"{path}.keysFile")
        if found and ("keysUrl" in found) == ("keysFile" in found):
            self.nodes.wrong(node, path, "needs keysFile or keysUrl, and one of them only")
        if name and not self._is_again(found["issuer"], f"{path}.issuer", ("issuer", name)):
            issuers = self._jwt_module(node, path, "issuers")
            if issuers is not None:
                self.issuers[name] = issuers.Issuer(name, audience, algorithms, claim, keys, url)

    def _keys(self, node: Node | None, path: str) -> tuple[Any, ...]:
        name = self.nodes.checked(node, path, _given)
        module = self._jwt_module(node, path, "keys") if node is not None and name else None
        if module is None or node is None:
            return ()
        try:
            file = Path(self.file).parent / Path(name).expanduser()
        except RuntimeError:
            self.nodes.wrong(node, path, f"{name} begins with ~, and that home folder is not known")
            return ()
        self.key_files.append(file)
        try:
            return tuple(module.parse(file.read_bytes()))
        except OSError as error:
            self.nodes.wrong(node, path, f"{name} cannot be read: {error.strerror}")
        except ValueError as error:
            self.nodes.wrong(node, path, f"{name} {error}")
        return ()

    def _jwt_module(self, node: Node, path: str, module: str) -> Any:
        """Return a module that only JWTs need, and which need packages that only some have."""
        try:
            return import_module(f"service.access.{module}")
        except ModuleNotFoundError as error:
            self.nodes.wrong(node, path, f"needs evenhand[jwt] installed: there is no {error.name}")
            return None


def _given(text: str) -> str | None:
    return None if text else "is empty"


def _name_problem(text: str) -> str | None:
    if 0 < len(text) <= _MOST_CHARACTERS and text.isprintable():
        return None
    return f"needs 1 to {_MOST_CHARACTERS} printable characters"


def _workspace_problem(text: str) -> str | None:
    if "*" in text[:-1]:
        return f'"{text}" has a * that is not its end; give a whole id, or how ids begin and a *'
    return _name_problem(text)


def _right_problem(text: str) -> str | None:
    return None if text in set(Right) else f'"{text}" is no right; known are {", ".join(Right)}'


def _hash_problem(text: str) -> str | None:
    if _HASH.fullmatch(text):
        return None
    # What is wrong is not repeated: it may be the token itself.
    return f"must be {HASH_PREFIX} and 64 digits of hex, as `evenhand token` prints it; never the token itself"


def _certificate_problem(text: str) -> str | None:
    kind, _, name = text.partition(":")
    if kind in CERTIFICATE_KINDS and "*" in name:
        return f'"{text}" has a *, and names are compared as they are; give each name'
    if kind in CERTIFICATE_KINDS and name:
        return None
    kinds = ", ".join(f"{each}:" for each in CERTIFICATE_KINDS)
    return f'"{text}" must begin with what kind of name it is: {kinds}'


def _algorithm_problem(text: str) -> str | None:
    return None if text in _ALGORITHMS else f'"{text}" is not taken; choose of {", ".join(_ALGORITHMS)}'


def _url_problem(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return "is no URL"
    if parts.username is not None:
        return "must hold neither user nor password"
    if host and (parts.scheme == "https" or (parts.scheme == "http" and host in {"127.0.0.1", "::1", "localhost"})):
        return None
    return "must be an https:// URL; who changes the keys on the way lets in whom they like"
