"""Fixtures of several modules here: what kustomize makes of deploy/kubernetes."""

from __future__ import annotations

import pytest

from tests.support.manifests import FOLDERS, Manifests


@pytest.fixture(scope="module", params=FOLDERS)
def manifests(request):
    """All objects of the base, or of an overlay."""
    return Manifests(request.param)


@pytest.fixture(scope="module")
def production():
    """All objects of the overlay for production."""
    return Manifests("overlays/production")


@pytest.fixture(scope="module")
def example():
    """All objects of the overlay that shows how production is adapted."""
    return Manifests("overlays/example")
