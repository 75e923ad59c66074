"""`evenhand contacts`: who owns which contacts, and what is done to one by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer
from evenhand.v1.assignment_service_pb2 import (
    ForgetContactRequest,
    GetContactRequest,
    ListContactsRequest,
    MergeContactsRequest,
    OpenFilter,
)
from rich.text import Text

from service.cli.client import connected
from service.cli.explanation import explanation_of_record
from service.cli.options import GROUP, Workspace, bare_id, calls_service, count
from service.cli.reaching import Target  # noqa: TC001 (typer reads it)
from service.cli.saying import say
from service.cli.tables import cell, print_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evenhand.v1.assignment_service_pb2 import ListContactsResponse

    from service.cli.client import Service

contacts = typer.Typer(help="List contacts; show, merge or forget one.", **GROUP)

_SHOWN: Final = 100
_PAGE_SIZE: Final = 1000
_FILTERS: Final = {
    (False, False): OpenFilter.OPEN_FILTER_UNSPECIFIED,
    (True, False): OpenFilter.OPEN_FILTER_OPEN,
    (False, True): OpenFilter.OPEN_FILTER_NOT_OPEN,
}

ContactId = Annotated[
    str, typer.Argument(metavar="ID", callback=bare_id, help="The contact's id, or one that was merged into it.")
]
Owner = Annotated[
    str, typer.Option("--owner", metavar="AGENT", help="Only contacts of this owner, in the roster or not.")
]
# Two options, and not one with two names, of which the last would hold in silence.
Open = Annotated[bool, typer.Option("--open", help="Only contacts that are open.")]
NotOpen = Annotated[bool, typer.Option("--not-open", help="Only the others: closed, or without an owner.")]
All = Annotated[bool, typer.Option("--all", help=f"Show all of them, and not the first {_SHOWN}.")]


@contacts.command("list")
@calls_service
def list_contacts(
    *,
    workspace: Workspace,
    owner: Owner = "",
    is_open: Open = False,
    not_open: NotOpen = False,
    everything: All = False,
    target: Target,
) -> None:
    """List the contacts on record, with their owners, in no order."""
    if is_open and not_open:
        raise typer.BadParameter("cannot stand beside --not-open", param_hint="--open")
    request = ListContactsRequest(
        workspace_id=workspace,
        owner_id=owner,
        open=_FILTERS[is_open, not_open],
        page_size=_PAGE_SIZE if everything else _SHOWN,
    )
    found: list[ListContactsResponse.Contact] = []
    with connected(target) as service:
        for page in _pages(service, request):
            found += page
            if len(found) >= _SHOWN and not everything:
                break
        else:
            everything = True
    shown = found if everything else found[:_SHOWN]
    if shown:
        print_lines(("Contact", "Owner", "State"), [_row(each) for each in shown])
    say(count(len(shown), "contact") if everything else f"The first {len(shown)} contacts; --all shows all.")


@contacts.command("show")
@calls_service
def show_contact(contact: ContactId, *, workspace: Workspace, target: Target) -> None:
    """Show who owns a contact, whether it is open, and why, as far as the latest decision about it tells."""
    with connected(target) as service:
        request = GetContactRequest(workspace_id=workspace, contact_id=contact)
        found = service.assignment.GetContact(request, timeout=service.timeout)
    if found.contact_id not in {contact, ""}:
        say(f"{contact} was merged into {found.contact_id}")
    say(f"{found.contact_id or contact} {_owned(found.owner_id, is_open=found.open)}")
    for line in explanation_of_record(found):
        say(line)


@contacts.command("merge")
@calls_service
def merge_contacts(
    old: Annotated[str, typer.Argument(metavar="OLD", callback=bare_id, help="The id that is given up.")],
    into: Annotated[str, typer.Argument(metavar="NEW", callback=bare_id, help="The id that holds from now on.")],
    *,
    workspace: Workspace,
    target: Target,
) -> None:
    """Have two ids be one contact: whoever names OLD from now on means NEW."""
    with connected(target) as service:
        request = MergeContactsRequest(workspace_id=workspace, from_contact_id=old, into_contact_id=into)
        merged = service.assignment.MergeContacts(request, timeout=service.timeout)
    owned = _owned(merged.owner_id, is_open=merged.open)
    if merged.merged:
        say(f"{old} is {merged.contact_id} from now on, which {owned}")
    else:
        say(f"{old} and {into} are one contact already: {merged.contact_id}, which {owned}")


@contacts.command("forget")
@calls_service
def forget_contact(contact: ContactId, *, workspace: Workspace, target: Target) -> None:
    """Remove all that is kept of a contact, and of every id that was merged into it. Nothing brings it back."""
    with connected(target) as service:
        request = ForgetContactRequest(workspace_id=workspace, contact_id=contact)
        forgotten = service.assignment.ForgetContact(request, timeout=service.timeout).forgotten
    say(f"{contact} is forgotten" if forgotten else f"nothing is known of {contact}")


def _pages(service: Service, request: ListContactsRequest) -> Iterator[Sequence[ListContactsResponse.Contact]]:
    while True:
        page = service.assignment.ListContacts(request, timeout=service.timeout)
        yield page.contacts
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _row(found: ListContactsResponse.Contact) -> list[Text]:
    state = "open" if found.open else "closed" if found.owner_id else "unassigned"
    return [cell(found.contact_id), cell(found.owner_id or "-"), Text(state, style="green" if found.open else "dim")]


def _owned(owner_id: str, *, is_open: bool) -> str:
    if not owner_id:
        return "belongs to nobody"
    return f"belongs to {owner_id}, {'open' if is_open else 'closed'}"
