"""The seeds of random streams: the same for ever, another for each seed and stage."""

import pytest

from score_extrapolation.rng import derive_seed


@pytest.mark.parametrize(
    "seed, stage, expected",
    [
        (0, "subset", 6_414_648_906_965_436_682),
        (1, "subset", 5_394_541_868_962_013_428),
        (0, "training/batches", 8_074_554_238_019_101_759),
        (2**63, "selection/random", 848_631_586_165_386_327),
    ],
)
def test_a_seed_and_stage_give_this_number_for_ever(seed, stage, expected):
    assert derive_seed(seed, stage) == expected


def test_streams_differ_and_are_63_bits():
    stages = ["subset", "training/batches", "training/initialisation", "retraining/batches", "1/subset", ""]
    seeds = {derive_seed(seed, stage) for seed in range(100) for stage in stages}
    assert len(seeds) == 600
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62
