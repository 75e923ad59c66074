"""The Redis kinds that one suite must pass on, started when a test first asks for one and kept to the session's end."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import cache

import docker
import redis
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from tests.support import wants
from tests.support.client import Service
from tests.support.processes import EvenhandServer, RedisServer, redis_binaries
from tests.support.redis_cluster import RedisCluster

DEFAULT = "redis-8.2"
NAMES = (DEFAULT, "redis-7.0", "redis-6.2", "cluster", "docker-redis-8", "docker-valkey-8")
IMAGES = {"docker-redis-8": "redis:8", "docker-valkey-8": "valkey/valkey:8"}
MASTERS = 3


class UnavailableError(Exception):
    """This kind of Redis is not to be had on this machine; the text says why."""


def missing(name: str) -> str:
    """Why this kind is not to be had on this machine; empty if it is, as far as one can tell without starting it."""
    if name in IMAGES:
        return _docker_missing()
    version = "8.2" if name == "cluster" else name.removeprefix("redis-")
    there = ", ".join(sorted(redis_binaries()))
    if version in redis_binaries():
        return ""
    return wants.reason(f"no redis-server of version {version} here; there are {there}", wants.REDIS)


@cache
def _docker_missing() -> str:
    try:
        docker.from_env(timeout=3).ping()
    except DockerException as error:
        return wants.reason(f"no Docker engine answers: {error}", wants.ENGINE)
    return ""


class Backend:
    """One kind of Redis, and replicas of the service on it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._stack = ExitStack()
        self._services: list[Service] = []
        with ExitStack() as starting:
            self.url, *rest = _start(name, starting)
            self.node_urls = [self.url, *rest]
            self._stack.enter_context(starting.pop_all())

    def service(self, number: int = 0) -> Service:
        """The stubs of replica `number`, a process of its own."""
        while len(self._services) <= number:
            server = self._stack.enter_context(EvenhandServer(redis_url=self.url))
            service = Service(server.address)
            self._stack.callback(service.close)
            self._services.append(service)
        return self._services[number]

    def all_keys(self) -> set[bytes]:
        """Every key in this Redis, on all of its nodes."""
        found: set[bytes] = set()
        for url in self.node_urls:
            with redis.Redis.from_url(url) as client:
                found |= set(client.scan_iter(count=10_000))
        return found

    def close(self) -> None:
        """End all processes."""
        self._stack.close()


class Backends:
    """Those started so far."""

    def __init__(self) -> None:
        self._started: dict[str, Backend] = {}

    def get(self, name: str) -> Backend:
        """Return it, started if need be; raise UnavailableError."""
        if name not in self._started:
            self._started[name] = Backend(name)
        return self._started[name]

    def close(self) -> None:
        """End all."""
        for backend in self._started.values():
            backend.close()


def _start(name: str, stack: ExitStack) -> list[str]:
    """Start a Redis of this kind; return the URLs of its nodes."""
    if reason := missing(name):
        raise UnavailableError(reason)
    if name in IMAGES:
        return [_start_container(IMAGES[name], stack)]
    if name == "cluster":
        return stack.enter_context(RedisCluster(MASTERS)).urls
    binary = redis_binaries()[name.removeprefix("redis-")]
    return [stack.enter_context(RedisServer(binary)).url]


def _start_container(image: str, stack: ExitStack) -> str:
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    ready = LogMessageWaitStrategy("Ready to accept connections")
    container = DockerContainer(image).with_exposed_ports(6379).waiting_for(ready)
    try:
        stack.enter_context(container)
    except DockerException as error:
        raise UnavailableError(wants.reason(f"image {image} cannot be had: {error}", wants.ENGINE)) from error
    return f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"
