"""Networks of earlier epochs, kept for what they predict of samples that they have not seen."""

import shutil
from pathlib import Path

from ..io.atomic import replacing
from ..models import Classifier, save_model
from .recipe import snapshot_epochs


class Snapshots:
    """Keep the network after some epochs, until all are written at the end.

    Parameters
    ----------
    folder : path
        Where they are kept until `write`: outside the results, which may be removed when a training fails.
    n_epochs, n_snapshots : int
        As of `recipe.snapshot_epochs`.
    writes : bool
        Whether this process is the one that saves.
    """

    def __init__(self, folder, n_epochs: int, n_snapshots: int, writes: bool = True):
        self.folder = Path(folder)
        self.epochs = snapshot_epochs(n_epochs, n_snapshots)
        self.writes = writes

    def keep(self, epoch: int, network: Classifier) -> None:
        """Save the network if it is one of those to keep; an epoch that is done again saves the same again."""
        if self.writes and epoch in self.epochs:
            save_model(self._file(epoch), network)

    def write(self, folder) -> None:
        """Copy all that were kept to ``folder/epoch-N.safetensors``, where the folder may exist."""
        if not self.writes:
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        for epoch in self.epochs:
            with replacing(Path(folder) / self._file(epoch).name) as partial:
                shutil.copyfile(self._file(epoch), partial)

    def _file(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch}.safetensors"


def snapshot_files(folder) -> list[Path]:
    """Return the files that `Snapshots.write` wrote, in the order of training."""
    return sorted(Path(folder).glob("epoch-*.safetensors"), key=lambda path: int(path.stem.removeprefix("epoch-")))
