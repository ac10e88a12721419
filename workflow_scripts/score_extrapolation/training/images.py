"""The training images: resident on the device where they fit, otherwise read ahead from the memory-mapped store."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

READ_AHEAD = 4  # batches
CHUNK = 1 << 26  # bytes copied at a time


class ResidentImages:
    """All images on the device: a batch is an index, nothing is loaded while training.

    Parameters
    ----------
    images : (m, h, w, c) uint8 tensor
        On the device that computes.
    """

    def __init__(self, images: torch.Tensor):
        self.images = images
        self.device = images.device

    def __len__(self):
        return len(self.images)

    @classmethod
    def load(cls, store: np.ndarray, rows_in_store: np.ndarray, device: torch.device):
        """Copy rows of a memory-mapped store to the device, through no more of the host's memory than a chunk."""
        images = torch.empty((len(rows_in_store), *store.shape[1:]), dtype=torch.uint8, device=device)
        step = max(1, CHUNK // max(1, store[0].nbytes))
        for start in range(0, len(rows_in_store), step):
            images[start : start + step] = torch.from_numpy(store[rows_in_store[start : start + step]])
        return cls(images)

    @property
    def shape(self) -> tuple:
        """(m, h, w, c)."""
        return tuple(self.images.shape)

    def batches(self, batches: list[np.ndarray]) -> Iterator[torch.Tensor]:
        """Yield the images of each batch of rows, (b, h, w, c) uint8."""
        for rows in batches:
            if self.device.type == "cpu":
                yield torch.from_numpy(self.images.numpy()[rows])  # torch would split the small copy among threads
            else:
                yield self.images[torch.from_numpy(rows).to(self.device)]


class StreamedImages:
    """Images in a memory-mapped array, read by a thread a few batches before they are needed.

    Parameters
    ----------
    store : (n, h, w, c) uint8 array, memory-mapped
    rows_in_store : (m,) int64 array
        Where the training's images lie in it.
    device : torch.device
    """

    def __init__(self, store: np.ndarray, rows_in_store: np.ndarray, device: torch.device):
        self.store, self.rows_in_store = store, rows_in_store
        self.device = device

    def __len__(self):
        return len(self.rows_in_store)

    @property
    def shape(self) -> tuple:
        """(m, h, w, c)."""
        return (len(self), *self.store.shape[1:])

    def batches(self, batches: list[np.ndarray]) -> Iterator[torch.Tensor]:
        """Yield the images of each batch of rows, (b, h, w, c) uint8, on the device."""
        with ThreadPoolExecutor(1) as reader:
            waiting = deque(reader.submit(self._read, rows) for rows in batches[:READ_AHEAD])
            for rows in [*batches[READ_AHEAD:], *[None] * len(waiting)]:
                images = waiting.popleft().result()
                if rows is not None:
                    waiting.append(reader.submit(self._read, rows))
                yield images.to(self.device, non_blocking=True)

    def _read(self, rows: np.ndarray) -> torch.Tensor:
        """Read in the order of the file, return in the order asked for; pinned where a GPU copies it."""
        places = self.rows_in_store[rows]
        order = np.argsort(places)
        images = torch.empty(
            (len(rows), *self.store.shape[1:]), dtype=torch.uint8, pin_memory=self.device.type == "cuda"
        )
        images.numpy()[order] = self.store[places[order]]
        return images
