"""Fixtures over real processes: every xdist worker has its own Redis and its own `evenhand serve`.

A test asks for `workspace`, a tenant that no other test knows, so tests are independent and run in parallel. What is
marked `every_redis` runs once for each kind of Redis of tests/support/backends.py that this machine has; which it has
not, and why, tests/integration/test_every_redis.py says.
"""

from __future__ import annotations

import itertools
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.support import wants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.backends import Backend, Backends
    from tests.support.client import Service, Workspace

LAB = Path(os.environ.get("EVENHAND_LAB", "/tmp/evenhand-lab"))  # noqa: S108  # a socket's path must be short
if (LAB / "docker.sock").is_socket() and LAB.stat().st_uid == os.geteuid():  # the engine of `make lab`
    os.environ |= {"DOCKER_HOST": f"unix://{LAB}/docker.sock", "DOCKER_CONFIG": str(LAB / "config")}

hypothesis.settings.register_profile(
    "exact",
    derandomize=True,
    print_blob=True,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.register_profile(
    "deep", parent=hypothesis.settings.get_profile("exact"), derandomize=False, max_examples=2000
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "exact"))


def pytest_configure(config: pytest.Config) -> None:
    """Declare our marker."""
    config.addinivalue_line("markers", "every_redis: runs on every kind of Redis that this machine has")


_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note why a test is skipped."""
    if report.skipped and isinstance(report.longrepr, tuple):
        _skipped.append(report.longrepr[2])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """End with what was skipped, and what would un-skip it."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(session.config, "workerinput"):
        reporter.write_line(wants.summary(_skipped))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked so on every kind of Redis."""
    if "backend" in metafunc.fixturenames and metafunc.definition.get_closest_marker("every_redis"):
        from tests.support.backends import NAMES, missing  # noqa: PLC0415  # unit tests need none of it

        there = [name for name in NAMES if not missing(name)]
        metafunc.parametrize("backend", there, indirect=True, scope="session")


@pytest.fixture(scope="session")
def backends() -> Iterator[Backends]:
    """All Redis kinds used so far in this worker."""
    from tests.support.backends import Backends  # noqa: PLC0415

    started = Backends()
    yield started
    started.close()


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest, backends: Backends) -> Backend:
    """The Redis kind of this test: the wheel's unless it is marked `every_redis`."""
    from tests.support.backends import DEFAULT, UnavailableError  # noqa: PLC0415

    try:
        return backends.get(getattr(request, "param", DEFAULT))
    except UnavailableError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def service(backend: Backend) -> Service:
    """The stubs of one running service."""
    return backend.service()


@pytest.fixture
def new_workspace(service: Service) -> Callable[[], Workspace]:
    """Makes tenants that nobody knows yet."""
    from tests.support.client import Workspace  # noqa: PLC0415

    numbers = itertools.count(1)
    prefix = uuid.uuid4().hex
    return lambda: Workspace(f"{prefix}-{next(numbers)}", service)


@pytest.fixture
def workspace(new_workspace: Callable[[], Workspace]) -> Workspace:
    """A tenant of this test alone."""
    return new_workspace()
