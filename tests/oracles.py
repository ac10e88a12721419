"""The slow, obvious version of every fast thing, straight from the definitions: what the library is compared with."""

import math

import numpy as np


def du(probabilities, labels, window):
    """DU of (K, m, C) softmax outputs: K - J windows, standard deviations with ddof 1, their mean."""
    n_epochs, n_samples = len(probabilities), len(labels)
    scores = []
    for i in range(n_samples):
        p_y = [float(probabilities[epoch][i][labels[i]]) for epoch in range(n_epochs)]
        deviations = []
        for k in range(n_epochs - window):
            values = p_y[k : k + window]
            mean = sum(values) / window
            deviations.append(math.sqrt(sum((value - mean) ** 2 for value in values) / (window - 1)))
        scores.append(sum(deviations) / len(deviations))
    return np.array(scores)


def softmax(logits):
    """Softmax over the last axis, float64."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def neighbors(base, queries, k):
    """Rows and distances of the k nearest by the full matrix of float64 differences; ties: the lower row first."""
    rows, distances = [], []
    for query in queries.astype(np.float64):
        d = np.sqrt(((base.astype(np.float64) - query) ** 2).sum(axis=1))
        nearest = sorted(range(len(base)), key=lambda row: (d[row], row))[:k]
        rows.append(nearest)
        distances.append(d[nearest])
    return np.array(rows), np.array(distances)


def knn(base, scores, queries, k, weighting):
    """Weighted mean and standard deviation of the k nearest samples' scores, weights softmax(-d) or equal."""
    rows, distances = neighbors(base, queries, k)
    means, spreads = [], []
    for nearest, d in zip(rows, distances, strict=True):
        weights = softmax(-d) if weighting == "distance" else np.full(k, 1 / k)
        values = np.asarray(scores, np.float64)[nearest]
        mean = (weights * values).sum()
        means.append(mean)
        spreads.append(math.sqrt((weights * (values - mean) ** 2).sum()))
    return np.array(means), np.array(spreads)


def top(scores, rate):
    """Rows of the highest scores, sorted; n - round(rate n) are kept, ties keep the lower row."""
    n_kept = len(scores) - round(rate * len(scores))
    return sorted(sorted(range(len(scores)), key=lambda row: (-scores[row], row))[:n_kept])


def crop_and_flip(image, row, column, flipped, padding):
    """Pad one (h, w, c) image with black, cut it out again at an offset, mirror it left-right."""
    height, width, _ = image.shape
    padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
    crop = padded[row : row + height, column : column + width]
    return crop[:, ::-1] if flipped else crop
