"""Selection by chance with other sequences of numbers: how far the number of keys up to k is from k, and what follows.

    python tests/benchmarks/chances.py

Synthetic draws of samples in 10 classes, of which some are known well and some badly. For each sequence and each share
that is kept three numbers are printed: the standard deviation of the number of keys up to k; the mean difference
between how often a sample is kept and its probability, of which the last line is the part that so many seeds leave to
chance; and the greatest share of the kept samples that one seed has in common with the next.
"""

import argparse
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "workflow_scripts")]

import oracles  # noqa: E402
from score_extrapolation.selection import chance  # noqa: E402
from score_extrapolation.selection._samples import SampleArrays  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--n", type=int, default=1500, help="samples")
parser.add_argument("--seeds", type=int, default=1000)
parser.add_argument("--floor", type=float, default=0.3)
arguments = parser.parse_args()
SHARES = (0.1, 0.2, 0.5, 0.8)


def golden(n, rng):
    return (rng.random() + (5**0.5 - 1) / 2 * np.arange(n)) % 1


def van_der_corput(n, rng):
    bits = np.arange(n)[:, None] >> np.arange(n.bit_length()) & 1
    return (rng.random() + (bits * 0.5 ** np.arange(1, n.bit_length() + 1)).sum(axis=1)) % 1


def blocks(size):
    def permuted(n, rng):
        places = np.argsort(rng.random((-(-n // size), size)), axis=1)
        return ((places + rng.random(places.shape)) / size).reshape(-1)[:n]

    return permuted


SEQUENCES = {
    "golden ratio": golden,
    "van der Corput": van_der_corput,
    **{f"blocks of {size}": blocks(size) for size in (4, chance.STRATUM, 64)},
    "independent": lambda n, rng: rng.random(n),
}


def main():
    n, rng = arguments.n, np.random.default_rng(0)
    labels = rng.integers(0, 10, n)
    means = rng.normal(size=n) + 0.5 * rng.normal(size=10)[labels]
    draws = means[:, None] + rng.gamma(2, 0.5, n)[:, None] * rng.normal(size=(n, 12))
    samples = SampleArrays(means, labels, draws=draws)
    cuts = [round(share * n) for share in SHARES]
    probabilities = np.array([oracles.chances(draws, arguments.floor, k) for k in cuts])
    order = oracles.chance_order(draws, labels)
    print(f"{'kept of ' + str(n):16s}" + "".join(f"{k:>24d}" for k in cuts))
    for name, sequence in SEQUENCES.items():
        off, kept = np.empty((arguments.seeds, len(cuts))), np.zeros((arguments.seeds, len(cuts), n), bool)
        for seed in range(arguments.seeds):
            numbers = np.empty(n)
            numbers[order] = sequence(n, np.random.default_rng(seed))
            with patch.object(chance, "_spread_numbers", return_value=numbers):
                keys, _ = chance.find_keys(arguments.floor, samples, seed, np.arange(n))
            ranked = np.lexsort((numbers, keys))
            for i, k in enumerate(cuts):
                off[seed, i] = (keys <= k).sum() - k
                kept[seed, i, ranked[:k]] = True
        differences = np.abs(kept.mean(axis=0) - probabilities).mean(axis=1)
        common = ((kept[1:] & kept[:-1]).sum(axis=2) / cuts).max(axis=0)
        of_cuts = zip(off.std(axis=0), differences, common, strict=True)
        print(f"{name:16s}" + "".join(f"{a:8.1f}{b:8.4f}{c:8.2f}" for a, b, c in of_cuts))
    by_seeds = np.sqrt(2 / np.pi * probabilities * (1 - probabilities) / arguments.seeds).mean(axis=1)
    print(f"{'of the seeds':16s}" + "".join(f"{'':8s}{b:8.4f}{'':8s}" for b in by_seeds))


main()
