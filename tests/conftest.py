"""For all tests: one thread, so that they run beside other work, and no deadlines, which a busy machine misses."""

import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy and torch are imported, which is after this
if not os.access(os.path.expanduser("~"), os.W_OK) and "NUMBA_CACHE_DIR" not in os.environ:
    numba_cache = tempfile.TemporaryDirectory(prefix="numba-")  # without one it refuses to be imported
    os.environ["NUMBA_CACHE_DIR"] = numba_cache.name

import hypothesis

hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("here")
