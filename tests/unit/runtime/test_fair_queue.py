"""Workspaces that wait are served in turn, whatever each of them sends."""

from __future__ import annotations

import random
from collections import Counter

from service.runtime.fair_queue import FairQueue

TURN = 1000


def busy(share: int = 1, bound: int = 1000) -> FairQueue[str]:
    """A queue whose only thread serves the workspace `busy`."""
    queue: FairQueue[str] = FairQueue(1, share, bound, TURN)
    assert queue.put("busy", 0, "first") is None
    assert queue.first() == ("busy", "first")
    return queue


def served(queue: FairQueue[str]) -> list[str]:
    """All that waits, as the only thread serves it."""
    workspace, items = "busy", []
    while (found := queue.following(workspace)) is not None:
        workspace, item = found
        items.append(item)
    return items


def test_a_free_thread_is_handed_what_comes():
    """As long as a thread is free nothing waits, and a thread that finds nothing is free again."""
    queue = busy()
    assert queue.following("busy") is None
    queue.put("a", 0, "next")
    assert queue.first() == ("a", "next")


def test_one_call_waits_for_one_turn_of_each_other_workspace():
    """Behind a thousand calls of another workspace the first of a neighbor is served second, and its order is kept."""
    queue = busy()
    for number in range(500):
        queue.put("loud", 400, f"loud-{number}")
    for number in range(3):
        queue.put("quiet", 400, f"quiet-{number}")
    items = served(queue)
    assert [item for item in items[:8] if item.startswith("quiet")] == ["quiet-0", "quiet-1", "quiet-2"]
    assert [item for item in items if item.startswith("loud")] == [f"loud-{number}" for number in range(500)]


def test_who_sends_large_requests_has_fewer_of_them_served():
    """Over any stretch in which all wait, each workspace is served as many bytes as another, but for a turn and one."""
    queue = busy(bound=10_000)
    seeded = random.Random(7)
    sizes = {"small": 100, "medium": 900, "large": 12_000}
    calls = [workspace for workspace, size in sizes.items() for _ in range(2_000_000 // (size + 512))]
    seeded.shuffle(calls)
    for workspace in calls:
        queue.put(workspace, sizes[workspace], workspace)
    got: Counter[str] = Counter()
    for item in served(queue)[:1500]:
        got[item] += sizes[item] + 512
        assert max(got.values()) - min(got[each] for each in sizes) <= 2 * TURN + max(sizes.values()) + 512


def test_the_latest_of_the_loudest_is_dropped():
    """When too much waits, the workspace with most of it loses its latest, until all have as much as one another."""
    queue = busy(bound=10)
    for number in range(10):
        assert queue.put("loud", 0, f"loud-{number}") is None
    assert queue.put("loud", 0, "loud-10") == "loud-10"
    for number in range(5):
        assert queue.put("quiet", 0, f"quiet-{number}") == f"loud-{9 - number}"
    assert queue.put("quiet", 0, "quiet-5") == "quiet-5"
    assert queue.put("new", 0, "new") in ("loud-4", "quiet-4")
    assert len(served(queue)) == 10


def test_a_workspace_keeps_its_share_of_the_threads_busy():
    """Of three threads two serve one workspace however much of it waits; the third is there for its neighbors."""
    queue: FairQueue[str] = FairQueue(3, 2, 100, TURN)
    for number in range(4):
        queue.put("loud", 0, f"loud-{number}")
    assert [queue.first(), queue.first()] == [("loud", "loud-0"), ("loud", "loud-1")]
    queue.put("quiet", 0, "quiet")
    assert queue.first() == ("quiet", "quiet")
    assert queue.following("quiet") is None
    assert queue.following("loud") == ("loud", "loud-2")


def test_nothing_is_kept_of_who_waits_for_nothing():
    """Once all is served, the queue holds no line and no count of any workspace."""
    queue = busy()
    for number in range(1000):
        queue.put(f"w{number}", 0, "item")
    assert len(served(queue)) == 1000
    assert not queue._lines
    assert not queue._busy


def test_what_is_held_is_served_when_it_is_released():
    """While a queue is held nothing is handed out, whoever is free or becomes so; afterwards all of it is, in order."""
    queue: FairQueue[str] = FairQueue(2, 2, 100, TURN)
    queue.put("busy", 0, "first")
    assert queue.first() == ("busy", "first")
    queue.hold()
    for number in range(3):
        queue.put("w", 0, f"held-{number}")
    assert queue.following("busy") is None
    queue.release()
    assert [queue.first() for _ in range(2)] == [("w", "held-0"), ("w", "held-1")]
    assert queue.following("w") == ("w", "held-2")
    assert queue.following("w") is None


def test_what_is_dropped_is_not_served():
    """Whatever waits is given back, of every workspace, and a thread finds nothing of it."""
    queue = busy()
    for workspace in ("a", "b"):
        queue.put(workspace, 0, workspace)
    assert queue.drop_all() == ["a", "b"]
    assert served(queue) == []
