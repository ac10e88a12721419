"""For all tests: one thread, so that they run beside other work, and no deadlines, which a busy machine misses."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy and torch are imported, which is after this

import hypothesis

hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("here")
