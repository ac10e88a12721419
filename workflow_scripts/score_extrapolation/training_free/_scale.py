"""Embeddings of any float type and size as float32 numbers of which sums and squares neither overflow nor vanish."""

import numpy as np


def within_one(embeddings: np.ndarray) -> np.ndarray:
    """Return (n, d) finite floats times a power of two, as float32, so that the largest is from 1/2 to 1 in size.

    A power of two leaves the digits as they are. All zeros stay so. Cost: two passes; memory: a copy.
    """
    wide = embeddings.astype(np.promote_types(embeddings.dtype, np.float32), copy=False)
    _, exponent = np.frexp(max(wide.max(), -wide.min()))
    return np.ldexp(wide, -exponent).astype(np.float32, copy=False)
