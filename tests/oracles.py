"""The slow, obvious version of every fast thing, straight from the definitions: what the library is compared with."""

import functools
import itertools
import math
from fractions import Fraction

import numpy as np
from scipy import stats

from score_extrapolation.rng import derive_seed


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


def dual(probabilities, labels, window, epochs=None):
    """DUAL of (K, m, C) softmax outputs: of all windows within the first epochs, the mean of deviation x (1 - mean)."""
    n_epochs = len(probabilities) if epochs is None else epochs
    scores = []
    for i, label in enumerate(labels):
        products = []
        for k in range(n_epochs - window + 1):
            values = [float(probabilities[epoch][i][label]) for epoch in range(k, k + window)]
            mean = sum(values) / window
            deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (window - 1))
            products.append(deviation * (1 - mean))
        scores.append(sum(products) / len(products))
    return np.array(scores)


def tdds(probabilities, labels, trajectory, window, decay, first=False):
    """TDDS of (K, m, C) softmax outputs: windows 0..T-J of the last or first T epochs; it reads no label."""
    begin = 0 if first else len(probabilities) - trajectory
    scores = []
    for i in range(len(labels)):
        moved = []  # D_t of epochs t and t + 1 of the trajectory
        for t in range(trajectory - 1):
            before, after = probabilities[begin + t][i], probabilities[begin + t + 1][i]
            terms = [
                float(p) * (math.log(float(p) + 1e-8) - math.log(float(q) + 1e-8))
                for q, p in zip(before, after, strict=True)
            ]
            moved.append(sum(abs(term) for term in terms))
        score = 0.0
        for w in range(trajectory - window + 1):
            values = moved[w : w + window - 1]
            mean = sum(values) / (window - 1)
            length = math.sqrt(sum((value - mean) ** 2 for value in values))
            score += decay * (1 - decay) ** (trajectory - window - w) * length
        scores.append(score)
    return np.array(scores)


def el2n(probabilities, labels, epochs):
    """EL2N of (K, m, C) softmax outputs: the mean over the first epochs of ||p - onehot||_2."""
    scores = []
    for i, label in enumerate(labels):
        total = 0.0
        for epoch in range(epochs):
            errors = [float(p) - (c == label) for c, p in enumerate(probabilities[epoch][i])]
            total += math.sqrt(sum(error**2 for error in errors))
        scores.append(total / epochs)
    return np.array(scores)


def forgetting(probabilities, labels):
    """Epochs in which the label, largest of all in the epoch before, no longer is; all K where it never was."""
    scores = []
    for i, label in enumerate(labels):
        right = [all(p[i][label] > p[i][c] for c in range(len(p[i])) if c != label) for p in probabilities]
        forgotten = sum(before and not after for before, after in itertools.pairwise(right))
        scores.append(float(forgotten if any(right) else len(right)))
    return np.array(scores)


def aum(log_probabilities, labels):
    """Minus the mean over epochs of the label's log-probability (or logit) less the largest other one."""
    scores = []
    for i, label in enumerate(labels):
        margins = []
        for epoch in log_probabilities:
            others = [float(value) for c, value in enumerate(epoch[i]) if c != label]
            margins.append(float(epoch[i][label]) - max(others))
        scores.append(-sum(margins) / len(margins))
    return np.array(scores)


def entropy(probabilities):
    """Mean over epochs of -sum p log p, of (K, m, C) softmax outputs."""
    scores = []
    for i in range(len(probabilities[0])):
        of_epochs = [-sum(float(p) * math.log(p) for p in epoch[i] if p > 0) for epoch in probabilities]
        scores.append(sum(of_epochs) / len(of_epochs))
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


def neighbors_among_all(vectors, k):
    """Rows and distances of each one's k nearest others, one after the other."""
    rows, distances = [], []
    for itself in range(len(vectors)):
        others = np.delete(np.arange(len(vectors)), itself)
        nearest, apart = neighbors(vectors[others], vectors[[itself]], k)
        rows.append(others[nearest[0]])
        distances.append(apart[0])
    return np.array(rows), np.array(distances)


def label_neighbors(base, base_labels, queries, labels, k):
    """Rows and distances of the k nearest of the query's label, nearest first; where these end, of other labels."""
    rows, distances = [], []
    for query, label in zip(queries, labels, strict=True):
        by_distance, apart = neighbors(base, query[None], len(base))
        own_first = sorted(range(len(base)), key=lambda i: base_labels[by_distance[0][i]] != label)[:k]
        rows.append(by_distance[0][own_first])
        distances.append(apart[0][own_first])
    return np.array(rows), np.array(distances)


def recall(found, nearest):
    """Share of the nearest rows that were found, row by row."""
    shares = [len(set(a) & set(b)) / len(b) for a, b in zip(found, nearest, strict=True)]
    return sum(shares) / len(shares)


def knn(base, scores, queries, k, weighting, base_labels=None, labels=None):
    """Weighted mean and standard deviation of the k nearest samples' scores, weights softmax(-d) or equal."""
    if labels is None:
        rows, distances = neighbors(base, queries, k)
    else:
        rows, distances = label_neighbors(base, base_labels, queries, labels, k)
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


def window(scores, first, n_kept):
    """Rows of n_kept scores that follow the first highest ones, sorted; of equal scores the lower row comes first."""
    return sorted(sorted(range(len(scores)), key=lambda row: (-scores[row], row))[first : first + n_kept])


def best_window(scores, labels, embeddings, subset, n_kept, step, ridge):
    """The first place of the window whose ridge regression, fitted anew, is most often right outside the subset."""
    n, order = len(scores), sorted(range(len(scores)), key=lambda row: (-scores[row], row))
    best, most = None, -1
    for i in itertools.count():
        first = round(i * step * n)
        if i * step > 1 or first + n_kept > n:
            return best
        right = taught_by(order[first : first + n_kept], labels, embeddings, subset, ridge)
        if right > most:
            best, most = first, right


def nested_windows(scores, labels, embeddings, subset, n_pieces, ridge):
    """Of all chains of windows, each without one end of the next, that which teaches best: all are gone through."""
    n, order = len(scores), sorted(range(len(scores)), key=lambda row: (-scores[row], row))
    edges = sorted({round(i * n / n_pieces) for i in range(n_pieces + 1)})

    @functools.cache
    def right(a, b):
        return taught_by(order[edges[a] : edges[b]], labels, embeddings, subset, ridge)

    best, most = None, -1
    for without_higher in itertools.product((False, True), repeat=len(edges) - 2):
        a, b = 0, len(edges) - 1
        chain = [(a, b)]
        for higher in without_higher:
            a, b = (a + 1, b) if higher else (a, b - 1)
            chain.append((a, b))
        if (total := sum(right(*window) for window in chain)) > most:
            best, most = [(edges[a], edges[b]) for a, b in reversed(chain)], total
    return best


def entering(windows):
    """The ranks in the order in which they come into a window that grows through some, at one end or at the other."""
    first, last = windows[0]
    ranks = list(range(first, last))
    for wider, further in windows[1:]:
        ranks += [*range(last, further), *range(first - 1, wider - 1, -1)]
        first, last = wider, further
    return ranks


def taught_by(rows, labels, embeddings, subset, ridge):
    """How many samples outside the subset, or of all, ridge regression on some rows is right of."""
    judged = [row for row in range(len(labels)) if row not in subset] or list(range(len(labels)))
    x, y = np.asarray(embeddings, np.float64), one_hot(labels, max(labels) + 1)
    weights = np.linalg.inv(x[rows].T @ x[rows] + ridge * np.eye(x.shape[1])) @ (x[rows].T @ y[rows])
    return sum(np.argmax(x[row] @ weights) == labels[row] for row in judged)


def class_weights(scores, labels, shares):
    """By label: its number of samples, 1, or the sum of its scores rounded to float32."""
    weights = {}
    for label in set(labels):
        own = [float(score) for score, of in zip(scores, labels, strict=True) if of == label]
        weights[label] = {"proportional": len(own), "equal": 1, "by_difficulty": np.float32(sum(own)).item()}[shares]
    return weights


def class_balanced(scores, labels, rate, shares="proportional"):
    """Rows sorted by how many of their class are before them per weight, then the higher score, then the row."""
    weights = class_weights(scores, labels, shares)

    def before(row):
        own = [other for other in range(len(scores)) if labels[other] == labels[row]]
        ahead = sum((-scores[other], other) < (-scores[row], row) for other in own)
        return ahead / Fraction(weights[labels[row]])

    n_kept = len(scores) - round(rate * len(scores))
    return sorted(sorted(range(len(scores)), key=lambda row: (before(row), -scores[row], row))[:n_kept])


def beta_weights(scores, probabilities, removed, exponent):
    """DUAL's weights: the score times the density of a beta distribution, of probabilities off 0 and 1 by 1e-6."""
    p = [min(max(float(value), 1e-6), 1 - 1e-6) for value in probabilities]
    highest = sorted(range(len(p)), key=lambda row: (-scores[row], row))[:10]
    mu = sum(p[row] for row in highest) / len(highest)
    b = 15 * (1 - mu) * (1 - removed**exponent)
    density = stats.beta(16 - b, b).pdf if b else lambda value: value**15 / (1 - value)  # without a constant
    return np.array([max(float(score), 0) * density(value) for score, value in zip(scores, p, strict=True)])


def gumbel_draw(weights, noise, n_kept):
    """Rows with the highest log weight plus noise, those of no weight last by their noise, sorted."""

    def key(row):
        return (0, -math.log(weights[row]) - noise[row]) if weights[row] else (1, -noise[row])

    return sorted(sorted(range(len(weights)), key=key)[:n_kept])


def unsure(probabilities, labels, epochs=None):
    """Mean over the first epochs of 1 - p_y, of (K, m, C) softmax outputs."""
    first = probabilities[:epochs]
    return np.array([sum(1 - float(p[i][label]) for p in first) / len(first) for i, label in enumerate(labels)])


def d2(scores, neighbor_rows, distances, gamma, left, n_kept):
    """Rows in the order in which D2 takes them of those left: all sums are looked through for each."""
    k, sums = len(neighbor_rows[0]), {}
    for i in left:
        heard = [
            np.exp(-distances[i][m]) * scores[neighbor_rows[i][m]] for m in range(k) if neighbor_rows[i][m] in left
        ]
        sums[i] = scores[i] + sum(heard)
    taken = []
    while len(taken) < n_kept:
        first = min(set(left) - set(taken), key=lambda row: (-sums[row], row))
        taken.append(first)
        for m, other in enumerate(neighbor_rows[first]):
            if other in left and other not in taken:
                sums[other] -= np.exp(-gamma * distances[first][m]) * sums[first]
    return taken


def ccs_left(scores, n_dropped, doubts=None):
    """Rows that CCS does not drop: all but the highest doubts, of equal ones the lower rows stay."""
    doubts = scores if doubts is None else doubts
    return sorted(sorted(range(len(scores)), key=lambda row: (doubts[row], row))[: len(scores) - n_dropped])


def ccs_bin(score, scores, n_bins):
    """The one of n_bins equal parts of the scores' range in which a score lies; an edge belongs to the higher one."""
    least, greatest = Fraction(float(min(scores))), Fraction(float(max(scores)))
    for i in range(n_bins):
        if Fraction(float(score)) < least + (greatest - least) * (i + 1) / n_bins:
            return i
    return n_bins - 1 if greatest > least else 0


def ccs_counts(sizes, n_kept):
    """How many CCS keeps of each bin: from the smallest on, places left over bins left, rounded down, or all."""
    counts, places = [0] * len(sizes), n_kept
    ascending = sorted(range(len(sizes)), key=lambda i: (sizes[i], i))
    for done, i in enumerate(ascending):
        counts[i] = min(sizes[i], places // (len(sizes) - done))
        places -= counts[i]
    return counts


def stratified_counts(sizes, m):
    """How many of each class lie among m: the least shares before them, one after the other; None where classes tie."""
    shares = sorted((Fraction(before, size), i) for i, size in enumerate(sizes) for before in range(size))
    tied = {i for share, i in shares if share == shares[m - 1][0]} if m < len(shares) else set()
    if m < len(shares) and shares[m][0] != shares[m - 1][0]:
        tied = set()
    chosen = [i for _, i in shares[:m]]
    return [None if i in tied else chosen.count(i) for i in range(len(sizes))]


def parts(n, per_epoch, n_epochs, seed, stage):
    """The rows of each epoch of RS2: one permutation after the other, cut into parts, what is left over thrown away."""
    epochs, number = [], 0
    while len(epochs) < n_epochs:
        waiting = np.random.default_rng(derive_seed(seed, f"{stage}/parts/{number}")).permutation(n).tolist()
        while len(waiting) >= per_epoch and len(epochs) < n_epochs:
            epochs.append(set(waiting[:per_epoch]))
            waiting = waiting[per_epoch:]
        number += 1
    return epochs


def crop_and_flip(image, row, column, flipped, padding, size):
    """Pad one (h, w, c) image with black, cut a part of a size out of it at an offset, mirror it left-right."""
    padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
    crop = padded[row : row + size[0], column : column + size[1]]
    return crop[:, ::-1] if flipped else crop


def adjacency(neighbor_rows, distances):
    """D^-1/2 (A + I) D^-1/2 as a dense matrix: i~j where either is among the other's neighbours, weight exp(-d)."""
    n = len(neighbor_rows)
    matrix = np.eye(n)
    for i in range(n):
        for j, distance in zip(neighbor_rows[i], distances[i], strict=True):
            matrix[i, j] = matrix[j, i] = math.exp(-float(distance))
    degrees = [sum(row) for row in matrix]
    return np.array([[matrix[i, j] / math.sqrt(degrees[i] * degrees[j]) for j in range(n)] for i in range(n)])


def one_hot(labels, n_classes):
    """One row per label, 1 in its column and 0 elsewhere."""
    return np.array([[float(c == label) for c in range(n_classes)] for label in labels])


def gcn(matrix, features, weights, biases):
    """Layers of matrix @ (h @ W) + b with ReLU between them, without dropout; of arrays or of torch's tensors."""
    hidden = features
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True), 1):
        hidden = matrix @ (hidden @ weight) + bias
        if layer < len(weights):
            hidden = hidden * (hidden > 0)
    return hidden[:, 0]


def histories(dynamics, sample_ids):
    """(K, m): what each epoch has noted of each sample, looked up row by row of a table of dynamics, in any order."""
    columns = (dynamics[name].tolist() for name in ("epoch", "sample_id", "probability"))
    noted = {(epoch, sample_id): value for epoch, sample_id, value in zip(*columns, strict=True)}
    n_epochs = 1 + max(epoch for epoch, _ in noted)
    return np.array([[noted[epoch, sample_id] for sample_id in sample_ids.tolist()] for epoch in range(n_epochs)])


def held_out_features(predictions, neighbors, known, sample_ids, k, labels):
    """A row for each sample: probabilities of the label, entropies, mean score of its k nearest, all looked up by id.

    `known` has the score of each sample that can be a neighbour.
    """
    features = []
    for sample_id in sample_ids:
        row = predictions["sample_id"].tolist().index(sample_id)
        nearest = neighbors["sample_id"].tolist().index(sample_id)
        distances = neighbors["neighbor_distances"][nearest].astype(np.float64)[:k]
        scores = [float(known[neighbor]) for neighbor in neighbors["neighbor_ids"][nearest].tolist()[:k]]
        mean = (softmax(-distances) * scores).sum()
        said = predictions["probability"][row].tolist() if labels else []
        features.append([*said, *predictions["entropy"][row].tolist(), mean])
    return np.array(features)


def cross_validated(embeddings, scores, fold_of, k, weighting, labels=None):
    """Each sample's score by KNN among the samples of other folds, one after the other."""
    estimates = []
    for i in range(len(scores)):
        rest = [j for j in range(len(scores)) if fold_of[j] != fold_of[i]]
        of_labels = (None, None) if labels is None else (labels[rest], labels[[i]])
        estimates.append(knn(embeddings[rest], scores[rest], embeddings[[i]], k, weighting, *of_labels)[0][0])
    return np.array(estimates)


def random_number(sample_id, draw, seed, stage):
    """The number at the place of its id in the stream of the draw."""
    return np.random.default_rng(derive_seed(seed, f"{stage}/draws/{draw}")).random(sample_id + 1)[sample_id]


def draw(trees, features, targets, wanted, seed, stage, n_draws):
    """For each row of `wanted` and draw one tree and a place, then what was learned from at that place of its leaf."""
    drawn = []
    for row, values in enumerate(wanted.astype(np.float32)):
        for number in [random_number(row, d, seed, stage) * len(trees.estimators_) for d in range(n_draws)]:
            tree = trees.estimators_[int(number)]
            leaf = tree.apply(values[None])[0]
            there = [i for i in range(len(features)) if tree.apply(features[i : i + 1].astype(np.float32))[0] == leaf]
            drawn.append(np.float32(targets[there[int((number - int(number)) * len(there))]]))
    return np.array(drawn).reshape(-1, n_draws)


def knn_draws(subset, scores, others, k, weighting, ids, seed, n_draws):
    """Of each other sample the neighbour at which the sum of the weights passes a random number."""
    drawn = []
    for vector, sample_id in zip(others, ids, strict=True):
        distances = [math.dist(vector, one) for one in subset]
        near = sorted(range(len(subset)), key=distances.__getitem__)[:k]
        weights = [math.exp(distances[near[0]] - distances[i]) if weighting == "distance" else 1.0 for i in near]
        for d in range(n_draws):
            left = random_number(sample_id, d, seed, "extrapolation/knn") * sum(weights)
            place = 0
            while left >= weights[place]:
                left -= weights[place]
                place += 1
            drawn.append(np.float32(scores[near[place]]))
    return np.array(drawn).reshape(-1, n_draws)


def chance_order(draws, labels):
    """The rows by class, mean draw and row."""
    labels = [0] * len(draws) if labels is None else labels
    means = [sum(float(value) for value in row) for row in draws]
    return sorted(range(len(draws)), key=lambda i: (labels[i], means[i], i))


def chances(draws, floor, k, entering=None):
    """The probability of each sample to be kept among k: the definition, column by column.

    Ranks count in the order in which they are `entering` a window, or from the highest on.
    """
    n, n_draws = np.shape(draws)
    found = [0] * n
    for column in np.transpose(draws).tolist():
        order = sorted(range(n), key=lambda i: (-column[i], i))
        for rank in (range(n) if entering is None else entering)[:k]:
            found[order[rank]] += 1
    return [(1 - floor) * among / n_draws + floor * k / n for among in found]


def chance(draws, labels, floor, seed, n_kept, entering=None):
    """Keep by going through all k for the first at which each sample's probability reaches its number."""
    n = len(draws)
    rng = np.random.default_rng(derive_seed(seed, "selection/chance"))
    places = rng.permuted([list(range(16)) for _ in range(0, n, 16)], axis=1)
    within = rng.random(n)
    numbers = {i: (places[j // 16][j % 16] + within[j]) / 16 for j, i in enumerate(chance_order(draws, labels))}
    keys = {}
    for k in range(1, n + 1):
        for i, probability in enumerate(chances(draws, floor, k, entering)):
            if probability >= numbers[i]:
                keys.setdefault(i, k)
    return sorted(sorted(range(n), key=lambda i: (keys.get(i, n), numbers[i], i))[:n_kept])


def ssp(embeddings, clusters, centroids):
    """1 - the cosine of each embedding and its cluster's centroid, of zero vectors 1."""
    scores = []
    for vector, cluster in zip(embeddings.tolist(), clusters, strict=True):
        centroid = centroids[cluster].tolist()
        product = math.fsum(x * y for x, y in zip(vector, centroid, strict=True))
        norms = math.sqrt(math.fsum(x * x for x in vector)) * math.sqrt(math.fsum(y * y for y in centroid))
        scores.append(1 - product / norms if norms else 1.0)
    return np.array(scores)


def zcoreset(embeddings, dimensions, points, penalized):
    """What each sample wins and loses by some draws, of (n, d) float32: one after the other, all distances sorted."""
    scores = np.zeros(len(embeddings))
    for pair, point in zip(dimensions, points, strict=True):
        plane = embeddings[:, pair]
        covering = int(np.argmin(np.abs(plane - point).sum(axis=1)))
        scores[covering] += 1
        distances = np.abs(plane - plane[covering]).sum(axis=1)
        others = np.argsort(distances, kind="stable")
        others = others[others != covering]
        if len(others) == 0:
            continue
        if distances[others[0]] == 0:
            scores[others[0]] -= 1
            continue
        losing = others[:penalized]
        shares = distances[losing].astype(np.float64) ** -4
        scores[losing] -= shares / shares.sum()
    return scores


def neighborhoods(labels, neighbor_rows, distances):
    """Of each sample: count, mean and least distance of its neighbours with its label, then of the others."""
    table = []
    for label, rows, apart in zip(labels, neighbor_rows, distances, strict=True):
        line = []
        for wanted in (True, False):
            of_label = [float(d) for row, d in zip(rows, apart, strict=True) if (labels[row] == label) == wanted]
            n = len(of_label)
            line.append((n, sum(of_label) / n if n else math.nan, min(of_label, default=math.nan)))
        (n_same, mean_same, min_same), (n_other, mean_other, min_other) = line
        table.append((n_same, n_other, mean_same, mean_other, min_same, min_other))
    return np.array(table)


def front(time, accuracy):
    """The points that no other dominates: of no more time and no less accuracy, and not equal in both."""

    def dominates(i, j):
        no_worse = time[i] <= time[j] and accuracy[i] >= accuracy[j]
        return no_worse and (time[i], accuracy[i]) != (time[j], accuracy[j])

    known = [not (math.isnan(time[i]) or math.isnan(accuracy[i])) for i in range(len(time))]
    return [known[j] and not any(dominates(i, j) for i in range(len(time)) if known[i]) for j in range(len(time))]


def mean_and_error(values):
    """The mean and its standard error, ddof 1; no error of one value."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return mean, math.nan
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def rank_differences(scores, truth):
    """Places by score less places by truth, in percent of the places, tied values sharing the mean of theirs."""

    def percent(values, i):
        below = sum(value < values[i] for value in values)
        return 100 * (below + (sum(value == values[i] for value in values) - 1) / 2) / (len(values) - 1)

    return [percent(scores, i) - percent(truth, i) for i in range(len(scores))]


def turtle(spaces, parameters, batches, inner_steps, inner_learning_rate, entropy_weight, learning_rate):
    """TURTLE by autograd: (m, C) tau of all samples and the loss, after and before each outer step on a batch of rows.

    `spaces` are (m, d) tensors, `parameters` the direction (C, d), length (C,) and bias (C, 1) of each.
    """
    import torch
    from torch.nn.functional import cross_entropy, softmax

    leaves = [[tensor.detach().clone().requires_grad_() for tensor in space] for space in parameters]
    optimizer = torch.optim.Adam([tensor for space in leaves for tensor in space], lr=learning_rate)

    def tau(rows):
        votes = []
        for phi, (direction, length, bias) in zip(spaces, leaves, strict=True):
            weight = direction / direction.norm(dim=1, keepdim=True) * length[:, None]
            votes.append(softmax(phi[rows] @ weight.T + bias.T, dim=1))
        return sum(votes) / len(votes)

    history, losses = [], []
    for rows in batches:
        soft, loss = tau(rows), 0
        for phi in spaces:
            head = torch.nn.Linear(phi.shape[1], soft.shape[1]).to(phi.dtype)
            for tensor in head.parameters():
                torch.nn.init.zeros_(tensor)
            inner = torch.optim.Adam(head.parameters(), lr=inner_learning_rate)
            for _ in range(inner_steps):
                inner.zero_grad()
                cross_entropy(head(phi[rows]), soft.detach()).backward()
                inner.step()
            loss = loss + cross_entropy(head(phi[rows]).detach(), soft)
        mean = soft.mean(dim=0)
        loss = loss + entropy_weight * (mean * mean.log()).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(tau(slice(None)).detach())
        losses.append(float(loss.detach()))
    return history, losses


def work(records, path, images_without_pruning):
    """Images trained on and a third of those predicted, of every job that a file took, in trainings without pruning."""
    needed, total = {path}, Fraction(0)
    while more := {read for job in records if needed & {*job.writes} for read in job.reads} - needed:
        needed |= more
    for job in records:
        if needed & {*job.writes}:
            total += Fraction(job.images_trained) + Fraction(job.images_predicted) / 3
    return float(total / images_without_pruning)
