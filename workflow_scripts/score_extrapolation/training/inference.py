"""What is asked of a trained network of stored images: embeddings, predictions, its accuracy."""

import numpy as np
import torch

from ..class_matching import clustering_accuracy
from ..io.tables import read_table, rows_of
from ..models import Classifier, load_model
from ..shards import BATCH
from .devices import resolve_device
from .images import StreamedImages
from .prediction import accuracy, classify, predict
from .snapshots import snapshot_files


def embed_store(network: Classifier, images_path, sample_ids: np.ndarray, precision: str, device: str) -> np.ndarray:
    """Embed images of a store, (n,) rows of it: eval mode, no augmentation, penultimate layer, not normalised.

    Returns
    -------
    (n, width) float32
    """
    images = _stored_images(network, images_path, device, sample_ids)
    embeddings = np.empty((len(images), network.width), np.float32)
    for rows, outputs in predict(network, images, precision, "embeddings"):
        embeddings[rows] = outputs.cpu().numpy()
    return embeddings


def predict_unseen(
    images_path,
    samples: dict,
    subset_ids: np.ndarray,
    embeddings: dict,
    model_path,
    snapshots_path,
    precision: str,
    device: str,
) -> dict[str, np.ndarray]:
    """Predict the samples that a training has not seen, with its networks: eval mode, no augmentation.

    The last network costs no pass over the images: its embeddings are there, and its head is all that is missing. A
    network sees together what is unseen of each `BATCH` of the samples, so that shards of whole batches are predicted
    to the bit as all samples are.

    Parameters
    ----------
    images_path : path
        The store; row i is sample_id i.
    samples : dict
        Columns sample_id (n,), increasing, and label.
    subset_ids : (m,) int64
        Those that were trained on.
    embeddings : dict
        Columns sample_id and embedding of the last network, of all samples.
    model_path, snapshots_path : path
        What the training wrote: its last network, and the folder of the earlier ones.
    precision : str
        As in a recipe.
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    dict
        sample_id (q,), increasing; probability, of the label, and entropy, of the softmax in nats, both (q, p) float32:
        a column for each network in the order of training, the last one's last.
    """
    unseen = ~np.isin(samples["sample_id"], subset_ids)
    sample_ids, labels = samples["sample_id"][unseen], torch.from_numpy(samples["label"][unseen])
    limits = np.flatnonzero(unseen).searchsorted(range(BATCH, len(unseen), BATCH))
    batches = [rows for rows in np.split(np.arange(len(sample_ids)), limits) if len(rows)]
    files = snapshot_files(snapshots_path)
    probability, entropy = np.empty((2, len(sample_ids), len(files) + 1), np.float32)

    def note(rows: np.ndarray, column: int, logits: torch.Tensor) -> None:
        logarithms = torch.log_softmax(logits.float(), 1).cpu()
        probability[rows, column] = logarithms.gather(1, labels[rows, None])[:, 0].exp()
        entropy[rows, column] = -(logarithms.exp() * logarithms).sum(1)

    for column, path in enumerate(files):
        network = load_model(path)
        images = _stored_images(network, images_path, device, sample_ids)
        for rows, logits in predict(network, images, precision, batches=batches):
            note(rows, column, logits)
    head, rows_in_table = load_model(model_path).head, rows_of(embeddings["sample_id"], sample_ids)
    with torch.no_grad():
        for rows in batches:
            embedded = torch.from_numpy(embeddings["embedding"][rows_in_table[rows]].astype(np.float32))
            note(rows, len(files), head(embedded))
    return {"sample_id": sample_ids, "probability": probability, "entropy": entropy}


def measure_accuracy(
    network: Classifier,
    images_path,
    samples_path,
    precision: str,
    device: str,
    matched: bool = False,
    rows: np.ndarray | None = None,
) -> float:
    """Return the share, in 0..1, of a stored split, or of some rows of it, that the network classifies as labelled.

    Where it has learned classes without their names (`matched`), as they are labelled after each class is given the
    label that makes the share largest, no label twice: the clustering accuracy.
    """
    labels = read_table(samples_path, ["label"])["label"]
    rows = np.arange(len(labels)) if rows is None else rows
    labels, images = labels[rows], _stored_images(network, images_path, device, rows)
    if matched:
        return clustering_accuracy(classify(network, images, precision), labels)
    return accuracy(network, images, labels, precision)


def _stored_images(network: Classifier, images_path, device: str, sample_ids: np.ndarray) -> StreamedImages:
    """Return images of a store, and move the network to where it will see them."""
    chosen = resolve_device(device)
    network.to(chosen)
    return StreamedImages(np.load(images_path, mmap_mode="r"), sample_ids, chosen)
