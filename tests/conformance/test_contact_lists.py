"""ListContacts: by owner, open or not, in pages that hold every contact that matches."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest
from evenhand.v1 import assignment_service_pb2 as api

from tests.support.builders import agents, rule
from tests.support.client import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis

EMPTY = "W10="  # []
Line = tuple[str, str, bool]


def listed(workspace: Workspace, **wanted: object) -> list[Line]:
    """All contacts that are listed, in order of their ids."""
    return sorted((one.contact_id, one.owner_id, one.open) for page in workspace.pages(**wanted) for one in page)


@pytest.fixture
def team(workspace: Workspace) -> Workspace:
    """Ann and bob have 20 contacts each, a third of which is closed; four have nobody, and zoe one."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    workspace.created_in_batch(f"c-{number:02}" for number in range(40))
    for number in range(0, 40, 3):
        workspace.close(f"c-{number:02}")
    workspace.rules()
    workspace.created_in_batch(f"n-{number}" for number in range(4))
    workspace.opened("z", owner="zoe")
    return workspace


def expected() -> list[Line]:
    """What is on record in that team."""
    lines = [(f"c-{number:02}", "ab"[number % 2] + ("nn", "ob")[number % 2], number % 3 > 0) for number in range(40)]
    return sorted([*lines, *((f"n-{number}", "", False) for number in range(4)), ("z", "zoe", True)])


@pytest.mark.parametrize("owner", ["", "ann", "bob", "zoe", "nobody"])
@pytest.mark.parametrize("is_open", [None, True, False])
@pytest.mark.parametrize("size", [0, 1, 7, 1000])
def test_every_contact_that_matches_is_listed_once(team: Workspace, owner: str, is_open: bool | None, size: int):
    """Whatever the filter and the size of pages: all that match, nothing else, and no page is too large."""
    assert listed(team, owner=owner, is_open=is_open, size=size) == [
        line for line in expected() if owner in {"", line[1]} and is_open in {None, line[2]}
    ]
    assert all(len(page) <= (size or 100) for page in team.pages(owner=owner, is_open=is_open, size=size))


def test_an_empty_workspace(workspace: Workspace):
    """Where nothing is on record, nothing is listed."""
    assert listed(workspace) == []


def test_old_ids_are_not_listed(team: Workspace):
    """Of merged contacts only the one that holds is listed, and a forgotten one is not."""
    team.merge("c-00", "c-01")
    team.merge("c-02", "c-03")
    team.forget("c-04")
    ids = [line[0] for line in listed(team)]
    assert not {"c-00", "c-02", "c-04"} & set(ids)
    assert {"c-01", "c-03"} <= set(ids)


def test_who_leaves_can_be_cleared(team: Workspace):
    """Every contact of an agent who left the roster is found, open or not, and can be given to somebody else."""
    team.roster("bob")
    for line in listed(team, owner="ann", size=3):
        team.assign(line[0], "bob")
    assert listed(team, owner="ann") == []
    assert len(listed(team, owner="bob")) == 40


def test_an_owner_is_found_as_events_find_one(team: Workspace):
    """Contacts are listed of the owner who is meant, with space around the id and in another case; none is blank."""
    assert listed(team, owner=" ANN\u3000") == listed(team, owner="ann") != []
    assert listed(team, owner="ZOE") == []
    assert len(listed(team, owner="zoe")) == 1
    with refused("INVALID_ARGUMENT") as said:
        team.call("ListContacts", api.ListContactsRequest(owner_id=" "))
    assert said.fields == {"owner_id"}


def test_a_token_is_of_its_list(team: Workspace):
    """A token of another list, or none at all, is refused by its name, beside all else that is wrong."""
    request = api.ListContactsRequest(owner_id="ann", page_size=2)
    token = team.call("ListContacts", request).next_page_token
    for shown, wanted in [
        (token, {"owner_id": "bob"}),
        (token, {"open": api.OPEN_FILTER_OPEN}),
        ("no token", {}),
        (EMPTY, {}),
    ]:
        with refused("INVALID_ARGUMENT") as said:
            team.call("ListContacts", api.ListContactsRequest(**({"owner_id": "ann"} | wanted), page_token=shown))
        assert said.fields == {"page_token"}
    with refused("INVALID_ARGUMENT") as said:
        team.call("ListContacts", api.ListContactsRequest(owner_id="x" * 129, open=3, page_size=1001, page_token=EMPTY))
    assert said.fields == {"owner_id", "open", "page_size", "page_token"}


def test_a_token_is_of_its_workspace(team: Workspace, new_workspace: Callable[[], Workspace]):
    """A token of another workspace, which would leave contacts out, is refused; its own goes on as before."""
    other = new_workspace()
    other.roster("ann")
    other.rules(rule("r"))
    other.created_in_batch(f"o-{number}" for number in range(5))
    of_team, of_other = (
        one.call("ListContacts", api.ListContactsRequest(page_size=2)).next_page_token for one in (team, other)
    )
    assert of_team
    assert of_other
    with refused("INVALID_ARGUMENT") as said:
        other.call("ListContacts", api.ListContactsRequest(page_size=2, page_token=of_team))
    assert said.fields == {"page_token"}
    assert other.call("ListContacts", api.ListContactsRequest(page_size=2, page_token=of_other)).contacts


def test_what_stays_is_listed_while_others_change(team: Workspace):
    """While contacts come, go, open and close, each that does neither is listed at least once."""
    stays = {line for line in expected() if line[0] >= "c-20"}
    stop, chance = threading.Event(), random.Random(7)

    def change() -> None:
        while not stop.is_set():
            name = f"c-{chance.randrange(20):02}"
            chance.choice([team.opened, team.close, team.forget])(name)
            team.opened(f"x-{chance.randrange(500)}", owner="bob")

    others = [threading.Thread(target=change) for _ in range(3)]
    for each in others:
        each.start()
    try:
        for size in (1, 10, 1000):
            assert stays <= set(listed(team, size=size))
    finally:
        stop.set()
        for each in others:
            each.join()


@pytest.mark.parametrize("is_open", [True, False])
def test_pages_of_thousands(workspace: Workspace, is_open: bool):
    """Thousands of contacts come in pages as large as they are asked for, or nearly."""
    workspace.roster("ann")
    workspace.rules(rule("r", to=agents("ann")))
    names = [f"contact-{number}" for number in range(3000)]
    for at in range(0, 3000, 1000):
        workspace.created_in_batch(names[at : at + 1000])
    if not is_open:
        for name in names[:1500]:
            workspace.close(name)
    pages = list(workspace.pages(is_open=is_open, size=1000))
    wanted = names if is_open else names[:1500]
    assert sorted(one.contact_id for page in pages for one in page) == sorted(wanted)
    assert len(pages) <= 6
