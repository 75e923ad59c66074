"""The stories: what happens, and how many contacts each agent must then have got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from demo_workspace import Workspace

NOBODY = ""


@dataclass(frozen=True)
class Story:
    """A story and its promise.

    Attributes:
        name: The workspace it is played in.
        title: One line.
        told: What happens, for the reader.
        files: The configuration, of this folder.
        play: Reports the events.
        expected: How many contacts each agent got from Evenhand; NOBODY's are those that stay unassigned.
    """

    name: str
    title: str
    told: str
    files: tuple[str, ...]
    events: Callable[[Workspace], None]
    expected: Mapping[str, int]

    def play(self, workspace: Workspace) -> None:
        """Configure the workspace and report the story's events."""
        workspace.configure(*self.files)
        self.events(workspace)


def _thirty(workspace: Workspace) -> None:
    for _ in range(30):
        workspace.first_message()


def _clothing_store(workspace: Workspace) -> None:
    shoppers = [workspace.first_message() for _ in range(13)]
    answers = [("Women's", 8000), ("women's", "1200"), ("Men's", 9000), ("women's", 900)] * 3
    for shopper, (fashion, budget) in zip(shoppers, answers, strict=False):
        workspace.answers(shopper, fashion=fashion)
        workspace.answers(shopper, fashion=fashion, budget=budget)


def _vip(workspace: Workspace) -> None:
    for _ in range(9):
        workspace.first_message()
    for number in range(8):
        workspace.tagged(f"old-customer-{number}", "vip customer" if number % 2 else "VIP Customer")


def _fallback(workspace: Workspace) -> None:
    for _ in range(12):
        workspace.first_message()
    interested = [workspace.upload() for _ in range(3)]
    for contact in interested[:2]:
        workspace.answers(contact, interest="Interested")
    workspace.answers(interested[2], interest="Not now")


def _low_cost(workspace: Workspace) -> None:
    workspace.presence(dev="ONLINE", eva="ONLINE", finn="ONLINE", gita="OFFLINE")
    for number in range(12):
        workspace.conversation(_NAMES[number % len(_NAMES)])
    workspace.presence(gita="ONLINE")
    for number in range(8):
        workspace.conversation(_NAMES[number % len(_NAMES)])


def _high_quality(workspace: Workspace) -> None:
    workspace.presence(dev="ONLINE", eva="ONLINE", finn="ONLINE", gita="BUSY")
    workspace.by_hand("dev", 4)
    workspace.by_hand("eva", 2)
    for number in range(9):
        workspace.conversation(_NAMES[number % len(_NAMES)])


def _moving_in(workspace: Workspace) -> None:
    owners = ["dev"] * 30 + ["eva"] * 20 + ["finn"] * 10
    imported = [workspace.upload(owner_id=owner) for owner in owners]
    for contact, owner in zip(imported, owners, strict=True):
        workspace.synced(contact, owner)
    workspace.presence(dev="ONLINE", eva="ONLINE", finn="ONLINE")
    for number in range(12):
        workspace.conversation(_NAMES[number % len(_NAMES)], key="First name")
    for contact in imported[:3]:
        workspace.conversation("Xena", contact, key="First name")


_NAMES = ("Ravi", "Sara", "Tom", "Uma", "Wei")

STORIES = (
    Story(
        "interakt-team",
        "30 WhatsApp contacts for a team of three",
        "Each contact is assigned at its first message.",
        ("interakt-sales.roster.yaml", "interakt-team.rules.yaml"),
        _thirty,
        {"A": 10, "B": 10, "C": 10},
    ),
    Story(
        "interakt-clothing-store",
        "The clothing store",
        "13 first messages wait for the workflow; 12 then name their fashion and budget, one never does.",
        ("interakt-clothing-store.roster.yaml", "interakt-clothing-store.rules.yaml"),
        _clothing_store,
        {"maya": 3, "nora": 3, "omar": 2, "paul": 1, "vera": 3, NOBODY: 1},
    ),
    Story(
        "interakt-vip",
        "VIP customers to named agents",
        "9 first messages for the team, then 8 old customers without an owner get the tag.",
        ("interakt-sales.roster.yaml", "interakt-vip.rules.yaml"),
        _vip,
        {"A": 7, "B": 3, "C": 7},
    ),
    Story(
        "interakt-fallback-on",
        "Fallback on",
        "12 first messages that no rule takes, 3 uploads; then 2 of those are interested, 1 is not.",
        ("interakt-sales.roster.yaml", "interakt-fallback-on.rules.yaml"),
        _fallback,
        {"A": 6, "B": 4, "C": 4, NOBODY: 1},
    ),
    Story(
        "interakt-fallback-off",
        "Fallback off",
        "The same events.",
        ("interakt-sales.roster.yaml", "interakt-fallback-off.rules.yaml"),
        _fallback,
        {"A": 2, NOBODY: 13},
    ),
    Story(
        "ucal-low-cost",
        "Low cost: round robin + online only",
        "12 conversations while Gita is offline, 8 more after she came online: no burst, no gap.",
        ("ucal-support.roster.yaml", "ucal-low-cost.rules.yaml"),
        _low_cost,
        {"dev": 6, "eva": 6, "finn": 6, "gita": 2},
    ),
    Story(
        "ucal-high-quality",
        "High quality: least open contacts + online only",
        "Dev has 4 open contacts already, Eva 2; Gita is busy. 9 conversations level them at 5 each.",
        ("ucal-support.roster.yaml", "ucal-high-quality.rules.yaml"),
        _high_quality,
        {"dev": 1, "eva": 3, "finn": 5},
    ),
    Story(
        "moving-in",
        "Moving in with 60 owned contacts",
        "60 uploads and updates name owners and fill no limit of 10; 12 live chats; 3 of Dev's 30 write.",
        ("moving-in.roster.yaml", "moving-in.rules.yaml"),
        _moving_in,
        {"dev": 4, "eva": 4, "finn": 4},
    ),
)
