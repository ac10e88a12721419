"""Records of a training: each by hand, and the Observer, which computes an epoch of them batch by batch."""

import io
import math
import pickle

import numpy as np
import pytest
import torch

from score_extrapolation.plugins import load_method, method_names, method_options
from score_extrapolation.records import Observer

CPU = torch.device("cpu")
LABELS = torch.tensor([0, 1, 2, 1, 0])
ALL = method_names("records")


def logarithms(*rows):
    return torch.tensor(rows, dtype=torch.float64).log()


def random_epochs(n_epochs=3, n_samples=5, n_classes=3, scale=3.0, seed=0):
    """Log-softmax (K, m, C) of random logits, float32."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_epochs, n_samples, n_classes, generator=generator).mul(scale).log_softmax(2)


def observe(observer, log_probabilities, rows):
    observer.observe(torch.tensor(rows, dtype=torch.int64), log_probabilities[rows], LABELS[rows])


# Each record by hand


def test_probability_is_that_of_the_label():
    values = load_method("records", "probability").observe(logarithms([0.2, 0.8], [0.2, 0.8]), torch.tensor([1, 0]))
    torch.testing.assert_close(values, torch.tensor([0.8, 0.2], dtype=torch.float64))


def test_margin_is_the_label_s_logit_less_the_largest_other_one():
    log_probabilities = logarithms([0.2, 0.3, 0.5], [0.2, 0.3, 0.5], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2])
    values = load_method("records", "margin").observe(log_probabilities, torch.tensor([0, 1, 2, 0]))
    # log(0.2 / 0.5), log(0.3 / 0.5), log(0.5 / 0.3), a tie
    expected = torch.tensor([math.log(0.4), math.log(0.6), math.log(5 / 3), 0], dtype=torch.float64)
    torch.testing.assert_close(values, expected)
    logits = log_probabilities + torch.tensor([[5.0], [-3.0], [0.0], [100.0]])
    torch.testing.assert_close(load_method("records", "margin").observe(logits, torch.tensor([0, 1, 2, 0])), values)


def test_entropy_is_in_nats():
    log_probabilities = logarithms([0.25] * 4, [0.5, 0, 0.5, 0], [0, 1, 0, 0], [0.1, 0.2, 0.3, 0.4])
    values = load_method("records", "entropy").observe(log_probabilities, torch.tensor([0, 1, 2, 3]))
    mixed = 0.1 * math.log(10) + 0.2 * math.log(5) + 0.3 * math.log(10 / 3) + 0.4 * math.log(2.5)
    torch.testing.assert_close(values, torch.tensor([math.log(4), math.log(2), 0, mixed], dtype=torch.float64))


def test_error_norm_is_the_distance_from_the_one_hot_label():
    log_probabilities = logarithms([1, 0, 0], [1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5])
    values = load_method("records", "error_norm").observe(log_probabilities, torch.tensor([0, 1, 0, 2]))
    #           right, wrong, sqrt(0.5^2 + 0.5^2), sqrt(0.2^2 + 0.3^2 + 0.5^2)
    expected = torch.tensor([0, math.sqrt(2), math.sqrt(0.5), math.sqrt(0.38)], dtype=torch.float64)
    torch.testing.assert_close(values, expected)


def test_divergence_is_a_sum_of_absolute_terms_weighed_by_the_later_epoch():
    before = logarithms([0.5, 0.5], [0.25, 0.75], [0.25, 0.75], [1, 0], [0, 1])
    after = logarithms([0.25, 0.75], [0.5, 0.5], [0.25, 0.75], [0, 1], [0, 1])
    values = load_method("records", "divergence").observe(after, torch.zeros(5, dtype=torch.int64), before)
    expected = [
        0.25 * math.log(2) + 0.75 * math.log(1.5),  # not the divergence, -0.25 log 2 + 0.75 log 1.5
        0.5 * math.log(2) + 0.5 * math.log(1.5),  # not the same backwards
        0,
        math.log(1e8),  # log(1 + 1e-8) - log(1e-8)
        0,
    ]
    torch.testing.assert_close(values, torch.tensor(expected, dtype=torch.float64), atol=1e-7, rtol=0)


# The Observer


def test_divergence_is_nan_in_the_first_epoch_and_compares_with_the_epoch_before_after_that():
    epochs = random_epochs()
    observer = Observer(ALL, 5, 3, CPU)
    for epoch, log_probabilities in enumerate(epochs):
        observe(observer, log_probabilities, [4, 1])
        observe(observer, log_probabilities, [0, 2, 3])
        observer.end_epoch()
        for name in ALL:
            if name != "divergence":
                expected = load_method("records", name).observe(log_probabilities, LABELS)
                torch.testing.assert_close(observer.values[name], expected)
            elif epoch == 0:
                assert observer.values[name].isnan().all()
            else:
                expected = load_method("records", name).observe(log_probabilities, LABELS, epochs[epoch - 1])
                torch.testing.assert_close(observer.values[name], expected)


@pytest.mark.parametrize(
    "batches, n_wrong",
    [([[0, 1, 2, 3]], 1), ([[0, 1, 2, 3, 4], [0]], 1), ([[0, 1], [1, 2, 3, 4]], 1), ([[0, 0, 1, 2, 3, 4]], 1), ([], 5)],
    ids=["one missing", "one again", "in two batches", "twice in a batch", "none"],
)
@pytest.mark.parametrize("records", [["probability"], ["divergence"], []])
def test_a_sample_that_is_not_seen_exactly_once_is_an_error(batches, n_wrong, records):
    observer = Observer(records, 5, 3, CPU)
    for rows in batches:
        observe(observer, random_epochs()[0], rows)
    with pytest.raises(RuntimeError, match=f"epoch 0: {n_wrong} samples not seen exactly once"):
        observer.end_epoch()


def test_each_epoch_is_counted_anew():
    observer = Observer(["probability"], 5, 3, CPU)
    observe(observer, random_epochs()[0], [0, 1, 2, 3, 4])
    observer.end_epoch()
    observe(observer, random_epochs()[1], [0, 1, 2, 3])
    with pytest.raises(RuntimeError, match="epoch 1: 1 samples"):
        observer.end_epoch()


@pytest.mark.parametrize("rows", [[0, 5], [-1, 0]])
def test_a_row_beyond_the_samples_is_an_error(rows):
    with pytest.raises((IndexError, RuntimeError), match=r"index|range"):
        Observer(ALL, 5, 3, CPU).observe(torch.tensor(rows), random_epochs()[0][:2], LABELS[:2])


@pytest.mark.parametrize("previous_dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("stopped_in", [0, 1, 2])
def test_a_checkpoint_in_the_middle_of_an_epoch_goes_on_to_identical_bytes(stopped_in, previous_dtype):
    epochs, batches = random_epochs(4), [[4, 1], [0, 2], [3]]

    def go_on(observer, epoch, batch):
        """Observe from a batch of an epoch to the end; return the bytes of each epoch's values."""
        found = []
        while epoch < len(epochs):
            for rows in batches[batch:]:
                observe(observer, epochs[epoch], rows)
            observer.end_epoch()
            found.append({name: values.numpy().tobytes() for name, values in observer.values.items()})
            epoch, batch = epoch + 1, 0
        return found

    def new():
        return Observer(ALL, 5, 3, CPU, previous_dtype=previous_dtype)

    stopped, file = new(), io.BytesIO()
    for epoch in range(stopped_in):
        observe(stopped, epochs[epoch], [0, 1, 2, 3, 4])
        stopped.end_epoch()
    observe(stopped, epochs[stopped_in], batches[0])
    torch.save(stopped.state_dict(), file)
    file.seek(0)
    resumed = new()
    resumed.load_state_dict(torch.load(file, weights_only=True))
    found = go_on(resumed, stopped_in, 1)
    assert found == go_on(new(), 0, 0)[stopped_in:]
    assert found == go_on(stopped, stopped_in, 1)
    # It is the state that made it so: without it the samples of the first batch are missing.
    with pytest.raises(RuntimeError, match="epoch 0: 2 samples"):
        go_on(new(), stopped_in, 1)


def test_what_was_loaded_is_a_copy():
    epochs = random_epochs()
    observer, other = (Observer(ALL, 5, 3, CPU) for _ in range(2))
    observe(observer, epochs[0], [0, 1, 2, 3, 4])
    other.load_state_dict(observer.state_dict())
    loaded = pickle.dumps(other)
    observer.end_epoch()
    observe(observer, epochs[1], [0, 2])
    assert pickle.dumps(other) == loaded


def test_nothing_of_an_observer_grows_with_the_epochs():
    observer, sizes = Observer(ALL, 5, 3, CPU), []
    for log_probabilities in random_epochs(30):
        observe(observer, log_probabilities, [0, 1, 2, 3, 4])
        observer.end_epoch()
        sizes.append(len(pickle.dumps(observer)))
    assert len(set(sizes)) == 1


@pytest.mark.parametrize("previous_dtype, n_bytes", [(torch.float32, 4), (torch.float16, 2)])
def test_the_epoch_before_is_kept_only_where_a_record_compares_with_it(previous_dtype, n_bytes):
    compares = Observer(ALL, 5, 3, CPU, previous_dtype=previous_dtype)
    assert compares.previous.nbytes == 5 * 3 * n_bytes
    alone = Observer([name for name in ALL if name != "divergence"], 5, 3, CPU, previous_dtype=previous_dtype)
    for log_probabilities in random_epochs():
        observe(alone, log_probabilities, [0, 1, 2, 3, 4])
        alone.end_epoch()
    assert alone.previous.numel() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_have_the_dtype_that_was_asked_for_and_keep_no_graph(dtype):
    observer = Observer(ALL, 5, 3, CPU, dtype)
    for log_probabilities in random_epochs(2).double().requires_grad_():
        observe(observer, log_probabilities, [0, 1, 2, 3, 4])
        observer.end_epoch()
    for values in (*observer.values.values(), observer.previous):
        assert not values.requires_grad
    assert {values.dtype for values in observer.values.values()} == {dtype}


@pytest.mark.parametrize("previous_dtype", [torch.float32, torch.float16])
def test_extreme_logits_give_finite_values_and_a_finite_previous(previous_dtype):
    """Logits of a million, whose other log-probabilities are beyond what float16 holds, and minus infinity itself."""
    logits = torch.eye(3)[[0, 1, 2, 1, 0]] * 1e6
    with_infinity = torch.tensor([[0.0, 0.0, -torch.inf]] * 5)
    records = [name for name in ALL if name != "margin"]  # which is infinite where the logarithm is
    observer = Observer(records, 5, 3, CPU, previous_dtype=previous_dtype)
    for epoch in (logits, with_infinity, logits.roll(1, 1), with_infinity):
        observe(observer, epoch.log_softmax(1), [0, 1, 2, 3, 4])
        observer.end_epoch()
        assert observer.previous.isfinite().all()
        for name, values in observer.values.items():
            assert values.isfinite().all() or (name == "divergence" and observer.n_epochs == 1)


def divergences_and_tdds(epochs, previous_dtype):
    """D of each epoch from the second on, (K - 1, m), and TDDS with its defaults, (m,), of log-softmax (K, m, C)."""
    _, n_samples, n_classes = epochs.shape
    observer = Observer(["divergence"], n_samples, n_classes, CPU, previous_dtype=previous_dtype)
    accumulator = load_method("scores", "tdds").Accumulator(method_options("scores", "tdds")(), n_samples)
    found, labels = [], torch.zeros(n_samples, dtype=torch.int64)
    for log_probabilities in epochs:
        observer.observe(torch.arange(n_samples), log_probabilities, labels)
        observer.end_epoch()
        accumulator.update(observer.values["divergence"].numpy())
        found.append(observer.values["divergence"].numpy().astype(np.float64))
    return np.array(found[1:]), accumulator.finish()


# Worst |error| of D, worst error relative to D, and the same two of TDDS, over 200 samples, 12 epochs, C = 10, 365 and
# 1000, logits of scale 3 and 8, seed 0, between a previous in float16 and in float32. `step` is the change of each
# logit from one epoch to the next, in parts of the scale; None: every epoch is drawn anew.
# - None, D about 4..17:     D 6.9e-3, 2.0e-3   TDDS 4.0e-3, 2.3e-3
# - 0.1,  D about 0.03..0.2: D 7.2e-4, 5.7e-2   TDDS 4.9e-4, 7.1e-3
# - 0.01, D about 0.004..0.02: D 4.4e-4, 2.0    TDDS 3.6e-4, 7.0e-2
# So it is the absolute error that is small; a D that is near 0, of a sample whose prediction stands still, is noise.
# The ranks of TDDS correlate with 0.9995 or more. Asserted is about twice what was measured.
@pytest.mark.parametrize(
    "step, limits_of_d, limits_of_tdds",
    [(None, (0.014, 0.004), (0.008, 0.005)), (0.1, (1.5e-3, 0.12), (1e-3, 0.015)), (0.01, (9e-4, 4), (8e-4, 0.14))],
)
@pytest.mark.parametrize("n_classes", [10, 365, 1000])
@pytest.mark.parametrize("scale", [3, 8])
def test_a_previous_in_float16_moves_divergence_and_tdds_by_little(n_classes, scale, step, limits_of_d, limits_of_tdds):
    generator, shape = torch.Generator().manual_seed(0), (12, 200, n_classes)
    if step is None:
        logits = torch.randn(shape, generator=generator) * scale
    else:
        start = torch.randn((1, *shape[1:]), generator=generator) * scale
        logits = start + (torch.randn(shape, generator=generator) * step * scale).cumsum(0)
    epochs = logits.log_softmax(2)
    d, tdds = divergences_and_tdds(epochs, torch.float32)
    d_16, tdds_16 = divergences_and_tdds(epochs, torch.float16)
    assert not np.array_equal(d, d_16)  # else nothing was kept in float16
    for exact, found, limits in ((d, d_16, limits_of_d), (tdds, tdds_16, limits_of_tdds)):
        error = np.abs(found - exact)
        assert error.max() < limits[0]
        assert (error / exact).max() < limits[1]
    ranks, ranks_16 = tdds.argsort().argsort(), tdds_16.argsort().argsort()
    assert np.corrcoef(ranks, ranks_16)[0, 1] > 0.999
    # What bounds it whatever the data: a logarithm in float16 is off by at most 2^-11 of itself.
    cross_entropy = -(epochs[1:].exp() * epochs[:-1]).sum(2).numpy()
    assert (np.abs(d_16 - d) <= cross_entropy * 2**-11 + 1e-5).all()
