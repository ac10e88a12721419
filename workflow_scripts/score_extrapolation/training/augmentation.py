"""Random crop and flip of a whole batch in one gather, on any device."""

import numpy as np
import torch
from torch.nn.functional import pad


def draw_augmentation(rng: np.random.Generator, n: int, padding: int, flip: bool) -> tuple[np.ndarray, ...]:
    """Draw the crop offsets (0..2*padding) and the flips of `n` images.

    They are drawn on the host whatever the device, so that the device does not change what is drawn.

    Returns
    -------
    rows, columns : (n,) int64
    flipped : (n,) bool
    """
    rows, columns = rng.integers(0, 2 * padding + 1, (2, n))
    flipped = rng.random(n) < 0.5 if flip else np.zeros(n, bool)
    return rows, columns, flipped


def augment(images: torch.Tensor, rows, columns, flipped, padding: int) -> torch.Tensor:
    """Pad with black, crop back to the size at the drawn offsets, mirror left-right where drawn.

    Equals RandomCrop(size, padding) and RandomHorizontalFlip of the usual per-image recipe.

    Parameters
    ----------
    images : (b, h, w, c) uint8 tensor
    rows, columns : (b,) int64 arrays in 0..2*padding
    flipped : (b,) bool array
    padding : int
        Pixels on each side.

    Returns
    -------
    (b, h, w, c) uint8 tensor
        On the device of `images`. Cost: one read and one write of the batch and of one index a pixel.
    """
    b, h, w, c = images.shape
    device = images.device
    rows, columns, flipped = (torch.from_numpy(np.asarray(a)).to(device) for a in (rows, columns, flipped))
    padded = pad(images, (0, 0, padding, padding, padding, padding))
    across = torch.arange(w, device=device).expand(b, w)
    across = torch.where(flipped[:, None], w - 1 - across, across) + columns[:, None]  # (b, w)
    down = rows[:, None] + torch.arange(h, device=device)  # (b, h)
    down = down + torch.arange(b, device=device)[:, None] * (h + 2 * padding)
    pixels = down[:, :, None] * (w + 2 * padding) + across[:, None, :]  # (b, h, w), into the flattened padded batch
    return padded.view(-1, c).index_select(0, pixels.view(-1)).view(b, h, w, c)
