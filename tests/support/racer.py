"""One of several client processes that race: plays a plan against one replica and prints what it saw.

`python -m tests.support.racer ADDRESS < plan.json > log.json`, started by `race`. A plan is a list of
[workspace id, operation, contact id, request id]; a log has one entry for each with the times at which the call was
sent and answered (monotonic, the same for all processes of a machine) and the answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any, NamedTuple

from tests.support.builders import CREATED, contact
from tests.support.client import Service, Workspace


class Step(NamedTuple):
    """One call to make: operation is "evaluate", "batch" (contact id: several, with commas) or "close"."""

    workspace: str
    operation: str
    contact: str
    request_id: str = ""


class Seen(NamedTuple):
    """One answer. Of a close: the agent is who owns it still, and outcome is 1 if it was open until then."""

    workspace: str
    operation: str
    contact: str
    sent: float
    answered: float
    outcome: int
    agent: str
    sequence: int = 0
    replayed: bool = False
    request_id: str = ""
    revision: int = 0


def race(plans: list[list[Step]], addresses: list[str], timeout_s: float = 100.0) -> list[Seen]:
    """Play each plan in a process of its own, all at once, spread over the replicas; return all that was seen."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.racer", addresses[number % len(addresses)]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(len(plans))
    ]
    try:
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"
        for racer, plan in zip(racers, plans, strict=True):
            racer.stdin.write(json.dumps(plan) + "\n")
            racer.stdin.flush()
        logs = [racer.communicate(timeout=timeout_s)[0] for racer in racers]
    finally:
        for racer in racers:
            racer.kill()
            racer.wait()
    assert all(racer.returncode == 0 for racer in racers), "a racer failed; its error is above"
    return [Seen(*entry) for log in logs for entry in json.loads(log)]


def _main() -> None:
    service = Service(sys.argv[1])
    Workspace("nobody's", service).get_rules()
    print("ready", flush=True)  # noqa: T201  # that is how `race` lets all begin at once
    plan = [Step(*step) for step in json.loads(sys.stdin.readline())]
    workspaces = {one: Workspace(one, service) for one in {step.workspace for step in plan}}
    log: list[Any] = []
    for step in plan:
        log += _play(workspaces[step.workspace], step)
    json.dump(log, sys.stdout)


def _play(workspace: Workspace, step: Step) -> list[Seen]:
    sent = time.monotonic()
    if step.operation == "close":
        answer = workspace.close(step.contact)
        times = sent, time.monotonic()
        return [Seen(step.workspace, step.operation, step.contact, *times, int(answer.closed), answer.owner_id)]
    if step.operation == "batch":
        contacts = step.contact.split(",")
        decisions = workspace.created_in_batch(contacts)
    else:
        contacts = [step.contact]
        decisions = [workspace.evaluate(CREATED, contact(step.contact), request_id=step.request_id)]
    times = sent, time.monotonic()
    return [
        Seen(
            *(step.workspace, step.operation, one, *times),
            *(decision.outcome, decision.agent_id, decision.sequence, decision.replayed),
            *(step.request_id, decision.rules_revision),
        )
        for one, decision in zip(contacts, decisions, strict=True)
    ]


if __name__ == "__main__":
    _main()
