"""SSP, the self-supervised prototypes of Sorscher et al. (2022): how far a sample is from the centre of its cluster."""

import warnings

import numpy as np
from pydantic import Field
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from ..plugins import Section
from ..progress import LOGGER
from ..rng import derive_seed
from ._scale import within_one

CLASSES_OPTION = "clusters"

BLOCK = 4096  # rows whose cosines are taken at a time


class Options(Section):
    """`clusters`: how many prototypes."""

    clusters: int | None = Field(None, ge=1, description="clusters of k-means; by default as many as classes")


def score(options: Options, embeddings: np.ndarray, n_classes: int, seed: int) -> np.ndarray:
    """Return 1 - the cosine of each embedding and the centroid of its cluster: what lies far off is kept.

    Parameters
    ----------
    options : Options
    embeddings : (n, d) float array
        Finite.
    n_classes : int
        The number of clusters where the options name none; there are never more than samples.
    seed : int

    Returns
    -------
    (n,) float64
        In [0, 2].

    Notes
    -----
    Sorscher et al., "Beyond neural scaling laws", https://arxiv.org/abs/2206.14486, section 6: k-means in the space
    of a self-supervised network, and the cosine distance to the centroid. Their number of clusters, about that of the
    classes, is the default. Clusters are Euclidean, the distance is not, as in the paper.

    k-means finds a local optimum that depends on the seed and on the order of rows: another order of the samples gives
    the permuted scores only where it gives the same clusters, as with one cluster, or with clusters far apart.

    Cost: 2 n k d operations in each round of k-means, of at most 300 and more often 20 to 100, on one core: the bits of
    scikit-learn's sums depend on the number of threads. Memory: two float32 copies of the embeddings.
    """
    n_clusters = min(options.clusters or n_classes, len(embeddings))
    embeddings = within_one(embeddings)
    return cosine_distances(embeddings, *find_clusters(embeddings, n_clusters, seed))


def find_clusters(embeddings: np.ndarray, n_clusters: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each one's cluster, (n,) int32, and the centroids, (k, d) float32, of (n, d) float32 embeddings.

    Lloyd's algorithm from one k-means++ start, scikit-learn's default. Where there are fewer different embeddings than
    clusters, some have no members.
    """
    means = KMeans(n_clusters, init="k-means++", n_init=1, random_state=derive_seed(seed, "training_free/ssp") % 2**32)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of equal embeddings, of which each is its own centroid
        means.fit(embeddings)
    LOGGER.info("ssp: %d clusters after %d rounds of k-means", n_clusters, means.n_iter_)
    return means.labels_, means.cluster_centers_


def cosine_distances(embeddings: np.ndarray, clusters: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Return 1 - the cosine of each embedding and its own centroid.

    Parameters
    ----------
    embeddings : (n, d) float array
    clusters : (n,) int array
        In 0..k-1.
    centroids : (k, d) float array

    Returns
    -------
    (n,) float64
        In [0, 2]; 1 where the embedding or the centroid is zero and has no direction, as if they were orthogonal.
    """
    distances = np.empty(len(embeddings))
    for start in range(0, len(embeddings), BLOCK):
        block = slice(start, start + BLOCK)
        vectors, own = embeddings[block].astype(np.float64), centroids[clusters[block]].astype(np.float64)
        products = np.einsum("nd,nd->n", vectors, own)
        norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(own, axis=1)
        distances[block] = 1 - np.divide(products, norms, out=np.zeros(len(norms)), where=norms > 0)
    return distances.clip(0, 2)
