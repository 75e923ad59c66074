"""A workspace whose keys are deleted from Redis one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from typer.testing import CliRunner

from service.cli.commands import app
from tests.support.client import Service, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tests.support.processes import EvenhandServer, RedisServer

ROSTER = (
    "agents: [{id: ann, name: Ann}, {id: bob}, {id: Cy}]\nteams: [{id: sales, name: Sales, agent_ids: [ann, bob]}]\n"
)
RULES = """rules:
  - {id: r, trigger: RULE_TRIGGER_NEW_CONTACT_WHATSAPP_DM, target: {everyone: true}, online_only: true, reply: Hello}
"""
OPEN = 9
PEOPLE = ("ann", "bob", "Cy")


class Lab:
    """A workspace with contacts of every kind, a replica that has decided for it, and one that has not."""

    def __init__(self, folder: Path, redis: RedisServer, *replicas: EvenhandServer) -> None:
        self.folder = folder
        self.redis = redis
        self.server = replicas[0]
        self.name = uuid4().hex
        self.replicas = [Workspace(self.name, Service(each.address)) for each in replicas]
        self.workspace = self.replicas[0]

    def fill(self) -> None:
        """Configure the workspace and have it decide."""
        assert self.evenhand("apply", "roster.yaml", "rules.yaml").exit_code == 0
        team = self.workspace
        team.created("early")
        team.online("ann", "bob")
        team.created("before")
        team.offline("bob", "ann")
        team.online("ann", "bob")
        team.online("Cy", lease_ms=3_600_000)
        assert all(team.takes(*(f"c-{at}" for at in range(OPEN))))
        team.opened("owned", owner="somebody")
        team.close("c-0")
        team.created("nobody", source="elsewhere")
        for request_id in ("first", "second"):
            team.created("asked", request_id=request_id)
        team.merge("c-2", "c-3")
        team.created("beside", source="elsewhere")
        team.merge("beside", "c-0")
        self.delete(":checked")  # as a minute later

    def evenhand(self, command: str, *words: str) -> Result:
        """Run a command on the workspace."""
        state = ("audit", "accept-loss")
        where = ("--redis-url", self.redis.url) if command in state else ("--server", self.server.address)
        return CliRunner().invoke(app, [command, *words, "-w", self.name, *where])

    def delete(self, suffix: str) -> None:
        """Delete a key, or all of a kind."""
        name = f"evenhand:{{{self.name}}}{suffix}"
        with self.redis.client() as client:
            assert client.delete(*client.scan_iter(name) if suffix.endswith("*") else [name])
