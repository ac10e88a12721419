"""How well a subset covers the samples outside it: the Frechet distance of their embeddings."""

import numpy as np

from ..io.tables import rows_of

BLOCK = 16_384  # rows that are in float64 at a time


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Frechet distance of the normal distributions with the means and covariances of two sets.

    |mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), as FID is defined (Heusel et al., 2017, of Inception's
    embeddings): a squared distance, in squared units of the embedding. Covariances have ddof 1.

    Parameters
    ----------
    a : (n, d) float array
    b : (m, d) float array
        Finite.

    Returns
    -------
    float
        >= 0, and 0 for equal sets up to rounding; NaN where a set has fewer than two rows.

    Raises
    ------
    ValueError
        The sets are not of one width.

    Notes
    -----
    With C_a = A A^T and C_b = B B^T the trace of the root is the sum of the singular values of A^T B. A and B come from
    symmetric eigendecompositions, without the directions in which a set has no variance: nothing is complex, and sets
    of fewer rows than dimensions need no offset on the diagonal. All in float64.

    Few rows bias it upwards, by tr(C_a) / n + tr(C_b) / m through the means alone: compare sets of the same sizes.

    Cost: 2 (n + m) d^2 operations and some tens of d^3. Memory: 5 d^2 numbers and a block of rows.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"sets {a.shape} and {b.shape} are not (n, d) and (m, d)")
    if min(len(a), len(b)) < 2:
        return float("nan")
    (mean_a, covariance_a), (mean_b, covariance_b) = _moments(a), _moments(b)
    of_root = np.linalg.svd(_factor(covariance_a).T @ _factor(covariance_b), compute_uv=False).sum()
    difference = mean_a - mean_b
    distance = difference @ difference + np.trace(covariance_a) + np.trace(covariance_b) - 2 * of_root
    return max(0.0, float(distance))


def measure_coverage(embeddings: dict, subset_ids: np.ndarray) -> dict:
    """Compare the embeddings of a subset with those of the samples outside it.

    Parameters
    ----------
    embeddings : dict
        Columns sample_id (n,), increasing, and embedding (n, d), as `tables.read_table` reads them.
    subset_ids : (m,) int64

    Returns
    -------
    dict
        n_subset, n_residual, width and frechet_distance: of the two, NaN where one of them has fewer than two samples.

    Raises
    ------
    KeyError
        A sample of the subset has no embedding.
    """
    vectors = embeddings["embedding"]
    in_subset = np.zeros(len(vectors), bool)
    in_subset[rows_of(embeddings["sample_id"], subset_ids)] = True
    return {
        "n_subset": int(in_subset.sum()),
        "n_residual": int((~in_subset).sum()),
        "width": vectors.shape[1],
        "frechet_distance": frechet_distance(vectors[in_subset], vectors[~in_subset]),
    }


def _moments(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean, (d,), and the covariance, (d, d), of (n, d) vectors, n >= 2, in float64."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    products = np.zeros((len(mean), len(mean)))
    for start in range(0, len(vectors), BLOCK):
        centred = vectors[start : start + BLOCK] - mean
        products += centred.T @ centred
    return mean, products / (len(vectors) - 1)


def _factor(covariance: np.ndarray) -> np.ndarray:
    """Return the (d, r) matrix A of a symmetric matrix A A^T of rank r."""
    variances, directions = np.linalg.eigh(covariance)
    # What is as small as rounding is no variance; its root would be far larger than rounding.
    kept = variances > len(variances) * np.finfo(np.float64).eps * variances[-1]
    return directions[:, kept] * np.sqrt(variances[kept])
