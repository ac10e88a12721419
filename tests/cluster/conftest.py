"""One Slurm for all tests of this folder."""

import pytest

from ..workflow.conftest import Workflow, copy_checkout
from .one_node import OneNode, missing
from .runs import Run


def pytest_collection_modifyitems(items):
    if reason := missing():
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    node = OneNode(tmp_path_factory.mktemp("slurm"))
    try:
        node.start()
        yield node
    finally:
        for run in Run.begun:
            run.kill()
        node.stop()


@pytest.fixture
def fresh(tmp_path) -> Workflow:
    """A copy of the checkout in which nothing has run."""
    return copy_checkout(tmp_path / "fresh")
