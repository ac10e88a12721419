"""Independent random streams, one per (seed, stage)."""

import hashlib


def derive_seed(seed: int, stage: str) -> int:
    """Return the 63-bit seed of one stage's random stream.

    A hash keeps streams independent without a central list of offsets: stages can be added without
    shifting the numbers of the others.

    Parameters
    ----------
    seed : int
        The experiment's seed, as in the config.
    stage : str
        What the stream is for, e.g. ``"subset"`` or ``"training/order"``.

    Returns
    -------
    int
        In [0, 2**63), the same on every machine and Python version.
    """
    digest = hashlib.sha256(f"{seed}/{stage}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
