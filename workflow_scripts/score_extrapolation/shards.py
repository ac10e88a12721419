"""Shards: ranges of a part's samples, each of which is embedded, predicted, searched and scored by a job of its own.

The samples of a part, in the order of their ids, are batches of `BATCH`; a shard is some batches one after another. So
every batch has the samples that it would have without shards, and every result is the same. Where there are more shards
than batches some are empty.
"""

STAGES = ("embeddings", "predictions", "neighbors")  # whose tables are written shard by shard
BATCH = 1000  # samples that a network sees together; shards begin at multiples of it


def shard_names(n_shards: int) -> list[str]:
    """Return the names of all shards in order, as Snakemake's scattergather writes them: 1-of-3, 2-of-3, 3-of-3."""
    return [f"{number}-of-{n_shards}" for number in range(1, n_shards + 1)]


def shard_rows(shard: str | None, n_samples: int) -> slice:
    """Return the rows of a shard among those of all samples; None is the one shard that all are.

    Parameters
    ----------
    shard : str or None
        As of `shard_names`.
    n_samples : int
        Of the whole part.
    """
    if shard is None:
        return slice(0, n_samples)
    number, n_shards = map(int, shard.split("-of-"))
    n_batches = -(-n_samples // BATCH)
    start, stop = (min(n_batches * i // n_shards * BATCH, n_samples) for i in (number - 1, number))
    return slice(start, stop)
