"""What found classes are worth: beside labels, and without."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from score_extrapolation.class_matching import clustering_accuracy, match_labels
from score_extrapolation.evaluation.clusters import agreement_of_labels, kmeans_labels, probe_accuracy, suggest_classes

classes = st.integers(0, 4)


@given(st.lists(st.tuples(classes, classes), min_size=1, max_size=30))
def test_the_accuracy_is_the_best_over_all_ways_to_name_the_classes(pairs):
    found, labels = np.array(pairs).T
    named = [np.array(names)[found] == labels for names in itertools.permutations(range(5))]
    assert clustering_accuracy(found, labels) == max(right.mean() for right in named)


def test_more_found_classes_than_labels():
    found, labels = np.array([7, 7, 7, 2, 2, 5]), np.array([1, 1, 0, 0, 0, 0])
    assert match_labels(found, labels) == {7: 1, 2: 0}
    assert clustering_accuracy(found, labels) == 4 / 6


def test_fewer_found_classes_than_labels():
    found, labels = np.array([3, 3, 3, 3]), np.array([-1, 4, 4, 9])
    assert match_labels(found, labels) == {3: 4}
    assert clustering_accuracy(found, labels) == 0.5


def test_the_label_that_none_has_is_no_match_for_a_class_without_a_name():
    assert clustering_accuracy(np.array([0, 1, 2]), np.array([-1, -1, -1])) == 1 / 3


def clouds(n=90, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    return (8 * np.eye(n_classes, 4)[labels] + rng.normal(size=(n, 4))).astype(np.float32), labels


def test_the_probe_tells_clouds_apart_and_random_classes_only_by_chance():
    features, labels = clouds(600)
    assert probe_accuracy(features, labels) == pytest.approx(1, abs=0.01)
    unrelated = np.random.default_rng(1).choice(3, 600, p=[0.8, 0.1, 0.1])  # always the first: right in 80 %
    assert probe_accuracy(features, unrelated) == pytest.approx(0, abs=0.05)
    assert np.isnan(probe_accuracy(features, np.zeros(600, int)))


def test_a_probe_has_not_seen_what_it_is_asked_about():
    rng = np.random.default_rng(0)
    features, unrelated = rng.normal(size=(60, 58)), rng.integers(0, 2, 60)  # seen, every one of them would be right
    assert abs(probe_accuracy(features, unrelated)) < 0.4
    assert probe_accuracy(features, unrelated, seed=0) == probe_accuracy(features, unrelated, seed=0)
    assert probe_accuracy(features, unrelated, seed=0) != probe_accuracy(features, unrelated, seed=1)


def test_agreement_does_not_depend_on_the_names():
    assert agreement_of_labels(np.array([0, 0, 1, 2]), np.array([5, 5, 0, 1])) == 1
    # 1 pair together in both of 2 and 2 of 6: (1 - 4/6) / (2 - 4/6)
    assert agreement_of_labels(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])) == pytest.approx(0.5714, abs=1e-4)


def test_k_means_finds_clouds_and_its_seed_is_its_result():
    features, labels = clouds()
    found = kmeans_labels(features, 3, 0)
    assert clustering_accuracy(found, labels) == 1
    assert found.tolist() == kmeans_labels(features, 3, 0).tolist()


@pytest.mark.parametrize(
    ("agreement", "suggested"),
    [
        ({4: 0.97, 6: 0.40, 8: 0.66, 9: 0.73, 10: 0.92}, 10),  # not 4, which agrees most
        ({20: 0.52, 10: 0.816, 9: 0.72}, 10),
        ({5: 0.79, 10: 0.44}, None),
        ({5: 0.8, 10: np.nan}, 5),
        ({}, None),
    ],
)
def test_the_largest_number_of_classes_that_is_found_again_is_suggested(agreement, suggested):
    table = pd.DataFrame({"n_classes": list(agreement), "agreement": list(agreement.values())})
    assert suggest_classes(table) == suggested


def test_pairs_of_seeds_are_averaged():
    table = pd.DataFrame({"n_classes": [7, 7, 8, 8], "agreement": [0.7, 0.9, 0.7, 0.89]})
    assert suggest_classes(table) == 7
