"""What jobs cost in images: a measure that a small run shares with a large one, whose seconds are not mostly imports.

The unit of work is one full training: that without pruning, for the epochs of the retraining's recipe. Work is the
images that are trained on, each as often as it is in a batch, and a third of those that are only predicted or embedded,
both as the jobs noted them, divided by the images that the full training is given.

Images are all that is counted. One counts the same in every network, also where that of the scores, or a frozen one
for embeddings, is larger or smaller than the one that is retrained, and the same whether it is attacked or not. To
select, to search neighbours and to extrapolate sees no image: that is told in seconds alone. So are the predictions
that measure a retrained network, or choose its best epoch; those that judge a trial count, since a method is chosen by
them.
"""

from pathlib import Path

from score_extrapolation.io.atomic import read_json
from score_extrapolation.io.tables import read_metadata
from score_extrapolation.passes import PASSES_OF_A_STEP


def read_images(path) -> float:
    """Return the images that a job noted, as images trained on; NaN where no images tell its cost.

    Parameters
    ----------
    path : path
        JSON with images_seen (None: it cannot be told in images) and, where there are some, images_predicted; or a
        table whose metadata have images_predicted.
    """
    if Path(path).suffix == ".parquet":
        return read_metadata(path)["images_predicted"] / PASSES_OF_A_STEP
    noted = read_json(path)
    seen = float("nan") if noted["images_seen"] is None else noted["images_seen"]
    return seen + noted.get("images_predicted", 0) / PASSES_OF_A_STEP
