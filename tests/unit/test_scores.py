"""Scores from training dynamics: by hand, by the oracles, streamed from a file, and what is refused."""

import math
import warnings

import numpy as np
import pytest
import torch

import oracles
from score_extrapolation.faults import InputFault
from score_extrapolation.plugins import load_method, method_names
from score_extrapolation.records import Observer
from score_extrapolation.scores import _windows, score_dynamics, score_file
from score_extrapolation.training.dynamics import DynamicsWriter

# Options under which 14 epochs make several windows; a score that is not named here has its defaults.
OPTIONS = {
    "du": {"window": 10},
    "dual": {"window": 5, "epochs": 12},
    "tdds": {"trajectory": 9, "window": 4, "decay": 0.7},
    "el2n": {"epochs": 5},
}
ORACLES = {
    "du": oracles.du,
    "dual": oracles.dual,
    "tdds": oracles.tdds,
    "el2n": oracles.el2n,
    "forgetting": oracles.forgetting,
    "aum": lambda probabilities, labels: oracles.aum(np.log(probabilities), labels),
    "unsure": oracles.unsure,
    "entropy": lambda probabilities, labels: oracles.entropy(probabilities),
}
every_score = pytest.mark.parametrize("name", method_names("scores"))


def history(n_epochs, n_classes, n_samples, seed=0):
    """Softmax outputs (K, m, C) of random logits, and labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=3, size=(n_epochs, n_samples, n_classes))
    return oracles.softmax(logits), rng.integers(0, n_classes, n_samples)


def of_two_classes(p):
    """Softmax outputs (K, m, 2) whose class 0 has the probabilities p (K, m)."""
    return np.stack([np.array(p), 1 - np.array(p)], axis=2)


def record(path, probabilities, labels, batches_of, sample_ids=None):
    """Write every record as a training would: each epoch in the batches of `batches_of(rng)`."""
    rng = np.random.default_rng(7)
    sample_ids = np.arange(len(labels)) if sample_ids is None else sample_ids
    records = list(method_names("records"))
    observer = Observer(records, *probabilities.shape[1:], torch.device("cpu"))
    with DynamicsWriter(path, sample_ids, records) as writer:
        for epoch in probabilities.astype(np.float32):
            for rows in batches_of(rng):
                log_probabilities = torch.from_numpy(epoch[rows]).log()
                observer.observe(torch.from_numpy(rows), log_probabilities, torch.from_numpy(labels[rows]))
            observer.end_epoch()
            writer.write_epoch({name: values.numpy().copy() for name, values in observer.values.items()})


# By hand


def test_du_of_four_samples_is_what_a_person_computes():
    # p_y of three epochs and a window of two: one window, the first two epochs; the last epoch closes none.
    p_y = np.array([[0.5, 0.0, 0.2, 0.3], [0.5, 1.0, 0.4, 0.3], [0.5, 0.0, 0.9, 1.0]])
    scores = score_dynamics("du", of_two_classes(p_y), np.zeros(4, int), window=2)
    #            constant, jumps 0/1,     |0.4 - 0.2| / sqrt(2), changes only in the last epoch
    expected = [0.0, math.sqrt(0.5), 0.2 / math.sqrt(2), 0.0]
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_du_is_the_mean_over_windows():
    p_y = np.array([0.0, 1.0, 1.0, 0.0])[:, None]  # windows of two: (0, 1) and (1, 1)
    scores = score_dynamics("du", of_two_classes(p_y), np.array([0]), window=2)
    np.testing.assert_allclose(scores, [math.sqrt(0.5) / 2], atol=1e-12)


def learned(speeds, n_epochs=12):
    """p_y (K, m) that rises to 1, of each sample at its speed."""
    return 1 - np.exp(-np.outer(np.arange(n_epochs), speeds))


@pytest.mark.parametrize(
    "speeds, warns",
    [
        # Hardly learned yet: what rises faster wavers more.
        (np.linspace(0.001, 0.02, 40), True),
        # Learned but for the slow ones, which still waver.
        (np.linspace(0.1, 3, 40), False),
        # Nothing to compare.
        (np.full(40, 0.01), False),
        ([0.01], False),
    ],
)
def test_du_of_a_training_that_has_hardly_begun_is_a_warning(speeds, warns, caplog):
    p_y = learned(np.array(speeds))
    with warnings.catch_warnings(action="error"):  # there is no correlation with a constant, which numpy would tell
        scores = score_dynamics("du", of_two_classes(p_y), np.zeros(len(speeds), int), window=10)
    assert len(caplog.records) == warns
    if warns:
        expected = np.corrcoef(scores, 1 - p_y[-10:].mean(0))[0, 1]
        found = caplog.records[0]
        assert found.levelname == "WARNING"
        assert f"(correlation with 1 - p in the last 10 epochs {expected:.2f}, of 40 samples)" in found.getMessage()
        assert expected < -0.9


@pytest.mark.parametrize(("share", "warns"), [(0.0, False), (0.2, False), (0.3, True), (1.0, True)])
def test_du_warns_where_a_quarter_of_its_scores_is_how_easily_samples_are_learned(share, warns, caplog):
    rng = np.random.default_rng(3)
    easy = rng.permutation(np.linspace(-1, 1, 400))
    other = rng.permutation(easy)
    other -= easy * (other @ easy) / (easy @ easy)  # nothing to do with it
    wavers = share * easy + math.sqrt(1 - share**2) * other * np.linalg.norm(easy) / np.linalg.norm(other)
    # Up and down around the mean by an amount that is the score, but for a factor.
    p_y = 0.5 + 0.2 * easy + np.outer(np.resize([1, -1], 11), 0.1 + 0.05 * wavers)
    scores = score_dynamics("du", of_two_classes(p_y), np.zeros(400, int), window=10)
    assert np.corrcoef(scores, 1 - p_y[-10:].mean(0))[0, 1] == pytest.approx(-share, abs=0.01)
    assert len(caplog.records) == warns


def test_du_reads_the_probability_of_the_label():
    p_y = np.array([[0.1], [0.7], [0.1]])
    probabilities = np.stack([p_y, 1 - p_y, np.zeros_like(p_y)], axis=2)
    assert score_dynamics("du", probabilities, np.array([2]), window=2)[0] == 0
    assert score_dynamics("du", probabilities, np.array([0]), window=2)[0] > 0.4


def test_tdds_of_four_samples_is_what_a_person_computes():
    # Four epochs make D_0, D_1, D_2. Two windows of three epochs hold two of them each, (D_0, D_1) and (D_1, D_2).
    # Of two numbers less their mean the length is |a - b| / sqrt(2); the weights are 0.5 * 0.5^1 and 0.5 * 0.5^0.
    p = [[0.5, 1.0, 1.0, 0.5], [0.5, 0.0, 1.0, 0.5], [0.5, 1.0, 0.0, 0.25], [0.5, 0.0, 0.0, 0.5]]
    scores = score_dynamics("tdds", of_two_classes(p), np.zeros(4, int), trajectory=4, window=3, decay=0.5)
    # A jump between (1, 0) and (0, 1): |0| + |1 (log(1 + 1e-8) - log(0 + 1e-8))| = log 1e8 = 18.42068
    jump = math.log(1e8)
    # (1/2, 1/2) -> (1/4, 3/4): 1/4 |log 1/2| + 3/4 |log 3/2| = 0.173287 + 0.304099 = 0.477386
    # (1/4, 3/4) -> (1/2, 1/2): 1/2 |log 2|   + 1/2 |log 2/3| = 0.346574 + 0.202733 = 0.549306
    there, back = 0.477386, 0.549306
    expected = [
        0.0,  # never moves: D = 0, 0, 0
        0.0,  # moves as much in every epoch: D = 18.4, 18.4, 18.4
        (0.25 * jump + 0.5 * jump) / math.sqrt(2),  # jumps once: D = 0, 18.4, 0
        (0.25 * there + 0.5 * (back - there)) / math.sqrt(2),  # D = 0, 0.477386, 0.549306
    ]
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    np.testing.assert_allclose(scores[2:], [9.769041, 0.109819], atol=1e-6)


def test_tdds_of_one_window_is_beta_times_the_length():
    # One window of four epochs: D = 0, d, 0 with d = log 1e8, less their mean -d/3, 2d/3, -d/3, of length d sqrt(2/3).
    probabilities = of_two_classes([[1.0], [1.0], [0.0], [0.0]])
    scores = score_dynamics("tdds", probabilities, np.array([0]), trajectory=4, window=4, decay=0.9)
    np.testing.assert_allclose(scores, [0.9 * math.log(1e8) * math.sqrt(2 / 3)], atol=1e-6)


def test_tdds_looks_at_the_last_epochs_or_at_the_first_but_not_at_the_rest():
    # One sample jumps in the first of five steps, one in the last; a trajectory of four epochs holds three steps.
    p = [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
    options = {"trajectory": 4, "window": 4, "decay": 1.0}
    once = math.log(1e8) * math.sqrt(2 / 3)
    scores = score_dynamics("tdds", of_two_classes(p), np.zeros(2, int), trajectory_from="last", **options)
    np.testing.assert_allclose(scores, [0, once], atol=1e-6)
    np.testing.assert_array_equal(score_dynamics("tdds", of_two_classes(p), np.zeros(2, int), **options), scores)
    scores = score_dynamics("tdds", of_two_classes(p), np.zeros(2, int), trajectory_from="first", **options)
    np.testing.assert_allclose(scores, [once, 0], atol=1e-6)


def test_tdds_with_a_decay_of_one_is_the_last_window_alone():
    probabilities, labels = history(8, 4, 6)
    scores = score_dynamics("tdds", probabilities, labels, trajectory=8, window=4, decay=1.0)
    assert (scores > 0).all()
    last = score_dynamics("tdds", probabilities, labels, trajectory=4, window=4, decay=1.0)
    np.testing.assert_allclose(scores, last, rtol=1e-12)


def test_el2n_of_four_samples_is_what_a_person_computes():
    probabilities = np.zeros((3, 4, 3))
    probabilities[:, 0] = [[1, 0, 0], [0, 1, 0], [0, 1, 0]]  # label 0: 0, then sqrt(2); the third epoch is late
    probabilities[:, 1] = [0.2, 0.3, 0.5]  # label 2: sqrt(0.2^2 + 0.3^2 + (0.5 - 1)^2) = sqrt(0.38)
    probabilities[:, 2] = [0, 1, 0]  # label 1, always right
    probabilities[:, 3] = [0.5, 0, 0.5]  # label 1: sqrt(0.25 + 1 + 0.25)
    scores = score_dynamics("el2n", probabilities, np.array([0, 2, 1, 1]), epochs=2)
    np.testing.assert_allclose(scores, [math.sqrt(2) / 2, math.sqrt(0.38), 0, math.sqrt(1.5)], atol=1e-12)


def test_forgetting_of_six_samples_is_what_a_person_counts():
    p_y = {
        "never learned; a tie is wrong": ([0.1, 0.2, 0.3, 0.4, 0.5], 5),
        "learned, then forgotten twice": ([0.1, 0.9, 0.2, 0.8, 0.3], 2),
        "learned and never forgotten": ([0.2, 0.6, 0.7, 0.8, 0.9], 0),
        "right from the first epoch on": ([0.9, 0.9, 0.9, 0.9, 0.9], 0),
        "right at first and forgotten": ([0.9, 0.1, 0.6, 0.7, 0.8], 1),
        "learned in the last epoch": ([0.1, 0.1, 0.1, 0.1, 0.9], 0),
    }
    probabilities = of_two_classes(np.array([p for p, _ in p_y.values()]).T)
    scores = score_dynamics("forgetting", probabilities, np.zeros(6, int))
    assert scores.tolist() == [n for _, n in p_y.values()]
    assert scores.dtype == np.float64


def test_forgetting_of_a_single_epoch_says_learned_or_not():
    assert score_dynamics("forgetting", of_two_classes([[0.9, 0.1]]), np.zeros(2, int)).tolist() == [0, 1]


def test_aum_of_three_samples_is_what_a_person_computes():
    probabilities = np.empty((2, 3, 3))
    probabilities[0], probabilities[1] = [0.5, 0.25, 0.25], [0.2, 0.3, 0.5]
    # Margins of label 0: log(0.5 / 0.25), log(0.2 / 0.5); of 1: log(0.25 / 0.5), log(0.3 / 0.5);
    # of 2: log(0.25 / 0.5), log(0.5 / 0.3). The score is minus their mean: higher = lower margin.
    expected = [-math.log(2 * 0.4) / 2, -math.log(0.5 * 0.6) / 2, -math.log(0.5 * 5 / 3) / 2]
    np.testing.assert_allclose(score_dynamics("aum", probabilities, np.arange(3)), expected, atol=1e-12)


def test_entropy_of_three_samples_is_what_a_person_computes():
    probabilities = np.zeros((2, 3, 3))
    probabilities[:, 0] = [1, 0, 0]  # certain
    probabilities[:, 1] = 1 / 3  # uniform: log 3
    probabilities[:, 2] = [[0.5, 0, 0.5], [0, 1, 0]]  # log 2, then 0
    scores = score_dynamics("entropy", probabilities, np.zeros(3, int))
    np.testing.assert_allclose(scores, [0, math.log(3), math.log(2) / 2], atol=1e-12)


# By the oracles


def check_against_the_oracle(name, shape, dtype, options, oracle_options=None):
    """Score a history that is stored as dtype; the oracle computes in float64 from the same stored numbers."""
    probabilities, labels = history(*shape)
    probabilities = probabilities.astype(dtype)
    scores = score_dynamics(name, probabilities, labels, **options)
    assert scores.dtype == np.float64
    exact = probabilities.astype(np.float64)
    expected = ORACLES[name](exact, labels, **(options if oracle_options is None else oracle_options))
    # Float32 has 2^-24 = 6e-8 of the largest number on the way, a logarithm of up to 20.
    np.testing.assert_allclose(scores, expected, atol=1e-10 if dtype == np.float64 else 1e-6)


stored_as = pytest.mark.parametrize("dtype", [np.float64, np.float32])


@stored_as
@pytest.mark.parametrize(
    "n_epochs, n_classes, window", [(3, 2, 2), (12, 10, 10), (11, 3, 10), (25, 7, 4), (9, 100, 3), (50, 2, 10)]
)
def test_du_equals_the_oracle(n_epochs, n_classes, window, dtype):
    check_against_the_oracle("du", (n_epochs, n_classes, 23), dtype, {"window": window})


@stored_as
@pytest.mark.parametrize(
    "n_epochs, n_classes, options",
    [
        (2, 2, {"window": 2}),
        (12, 10, {"window": 10}),
        (25, 7, {"window": 4}),
        (25, 7, {"window": 4, "epochs": 9}),
        (14, 3, {"window": 4, "epochs": 4}),  # one window, which later epochs do not change
        (14, 3, {"window": 7, "epochs": 14}),
    ],
)
def test_dual_equals_the_oracle(n_epochs, n_classes, options, dtype):
    check_against_the_oracle("dual", (n_epochs, n_classes, 23), dtype, options)


def test_dual_of_four_samples_by_eye():
    # Never wavers; wavers around 1/2; as much, lower; as much, higher.
    p = np.array([[0.3, 0.4, 0.0, 0.8], [0.3, 0.6, 0.2, 1.0], [0.3, 0.4, 0.0, 0.8]])
    scores = score_dynamics("dual", of_two_classes(p), np.zeros(4, int), window=2)
    np.testing.assert_allclose(scores, np.sqrt(0.02) * np.array([0, 0.5, 0.9, 0.1]), atol=1e-12)


@stored_as
@pytest.mark.parametrize("trajectory_from", ["last", "first"])
@pytest.mark.parametrize(
    "n_epochs, n_classes, trajectory, window, decay",
    [
        (3, 2, 3, 3, 0.9),  # the least there is
        (10, 10, 10, 10, 0.9),  # one window, no epoch beside it
        (11, 10, 10, 10, 0.9),  # the ring begins anew
        (25, 3, 7, 4, 0.5),
        (24, 5, 6, 5, 0.3),  # 23 steps, a ring of 5
        (26, 5, 6, 5, 0.3),  # 25 steps: the ring is at its beginning when the training ends
        (9, 100, 9, 3, 0.1),
        (30, 4, 21, 10, 0.05),  # the first windows still weigh
        (13, 2, 12, 3, 1.0),
    ],
)
def test_tdds_equals_the_oracle(n_epochs, n_classes, trajectory, window, decay, trajectory_from, dtype):
    options = {"trajectory": trajectory, "window": window, "decay": decay}
    oracle_options = {**options, "first": trajectory_from == "first"}
    options["trajectory_from"] = trajectory_from
    check_against_the_oracle("tdds", (n_epochs, n_classes, 17), dtype, options, oracle_options)


@stored_as
@pytest.mark.parametrize("n_epochs, n_classes, epochs", [(1, 2, 1), (10, 10, 10), (12, 3, 10), (5, 100, 2)])
def test_el2n_and_unsure_of_the_first_epochs_equal_their_oracles(n_epochs, n_classes, epochs, dtype):
    check_against_the_oracle("el2n", (n_epochs, n_classes, 23), dtype, {"epochs": epochs})
    check_against_the_oracle("unsure", (n_epochs, n_classes, 23), dtype, {"epochs": epochs})


@stored_as
@pytest.mark.parametrize("n_epochs, n_classes", [(1, 2), (2, 2), (50, 2), (12, 10), (5, 100)])
@pytest.mark.parametrize("name", ["forgetting", "aum", "entropy", "unsure"])
def test_scores_without_options_equal_their_oracles(name, n_epochs, n_classes, dtype):
    check_against_the_oracle(name, (n_epochs, n_classes, 23), dtype, {})


@every_score
def test_a_single_sample_of_two_classes_is_scored(name):
    check_against_the_oracle(name, (14, 2, 1), np.float64, OPTIONS.get(name, {}))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@every_score
def test_probabilities_of_exactly_0_and_1_give_finite_scores(name, dtype):
    rng = np.random.default_rng(0)
    probabilities = np.eye(3)[rng.integers(0, 3, (14, 20))].astype(dtype)
    probabilities[:, :5] = [0, 0.5, 0.5]  # some of them mixed, and the same in every epoch
    labels = rng.integers(0, 3, 20)
    scores = score_dynamics(name, probabilities, labels, **OPTIONS.get(name, {}))
    assert np.isfinite(scores).all()
    if name != "aum":  # whose margins are infinite to a person
        expected = ORACLES[name](probabilities.astype(np.float64), labels, **OPTIONS.get(name, {}))
        np.testing.assert_allclose(scores, expected, atol=1e-6)


@every_score
def test_a_single_class_has_finite_scores(name):
    scores = score_dynamics(name, np.ones((14, 4, 1)), np.zeros(4, int), **OPTIONS.get(name, {}))
    assert np.isfinite(scores).all()


# However it is computed


@pytest.mark.parametrize("name", ["du", "dual", "tdds"])
@pytest.mark.parametrize("block", [1, 7, 49, 50, 51])
def test_a_score_in_blocks_equals_the_score_at_once(name, block, monkeypatch):
    probabilities, labels = history(14, 3, 50)
    at_once = score_dynamics(name, probabilities, labels, **OPTIONS[name])
    monkeypatch.setattr(_windows if name != "tdds" else load_method("scores", name), "BLOCK", block)
    in_blocks = score_dynamics(name, probabilities, labels, **OPTIONS[name])
    np.testing.assert_allclose(in_blocks, at_once, rtol=1e-14)  # numpy adds up a single column in another order


@pytest.mark.parametrize("batch_size", [1, 7, 30])
@pytest.mark.parametrize("shuffled", [False, True])
def test_streamed_scores_equal_stored_ones_for_any_batches(batch_size, shuffled, tmp_path):
    probabilities, labels = history(14, 5, 30)

    def batches_of(rng):
        order = rng.permutation(30) if shuffled else np.arange(30)
        return np.split(order, range(batch_size, 30, batch_size))

    record(tmp_path / "dynamics.parquet", probabilities, labels, batches_of)
    for name in method_names("scores"):
        options = OPTIONS.get(name, {})
        _, scores = score_file({"name": name, **options}, tmp_path / "dynamics.parquet")
        stored = score_dynamics(name, probabilities.astype(np.float32), labels, **options)
        np.testing.assert_array_equal(scores, stored, err_msg=name)
        expected = ORACLES[name](probabilities, labels, **options)
        np.testing.assert_allclose(scores, expected, atol=1e-5, err_msg=name)


def test_a_score_file_keeps_the_sample_ids(tmp_path):
    probabilities, labels = history(4, 2, 6)
    ids = np.array([3, 10, 11, 500, 501, 10**12])
    record(tmp_path / "dynamics.parquet", probabilities, labels, lambda rng: [np.arange(6)], ids)
    # A score of the config says which training it is computed from, which is no option of its own.
    found, scores = score_file({"name": "du", "window": 3, "training": "sgd"}, tmp_path / "dynamics.parquet")
    np.testing.assert_array_equal(found, ids)
    np.testing.assert_allclose(scores, score_dynamics("du", probabilities, labels, window=3), atol=1e-6)


@every_score
def test_memory_mapped_history_is_scored_and_left_as_it_is(name, tmp_path):
    probabilities, labels = history(14, 3, 8)
    probabilities[2, 1] = [0, 1, 0]  # whose logarithm is not taken as it is
    np.save(tmp_path / "history.npy", probabilities)
    mapped, given = np.load(tmp_path / "history.npy", mmap_mode="r+"), probabilities.copy()
    expected = score_dynamics(name, probabilities, labels, **OPTIONS.get(name, {}))
    np.testing.assert_array_equal(score_dynamics(name, mapped, labels, **OPTIONS.get(name, {})), expected)
    np.testing.assert_array_equal(mapped, given)
    np.testing.assert_array_equal(probabilities, given)


# What is refused


@pytest.mark.parametrize(
    "name, options, needed, sentence",
    [
        ("du", {"window": 4}, 5, "du, window = 4"),
        ("dual", {"window": 4}, 4, "dual, window = 4"),
        ("dual", {"window": 4, "epochs": 6}, 6, "dual, window = 4, epochs = 6"),
        ("tdds", {"trajectory": 6, "window": 3}, 6, "tdds, trajectory = 6, window = 3"),
        (
            *("tdds", {"trajectory": 6, "window": 3, "trajectory_from": "first"}, 6),
            "tdds, trajectory = 6, window = 3, trajectory_from = first",
        ),
        ("el2n", {"epochs": 5}, 5, "el2n, epochs = 5"),
        ("unsure", {}, 1, "unsure"),
        ("unsure", {"epochs": 5}, 5, "unsure, epochs = 5"),
        ("forgetting", {}, 1, "forgetting"),
        ("aum", {}, 1, "aum"),
        ("entropy", {}, 1, "entropy"),
    ],
)
def test_too_few_epochs_are_refused(name, options, needed, sentence):
    probabilities, labels = history(needed, 3, 5)
    assert np.isfinite(score_dynamics(name, probabilities, labels, **options)).all()
    for n_epochs in range(needed):
        with pytest.raises(InputFault, match=rf"^{sentence}: needs at least {needed} epochs, found {n_epochs}$"):
            score_dynamics(name, probabilities[:n_epochs], labels, **options)


@every_score
def test_scores_that_are_not_finite_are_refused(name, tmp_path):
    """Not even a count is made of a diverged training: NaN is neither right nor wrong."""
    probabilities, labels = history(14, 2, 6)
    probabilities[4, 2] = np.nan
    probabilities[:, 3] = np.nan  # nor was it never learned
    record(tmp_path / "dynamics.parquet", probabilities, labels, lambda rng: [np.arange(6)], np.arange(10, 16))
    options = {"trajectory": 14, "window": 4} if name == "tdds" else OPTIONS.get(name, {})
    with pytest.raises(InputFault, match=f"2 {name} scores are not finite, the first of sample 12"):
        score_file({"name": name, **options}, tmp_path / "dynamics.parquet")


def test_an_unknown_score_is_refused():
    with pytest.raises(InputFault, match=r"'uncertainty' is none of the scores; there are: .*du"):
        score_dynamics("uncertainty", *history(4, 2, 6))


@pytest.mark.parametrize(
    "name, options, named",
    [
        ("du", {"windw": 10}, "windw"),
        ("du", {"window": 1}, "window"),
        ("du", {"window": 2.5}, "window"),
        ("du", {"window": "10"}, "window"),
        ("dual", {"window": 5, "epochs": 4}, "has a window of 5 in 4 epochs"),
        ("dual", {"epochs": 9}, "has a window of 10 in 9 epochs"),  # the default window
        ("dual", {"window": 1}, "window"),
        ("tdds", {"trajectory": 4, "window": 5}, "has a window of 5 in a trajectory of 4 epochs"),
        ("tdds", {"trajectory": 9}, "has a window of 10 in a trajectory of 9 epochs"),  # the default window
        ("tdds", {"trajectory": 2, "window": 2}, "trajectory"),
        ("tdds", {"window": 2}, "window"),
        ("tdds", {"decay": 0}, "decay"),
        ("tdds", {"decay": 0.0}, "decay"),
        ("tdds", {"decay": 1.1}, "decay"),
        ("tdds", {"decay": math.nan}, "decay"),
        ("tdds", {"trajectory_from": "middle"}, "trajectory_from"),
        ("el2n", {"epochs": 0}, "epochs"),
        ("el2n", {"window": 10}, "window"),
        ("unsure", {"epochs": 0}, "epochs"),
        ("forgetting", {"epochs": 10}, "epochs"),
        ("aum", {"window": 10}, "window"),
        ("entropy", {"window": 10}, "window"),
    ],
)
def test_a_wrong_option_is_refused(name, options, named):
    with pytest.raises(ValueError, match=named):
        score_dynamics(name, *history(14, 2, 6), **options)


@pytest.mark.parametrize(
    "probabilities, labels",
    [((4, 6), (6,)), ((4, 6, 2), (5,)), ((4, 6, 2), (6, 1)), ((4, 6, 2), ()), ((1, 4, 6, 2), (4,))],
)
def test_shapes_that_do_not_fit_are_refused(probabilities, labels):
    with pytest.raises(ValueError, match=r"are not \(K, m, C\) and \(m,\)"):
        score_dynamics("du", np.full(probabilities, 0.5), np.zeros(labels, int), window=2)


@pytest.mark.parametrize("label", [-1, 2])
@pytest.mark.parametrize("name", ["du", "el2n", "forgetting", "aum"])
def test_a_label_beyond_the_classes_is_refused(name, label):
    with pytest.raises((IndexError, RuntimeError), match="index"):
        score_dynamics(name, history(14, 2, 3)[0], np.array([0, label, 1]), **OPTIONS.get(name, {}))
