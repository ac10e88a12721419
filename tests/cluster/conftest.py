"""One Slurm for all tests of this folder, and the experiments that they run through it."""

import shutil

import pytest

from ..workflow.conftest import Workflow, copy_checkout, kept_results
from .one_node import OneNode, missing


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
        node.stop()


@pytest.fixture(scope="session")
def default_experiment(tmp_path_factory, pytestconfig) -> Workflow:
    """The default experiment, run on this machine: by the test of `make demo` if that has come before, else here."""
    kept = kept_results(pytestconfig.cache)
    if not kept.exists():
        workflow = copy_checkout(tmp_path_factory.mktemp("local"))
        (workflow.folder / "small.yaml").write_text("{}")
        workflow.run("report", timeout=3000)
        shutil.copytree(workflow.folder / "results", kept / "results")
    return Workflow(kept)


@pytest.fixture
def fresh(tmp_path) -> Workflow:
    """A copy of the checkout in which nothing has run."""
    return copy_checkout(tmp_path / "fresh")
