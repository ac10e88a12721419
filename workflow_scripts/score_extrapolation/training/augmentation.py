"""Random crop and flip of a whole batch in a few operations, on any device."""

import numpy as np
import torch
from torch.nn.functional import pad

from .recipe import Augmentation


def draw_augmentation(
    rng: np.random.Generator, n: int, shape: tuple[int, int], augmentation: Augmentation
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Draw the crop offsets and the flips of `n` images.

    They are drawn on the host whatever the device, so that the device does not change what is drawn.

    Parameters
    ----------
    rng : Generator
    n : int
    shape : (int, int)
        Height and width of the stored images.
    augmentation : Augmentation

    Returns
    -------
    rows, columns : (n,) int64
        Where the crop begins in the padded image.
    flipped : (n,) bool
        Or None instead of all three where the recipe does nothing to its images.
    """
    height, width = crop_shape(shape, augmentation)
    slack = [side + 2 * augmentation.crop_padding - crop for side, crop in zip(shape, (height, width), strict=True)]
    if not any(slack) and not augmentation.flip:
        return None
    rows, columns = (rng.integers(0, most + 1, n) for most in slack)
    flipped = rng.random(n) < 0.5 if augmentation.flip else np.zeros(n, bool)
    return rows, columns, flipped


def crop_shape(shape: tuple[int, int], augmentation: Augmentation) -> tuple[int, int]:
    """Return height and width of what the network is given."""
    side = augmentation.crop_size
    return (side, side) if side else (shape[0], shape[1])


def augment(images: torch.Tensor, rows, columns, flipped, augmentation: Augmentation) -> torch.Tensor:
    """Pad with black, cut out at the drawn offsets, mirror left-right where drawn.

    Equals RandomCrop(size, padding) and RandomHorizontalFlip of the usual per-image recipe.

    Parameters
    ----------
    images : (b, h, w, c) uint8 tensor
    rows, columns : (b,) int64 arrays
    flipped : (b,) bool array
        As `draw_augmentation` drew them.
    augmentation : Augmentation

    Returns
    -------
    (b, crop height, crop width, c) uint8 tensor
        On the device of `images`. Cost: two reads and writes of the batch; on a GPU one, and an index a pixel.
    """
    if images.device.type == "cpu":
        return torch.from_numpy(augment_array(images.numpy(), rows, columns, flipped, augmentation))
    return augment_tensor(images, rows, columns, flipped, augmentation)


def augment_tensor(images: torch.Tensor, rows, columns, flipped, augmentation: Augmentation) -> torch.Tensor:
    """Do it in one gather."""
    b, h, w, c = images.shape
    height, width = crop_shape((h, w), augmentation)
    device, padding = images.device, augmentation.crop_padding
    rows, columns, flipped = (torch.from_numpy(a).to(device) for a in (rows, columns, flipped))
    padded = pad(images, (0, 0, padding, padding, padding, padding))
    across = torch.arange(width, device=device).expand(b, width)
    across = torch.where(flipped[:, None], width - 1 - across, across) + columns[:, None]  # (b, width)
    down = rows[:, None] + torch.arange(height, device=device)  # (b, height)
    down = down + torch.arange(b, device=device)[:, None] * (h + 2 * padding)
    pixels = down[:, :, None] * (w + 2 * padding) + across[:, None, :]  # into the flattened padded batch
    return padded.view(-1, c).index_select(0, pixels.view(-1)).view(b, height, width, c)


def augment_array(images: np.ndarray, rows, columns, flipped, augmentation: Augmentation) -> np.ndarray:
    """Do it by copies of whole rows of pixels, in numpy: torch would split each small copy among threads."""
    b, h, w, c = images.shape
    height, width = crop_shape((h, w), augmentation)
    padding = augmentation.crop_padding
    padded = np.zeros((b, h + 2 * padding, w + 2 * padding, c), np.uint8)
    padded[:, padding : padding + h, padding : padding + w] = images
    # Every stretch of `width` pixels of every row, as a view; one is copied for each row of each crop.
    lines = padded.reshape(b, h + 2 * padding, (w + 2 * padding) * c)
    stretches = np.lib.stride_tricks.sliding_window_view(lines, width * c, axis=2)
    cut = stretches[np.arange(b)[:, None], rows[:, None] + np.arange(height), columns[:, None] * c]
    cut = cut.reshape(b, height, width, c)
    cut[flipped] = cut[flipped, :, ::-1]
    return cut
