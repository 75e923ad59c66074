"""Where Kubernetes puts pods of one revision under topology spread constraints, by the rules of its documentation.

https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints: only nodes with all topology keys
count; a domain is a value of the key; a pod may join a domain if that has then at most `maxSkew` pods more than the
domain with the fewest. A cordoned node takes no pod, but is a domain unless `nodeTaintsPolicy` is Honor.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any


@dataclass
class Node:
    """A node of a cluster.

    Attributes:
        name: Its host name.
        zone: Where it stands.
        cordoned: Whether it has the taint of a node that takes no pods.
        pods: How many it has of the revision that is placed.
    """

    name: str
    zone: str
    cordoned: bool = False
    pods: int = 0

    def domain(self, topology_key: str) -> str:
        """Return the node's value of a label that Kubernetes sets on every node."""
        return {"kubernetes.io/hostname": self.name, "topology.kubernetes.io/zone": self.zone}[topology_key]


def place(constraints: list[dict[str, Any]], nodes: list[Node]) -> str | None:
    """Put one more pod on the node with the fewest that may take it; return its name, None while the pod is pending."""
    free = [node for node in nodes if not node.cordoned and all(_allows(each, nodes, node) for each in constraints)]
    if not free:
        return None
    chosen = min(free, key=lambda node: node.pods)
    chosen.pods += 1
    return chosen.name


def _allows(constraint: dict[str, Any], nodes: list[Node], node: Node) -> bool:
    """Whether a pod may join a node's domain: always, if the constraint is only a wish."""
    if constraint["whenUnsatisfiable"] == "ScheduleAnyway":
        return True
    pods = Counter[str]()
    for each in nodes:
        if not each.cordoned or constraint.get("nodeTaintsPolicy", "Ignore") == "Ignore":
            pods[each.domain(constraint["topologyKey"])] += each.pods
    return pods[node.domain(constraint["topologyKey"])] + 1 - min(pods.values()) <= constraint["maxSkew"]
