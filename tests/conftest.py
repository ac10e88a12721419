"""For all tests: one thread, so that they run beside other work; no deadlines, which a busy machine misses; order."""

import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy and torch are imported, which is after this
if not os.access(os.path.expanduser("~"), os.W_OK) and "NUMBA_CACHE_DIR" not in os.environ:
    numba_cache = tempfile.TemporaryDirectory(prefix="numba-")  # without one it refuses to be imported
    os.environ["NUMBA_CACHE_DIR"] = numba_cache.name

import hypothesis
import pytest

hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("here")

# Files of long tests, the longest first, so that no process is left with one of them at the end.
LONGEST_FIRST = (
    "test_small_run.py",
    "test_study.py",
    "test_plan.py",
    "test_shards.py",
    "test_demo.py",
    "test_unsupervised.py",
    "test_adversarial.py",
    "test_interruption.py",
    "test_readme.py",
    "test_paper_configs.py",
    "test_within_subsets.py",
    "test_adding_methods.py",
    "test_reruns.py",
    "test_exports.py",
    "test_pool.py",
    "test_unlabelled.py",
    "test_benchmarks.py",
)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups when this has ended
def pytest_collection_modifyitems(items):
    """Put long tests first, and hand those that share a fixture of their file to one process, others to either.

    The first of the small run's tests makes it, and the others would keep the other process waiting.
    """
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))
    for item in items:
        fixtures = item._fixtureinfo.name2fixturedefs
        shared = sorted(name for name, (*_, last) in fixtures.items() if last.scope == "module")
        by_itself = item.path.parent.name == "workflow" and not shared and item.path.name != "test_small_run.py"
        group = item.nodeid if by_itself else f"{item.path.name} {' '.join(shared)}"
        item.add_marker(pytest.mark.xdist_group(group))
