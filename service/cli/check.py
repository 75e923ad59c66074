"""`evenhand check`: is a rules, roster or access file right? Needs no server."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from evenhand.v1.roster_service_pb2 import Agent, Roster
from evenhand.v1.rules_pb2 import RuleSet

from service.access.document import AccessFile
from service.cli.documents import Document, in_order, read
from service.cli.options import count, files_argument
from service.cli.reaching import EXIT_PROBLEMS
from service.cli.saying import say
from service.rules import compiling_once, validate_roster, validate_rule_set, warnings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.yaml_text import Problem


Files = Annotated[list[Path], files_argument("Rules, roster and access files (YAML).")]


@dataclass(frozen=True, slots=True)
class Examined:
    """A file, and all that is to be said about it, in the order of lines."""

    document: Document
    problems: list[Problem]
    warnings: list[Problem]


def check(files: Files) -> None:
    """Check rules, roster and access files, without a server.

    Prints FILE:LINE: FIELD: PROBLEM for each problem. A rules file's agents and teams are looked up in the roster
    files given beside it; without one, they are not checked. Exit code: 0 if all is well (there may be warnings),
    1 if there are problems.
    """
    results = examine([read(file) for file in files])
    cross_checked = any(isinstance(result.document.message, Roster) for result in results)
    for result in results:
        report(result)
        if not result.problems:
            say(f"{result.document.file}: ok, {contents(result.document, cross_checked=cross_checked)}")
    if any(result.problems for result in results):
        raise typer.Exit(EXIT_PROBLEMS)


def report(result: Examined) -> None:
    """Print the problems and warnings of a file, a line each, in the order of its lines."""
    warnings = [replace(warning, description=f"warning: {warning.description}") for warning in result.warnings]
    for problem in in_order([*result.problems, *warnings]):
        say(str(problem))


def contents(document: Document, *, cross_checked: bool) -> str:
    """Say what a file holds: "4 rules, fallback on"."""
    message = document.message
    if isinstance(message, Roster):
        return f"{count(len(message.agents), 'agent')}, {count(len(message.teams), 'team')}"
    if isinstance(message, RuleSet):
        fallback = "on" if message.fallback.enabled else "off"
        unchecked = "" if cross_checked else " (agents and teams not looked up: no roster file given)"
        return f"{count(len(message.rules), 'rule')}, fallback {fallback}{unchecked}"
    if isinstance(message, AccessFile):
        issuers = f", {count(len(message.issuers), 'issuer')}" if message.issuers else ""
        return f"{count(len(message.principals), 'principal')}{issuers}"
    return "nothing"


def examine(documents: Sequence[Document]) -> list[Examined]:
    """Validate documents as the service would, and rules against the agents and teams of the rosters among them."""
    rosters = [document.message for document in documents if isinstance(document.message, Roster)]
    known = _Known(rosters) if rosters else None
    with compiling_once():
        return [_examine_one(document, known) for document in documents]


class _Known:
    """The agents and teams of all rosters given."""

    def __init__(self, rosters: Sequence[Roster]) -> None:
        self.agents = {agent.id for roster in rosters for agent in roster.agents}
        self.teams = {team.id for roster in rosters for team in roster.teams}
        self.empty_teams = self.teams - {team.id for roster in rosters for team in roster.teams if team.agent_ids}


def _examine_one(document: Document, known: _Known | None) -> Examined:
    message = document.message
    warnings: list[Problem] = []
    if isinstance(message, RuleSet):
        violations = validate_rule_set(message, known.agents if known else None, known.teams if known else None)
    elif isinstance(message, Roster):
        violations = validate_roster(message)
        warnings = [document.problem(*warning) for warning in _output_only(message)]
    else:
        return Examined(document, list(document.problems), [])
    # What was left out because it is wrong must not be reported as missing besides.
    reported = [problem.field for problem in document.problems]
    found = [
        document.problem(violation.field, violation.description)
        for violation in violations
        if not document.lacks(violation.field)
    ]
    new = [problem for problem in found if not any(_related(problem.field, field) for field in reported)]
    problems = in_order([*document.problems, *new])
    if isinstance(message, RuleSet) and not problems:
        advice = warnings_of(message, empty_teams=known.empty_teams if known else ())
        warnings = [document.problem(warning.field, warning.message) for warning in advice]
    return Examined(document, problems, in_order(warnings))


def _related(one: str, other: str) -> bool:
    """Whether one field path is the other, or lies within it."""
    short, long = sorted((re.findall(r"[^.\[\]]+", one), re.findall(r"[^.\[\]]+", other)), key=len)
    return long[: len(short)] == short


def _output_only(roster: Roster) -> list[tuple[str, str]]:
    """Name the fields of a roster that the service only ever fills in itself."""
    names = ("presence", "open_contact_count")
    return [
        (f"roster.agents[{index}].{name}", "is ignored: only the service sets it")
        for index, agent in enumerate(roster.agents)
        for name in names
        if getattr(agent, name) != getattr(Agent(), name)
    ]
