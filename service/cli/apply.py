"""`evenhand apply`: make a server's workspace what rules and roster files say."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import grpc
import typer
from evenhand.v1.assignment_service_pb2 import ConfigureRulesRequest, GetRulesRequest, GetRulesResponse
from evenhand.v1.roster_service_pb2 import ConfigureRosterRequest, GetRosterResponse, Roster
from evenhand.v1.rules_pb2 import RuleSet

from service.access.document import AccessFile
from service.cli.changes import roster_changes, rule_set_changes
from service.cli.check import examine, report
from service.cli.client import NOT_DURABLE, STATE_LOST, connected, explain
from service.cli.documents import in_order, read
from service.cli.options import DryRun, Workspace, calls_service, count, files_argument
from service.cli.pages import whole_roster, whole_rule_set
from service.cli.reaching import EXIT_PROBLEMS, Target
from service.cli.saying import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evenhand.v1.assignment_service_pb2 import Warning as ConfigurationWarning

    from service.cli.client import Service
    from service.cli.documents import Document

Whole = TypeVar("Whole")

Files = Annotated[list[Path], files_argument("A rules file, a roster file, or both (YAML).")]


@calls_service
def apply(
    files: Files,
    *,
    workspace: Workspace,
    dry_run: DryRun = False,
    target: Target,
) -> None:
    """Configure a workspace from a rules file, a roster file, or both.

    Checks the files as `evenhand check` does, shows what would change, and replaces the roster first, then the rules.
    Somebody else's change in between is noticed, and nothing is overwritten. A workspace whose state was lost is
    configured anew.
    """
    rules, roster = _checked(files)
    with connected(target, also_reads=True) as service:
        application = _Application(service, workspace, target, dry_run)
        changed = application.roster(roster, followed_by=rules) if roster else False
        if rules:
            application.rules(rules, roster_pending=changed and dry_run)
        else:
            application.say_if_rules_are_lost()


def _checked(files: Files) -> tuple[Document | None, Document | None]:
    """Read and check the files; gives the rules and the roster document, or ends the command."""
    results = examine([read(file) for file in files])
    for result in results:
        if result.problems:
            report(result)
    if any(result.problems for result in results):
        raise typer.Exit(EXIT_PROBLEMS)
    documents = [result.document for result in results]
    for document in documents:
        if isinstance(document.message, AccessFile):
            hint = "is an access file, which the service reads by itself: evenhand serve --access"
            raise typer.BadParameter(f"{document.file} {hint}", param_hint="FILE")
    rules = [document for document in documents if isinstance(document.message, RuleSet)]
    rosters = [document for document in documents if isinstance(document.message, Roster)]
    for found, noun in ((rules, "rules"), (rosters, "roster")):
        if len(found) > 1:
            names = ", ".join(document.file for document in found)
            raise typer.BadParameter(f"a workspace has one {noun} file, not {len(found)}: {names}", param_hint="FILE")
    return (rules[0] if rules else None), (rosters[0] if rosters else None)


class _Application:
    """One run of the command against one workspace."""

    def __init__(self, service: Service, workspace: str, target: Target, dry_run: bool) -> None:
        self._service = service
        self._workspace = workspace
        self._target = target
        self._dry_run = dry_run
        self._was_lost = False

    def roster(self, document: Document, *, followed_by: Document | None) -> bool:
        """Bring the roster in line.

        Args:
            document: the roster.
            followed_by: new rules that come right after, so warnings about the present ones help nobody.

        Returns:
            whether the roster differs from the server's.
        """
        service, message = self._service, document.message
        assert isinstance(message, Roster)  # noqa: S101 (what _checked sorted out)
        read = self._read(partial(whole_roster, service, self._workspace))
        found = read or GetRosterResponse()
        changes = roster_changes(found.roster, message)
        same = read is not None and not changes
        self._show("roster", document, changes, same=same)
        request = ConfigureRosterRequest(
            workspace_id=self._workspace,
            roster=found.roster if same else message,  # word for word, so that the service sees that nothing changes
            etag=found.etag,
            validate_only=self._dry_run or same,
        )
        try:
            response = self._call(service.roster.ConfigureRoster, request, document)
        except grpc.RpcError as error:
            if followed_by is not None and explain(error, self._target).reason == NOT_DURABLE:
                say(f"evenhand: the rules of {followed_by.file} were not sent", err=True)
            raise
        if followed_by is None:
            self._show_warnings(document, response.warnings)
        if not same and not self._dry_run:
            agents, teams = count(len(message.agents), "agent"), count(len(message.teams), "team")
            say(f"roster: applied, {agents}, {teams}")
        return not same

    def rules(self, document: Document, *, roster_pending: bool) -> None:
        """Bring the rules in line.

        Args:
            document: the rules.
            roster_pending: the roster that they go with is not on the server, this being a dry run; the server
                would miss its new agents and teams, so only the check against the roster file counts.
        """
        service, message = self._service, document.message
        assert isinstance(message, RuleSet)  # noqa: S101 (what _checked sorted out)
        read = self._read(partial(whole_rule_set, service, self._workspace))
        found = read or GetRulesResponse()
        changes = rule_set_changes(found.rule_set, message)
        same = read is not None and not changes
        self._show("rules", document, changes, f" (revision {found.revision})" if read else "", same=same)
        if roster_pending:
            say("rules: checked against the roster file, as the server does not have that roster yet")
            return
        request = ConfigureRulesRequest(
            workspace_id=self._workspace,
            rule_set=found.rule_set if same else message,
            etag=found.etag,
            validate_only=self._dry_run or same,
        )
        response = self._call(service.assignment.ConfigureRules, request, document)
        self._show_warnings(document, response.warnings)
        if not same and not self._dry_run:
            say(f"rules: applied, revision {response.revision}")

    def _read(self, read: Callable[[], Whole]) -> Whole | None:
        """Return what is in force; None if it was lost, which is said once."""
        try:
            return read()
        except grpc.RpcError as error:
            if explain(error, self._target).reason != STATE_LOST:
                raise
        if not self._was_lost:
            say(f"{self._workspace}: its state was lost, and would be configured anew")
        self._was_lost = True
        return None

    def say_if_rules_are_lost(self) -> None:
        """Say that contacts are refused still, where rules were lost and no file brings others."""
        request = GetRulesRequest(workspace_id=self._workspace, page_size=1)
        try:
            self._service.assignment.GetRules(request, timeout=self._service.timeout)
        except grpc.RpcError as error:
            if explain(error, self._target).reason != STATE_LOST:
                raise
            remedy = "apply a rules file, too, or accept that by `evenhand accept-loss`"
            say(f"{self._workspace}: its rules are still lost, and contacts refused; {remedy}")

    def _show(self, noun: str, document: Document, changes: list[str], state: str = "", *, same: bool) -> None:
        if same:
            say(f"{noun}: {document.file} is what {self._workspace} has already{state}")
            return
        say(f"{noun}: {document.file} would change {self._workspace}{state}")
        for line in changes:
            say(line)

    def _call(self, method: Callable[..., Any], request: Any, document: Document) -> Any:
        """Configure; a refusal is reported by the lines of the file, a lost race as such."""
        try:
            return method(request, timeout=self._service.timeout)
        except grpc.RpcError as error:
            failure = explain(error, self._target)
            if failure.lost_race:
                text = (
                    f"{self._workspace} was changed by somebody else just now; nothing of {document.file} was applied"
                )
                say(f"evenhand: {text}. Run this again to see the difference.", err=True)
                raise typer.Exit(EXIT_PROBLEMS) from None
            own = [found for found in failure.violations if found[0].startswith(("rule_set", "roster"))]
            if not own or len(own) < len(failure.violations):
                raise
            for problem in in_order(document.problem(field, description) for field, description in own):
                say(str(problem))
            say(f"evenhand: the service refuses {document.file}; nothing of it was applied", err=True)
            raise typer.Exit(EXIT_PROBLEMS) from None

    def _show_warnings(self, document: Document, warnings: Sequence[ConfigurationWarning]) -> None:
        """Print the server's warnings in the order of lines; then those about the other half of the workspace."""
        prefix = "roster" if isinstance(document.message, Roster) else "rule_set"
        own = [warning for warning in warnings if warning.field.startswith(prefix)]
        for place in in_order(document.problem(each.field, f"warning: {each.message}") for each in own):
            say(str(place))
        for warning in warnings:
            if not warning.field.startswith(prefix):
                say(f"{self._workspace}: {warning.field}: warning: {warning.message}")
