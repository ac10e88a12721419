"""Shards: ranges of samples, each of which is embedded, predicted, searched and scored by itself.

Samples, in the order of their ids, are batches of `BATCH`; a shard is some batches one after another. So every batch
has the samples that it would have without shards, and every result is the same. Where there are more shards than
batches some are empty.
"""

BATCH = 1000  # samples that a network sees together; shards begin at multiples of it


def shard_rows(shard: tuple[int, int] | None, n_samples: int) -> slice:
    """Return the rows of a shard among those of all samples.

    Parameters
    ----------
    shard : (number, n_shards), or None
        Which, from 1, of how many; None is the one shard that all samples are.
    n_samples : int
    """
    if shard is None:
        return slice(0, n_samples)
    number, n_shards = shard
    n_batches = -(-n_samples // BATCH)
    start, stop = (min(n_batches * i // n_shards * BATCH, n_samples) for i in (number - 1, number))
    return slice(start, stop)
