"""For all tests: one thread, so that they run beside other work; no deadlines, which a busy machine misses; order."""

import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy and torch are imported, which is after this
if not os.access(os.path.expanduser("~"), os.W_OK):  # numba and Snakemake do not start without their caches
    caches = tempfile.TemporaryDirectory(prefix="caches-")
    os.environ.setdefault("NUMBA_CACHE_DIR", caches.name)
    os.environ.setdefault("XDG_CACHE_HOME", caches.name)

import hypothesis

hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("here")

# Of tests/workflow, the longest first: a process takes file after file, and no long one should be left at the end.
LONGEST_FIRST = (
    "test_small_run.py",
    "test_study.py",
    "test_plan.py",
    "test_shards.py",
    "test_demo.py",
    "test_interruption.py",
    "test_unsupervised.py",
    "test_adversarial.py",
    "test_readme.py",
    "test_exports.py",
    "test_within_subsets.py",
    "test_paper_configs.py",
    "test_reruns.py",
    "test_benchmarks.py",
    "test_pool.py",
    "test_unlabelled.py",
    "test_adding_methods.py",
)


def pytest_collection_modifyitems(items):
    """Put the files of long tests first."""
    places = {f"workflow/{name}": place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(f"{item.path.parent.name}/{item.path.name}", len(places)))
