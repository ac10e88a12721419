"""D2: the order in which samples are taken, by the oracle and by eye, and where its neighbours come from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_config import changed

import oracles
from pruning_workflow.config import read_config
from pruning_workflow.names import EVERYTHING, Part
from score_extrapolation.faults import InputFault
from score_extrapolation.plugins import load_method
from score_extrapolation.selection import count_kept, select
from score_extrapolation.selection._samples import SampleArrays


def nearest(vectors, k):
    rows, distances = oracles.neighbors_among_all(vectors, k)
    return {"sample_id": np.arange(len(vectors)), "neighbor_ids": rows, "neighbor_distances": distances}


@given(
    n=st.integers(7, 40),
    k=st.integers(1, 6),
    gamma=st.sampled_from([0.0, 0.1, 1.0]),
    dropped=st.sampled_from([0.0, 0.2, 0.4]),
    seed=st.integers(0, 9),
)
def test_the_order_of_what_is_taken_equals_the_oracle(n, k, gamma, dropped, seed):
    rng = np.random.default_rng(seed)
    scores, table = rng.random(n) - 0.2, nearest(rng.normal(size=(n, 3)), 6)
    left = oracles.ccs_left(scores, round(dropped * n))
    options = load_method("selection", "d2").Options(k=k, gamma=gamma, dropped=dropped)
    samples = SampleArrays(scores, None, tables={"neighbors/all": table})
    found = load_method("selection", "d2").keep(options, len(left), samples, 0)
    rows, distances = table["neighbor_ids"][:, :k].tolist(), table["neighbor_distances"][:, :k]
    assert found.tolist() == oracles.d2(scores, rows, distances, gamma, left, len(left))
    fewer = load_method("selection", "d2").keep(options, len(left) // 2, samples, 0)
    assert fewer.tolist() == found.tolist()[: len(left) // 2]


def test_a_cluster_gives_one_sample_before_a_lower_score_far_from_it():
    vectors = np.array([[0, 0], [0, 0.01], [0, 0.02], [50, 0], [50, 40.0]])
    tables = {"neighbors/all": nearest(vectors, 2)}
    scores = [0.9, 0.8, 0.7, 0.3, 0.2]
    assert select(scores, 0.4, "d2", k=2, tables=tables).tolist() == [1, 3, 4]  # in the middle, it hears most
    assert select(scores, 0.4, "d2", k=2, tables=tables, dropped=0.4).tolist() == [2, 3, 4]
    assert select(scores, 0.4, "top").tolist() == [0, 1, 2]


def test_of_equal_sums_the_lower_row_is_taken():
    tables = {"neighbors/all": nearest(np.zeros((8, 2)), 2)}  # all are neighbours at distance 0
    assert select(np.zeros(8), 0.5, "d2", k=2, tables=tables).tolist() == [0, 1, 2, 3]


def test_what_cannot_be_selected_is_refused():
    tables = {"neighbors/all": nearest(np.arange(10.0)[:, None], 5)}
    with pytest.raises(InputFault, match="the table neighbors/all is missing; give it in tables"):
        select(np.arange(10), 0.5, "d2")
    with pytest.raises(InputFault, match=r"d2: its option dropped = 0.6 leaves 4 of 10 samples, and 5 are to be kept"):
        select(np.arange(10), 0.5, "d2", tables=tables, dropped=0.6)
    with pytest.raises(InputFault, match="d2: not all scores are finite"):
        select([*range(9), np.inf], 0.5, "d2", tables=tables)
    assert len(select(np.arange(10), 0.5, "d2", tables=tables)) == count_kept(10, 0.5)


def test_an_experiment_searches_its_neighbours():
    config = read_config(changed(("selection.methods", ["top", {"name": "d2", "k": 7}])))
    part = config.pruned_parts()[0]
    assert config.selection_needs("d2", Part("20")) == ("neighbors/all",)
    assert config.selection_needs("top", Part("20")) == ()
    assert (config.largest_k("all", part), config.largest_k("all", EVERYTHING)) == (7, 7)
    assert config.largest_k("all", part.nested(0.5)) == 0
