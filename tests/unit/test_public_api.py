"""The names that others call, called as they call them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import oracles
import score_extrapolation

LIBRARY = Path(__file__).parents[2] / "workflow_scripts"


def run(program):
    done = subprocess.run([sys.executable, "-c", program], cwd=LIBRARY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_loads_nothing_of_it_and_nothing_heavy():
    loaded = run("import sys, score_extrapolation; print(*sys.modules)").split()
    assert [name for name in loaded if name.startswith("score_extrapolation")] == ["score_extrapolation"]
    assert not {"numpy", "torch", "pydantic", "pyarrow"} & set(loaded)


def test_selecting_loads_no_torch():
    program = """
import sys
from score_extrapolation import KNNExtrapolator, select
select([1.0, 2.0, 3.0], rate=0.5)
KNNExtrapolator(k=1).fit([[0.0], [1.0]], [3.0, 4.0])
print("torch" in sys.modules)
"""
    assert run(program).strip() == "False"


def test_every_public_name_is_there_and_no_other():
    for name in score_extrapolation.__all__:
        assert callable(getattr(score_extrapolation, name))
    with pytest.raises(AttributeError, match="has no attribute 'nonesuch'"):
        _ = score_extrapolation.nonesuch
    with pytest.raises(ImportError):
        from score_extrapolation import nonesuch  # noqa: F401


def test_learning_a_step_and_held_out_dynamics_of_plain_arrays():
    from score_extrapolation import HeldOutExtrapolator, StepUp

    rng = np.random.default_rng(0)
    nested, subset = (rng.uniform(size=(6, n)) for n in (40, 80))  # probability of the label, (K, m)
    step = StepUp(seed=0).fit(nested, nested.mean(axis=0), nested[-1])
    stepped = step.predict(subset, subset.mean(axis=0))
    assert stepped.shape == (80,)
    assert np.corrcoef(stepped, subset[-1])[0, 1] > 0.8

    probability, entropy = rng.uniform(size=(2, 60, 3))  # by three networks
    neighbors, scores = rng.uniform(size=60), probability[:, 1]
    held_out = HeldOutExtrapolator(seed=0).fit(probability[:40], entropy[:40], neighbors[:40], scores[:40])
    predicted = held_out.predict(probability[40:], entropy[40:], neighbors[40:])
    assert predicted.shape == (20,)
    assert np.corrcoef(predicted, scores[40:])[0, 1] > 0.5


def test_scoring_extrapolating_and_selecting_in_a_row():
    from score_extrapolation import KNNExtrapolator, score_dynamics, select

    rng = np.random.default_rng(0)
    probabilities = oracles.softmax(rng.normal(size=(12, 30, 4)))  # (K, m, C)
    labels = rng.integers(0, 4, 30)
    embeddings = rng.normal(size=(100, 5))

    scores = score_dynamics("du", probabilities, labels, window=10)
    assert scores.shape == (30,)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, oracles.du(probabilities, labels, 10), atol=1e-12)

    moved = score_dynamics("tdds", probabilities, labels, trajectory=10, window=10, decay=0.9)
    np.testing.assert_allclose(moved, oracles.tdds(probabilities, labels, 10, 10, 0.9), rtol=1e-9)

    extrapolated = KNNExtrapolator(k=20, weighting="distance").fit(embeddings[:30], scores).predict(embeddings)
    assert extrapolated.shape == (100,)
    expected, _ = oracles.knn(embeddings[:30], scores, embeddings, 20, "distance")
    np.testing.assert_allclose(extrapolated, expected, atol=1e-6)

    kept = select(extrapolated, rate=0.5, method="top", labels=None)
    assert kept.tolist() == oracles.top(extrapolated, 0.5)
