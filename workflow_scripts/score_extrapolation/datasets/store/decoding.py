"""Encoded images -> uint8 arrays (H, W, C), and the form that all images of a data set get."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ...faults import InputFault
from .. import Split

# Named, so that damaged bytes are not offered to PIL's forty other plugins; one of those starts Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM")


class BadImage(Exception):
    """An image that cannot be decoded; the message says why."""


def decode_image(
    raw: bytes | Path | np.ndarray, channels: int, size: tuple[int, int] | None = None, fit: str = "crop"
) -> np.ndarray:
    """Return an image as 8-bit grey or RGB, upright and, where a size is given, of that size.

    Parameters
    ----------
    raw : bytes, Path or uint8 array (H, W) or (H, W, C)
        Encoded images are turned as their EXIF orientation says; 16-bit grey is scaled to 8 (65535 -> 255);
        transparent pixels are blended over black; of an animation the first frame is taken.
    channels : {1, 3}
        1: grey (ITU-R 601 luma). 3: RGB; grey is repeated.
    size : (height, width), optional
        None keeps the image's own.
    fit : {"crop", "stretch"}
        How an image gets another size, by bicubic resampling with antialiasing. Crop: the largest centred
        rectangle of the wanted proportions is resized, the same as resizing the shorter side and cropping the
        centre. Stretch: the whole image, whatever its proportions.

    Returns
    -------
    (height, width, channels) uint8

    Raises
    ------
    BadImage
        The image is damaged, cut short, too large to be honest, or of no kind that is understood.

    Notes
    -----
    About 80 us for a 32x32 JPEG, most of it PIL's own fixed cost; the GIL is free while pixels are decoded. A
    large JPEG is reduced while it is decoded (to no less than twice the wanted size).
    """
    if isinstance(raw, np.ndarray):
        pixels = raw if raw.ndim == 3 else raw[..., None]
        if pixels.shape[2] == channels and size in (None, pixels.shape[:2]):
            return pixels
        image = _image_of_array(raw)
    else:
        image = _open(raw, size)
    image = _to_mode(image, "L" if channels == 1 else "RGB")
    if size is not None and image.size != size[::-1]:
        if fit == "crop":
            image = ImageOps.fit(image, size[::-1], Image.Resampling.BICUBIC)
        else:
            image = image.resize(size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(image).reshape(image.height, image.width, channels)


def _image_of_array(array: np.ndarray) -> Image.Image:
    try:
        return Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array)
    except TypeError as error:
        raise BadImage(f"an array of shape {array.shape} and type {array.dtype} is no image") from error


def _open(raw: bytes | Path, size: tuple[int, int] | None) -> Image.Image:
    try:
        with Image.open(io.BytesIO(raw) if isinstance(raw, bytes) else raw, formats=FORMATS) as image:
            if size is not None:  # JPEG only; square, because the EXIF orientation may swap the sides
                image.draft(None, (2 * max(size), 2 * max(size)))
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return image
    except Image.UnidentifiedImageError as error:
        raise BadImage("no image of a known format") from error
    except MemoryError:  # of this machine, not of the image
        raise
    except Exception as error:  # parsers raise all sorts on damaged bytes: OSError, SyntaxError, struct.error ...
        raise BadImage(str(error) or type(error).__name__) from error


def _to_mode(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == mode and not image.has_transparency_data:
        return image
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        if wide.min() < 0 or wide.max() > 0xFFFF:
            raise BadImage("its pixels have more than 16 bits")
        image = Image.fromarray(((wide + 128) // 257).astype(np.uint8))  # 65535 = 255 * 257: rounds to nearest
    elif image.mode == "F":
        raise BadImage("its pixels are floating-point numbers")
    elif image.has_transparency_data:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image.convert("RGBA"))
    return image.convert(mode)


@dataclass(frozen=True)
class Form:
    """What every image becomes, (height, width, channels), and how it gets there (see `decode_image`)."""

    shape: tuple[int, int, int]
    size: tuple[int, int] | None
    fit: str


def find_form(split: Split, image_size: int | list[int] | None, fit: str, channels: int | None) -> Form:
    """Find the shape of all images by decoding the first one that can be decoded.

    Parameters
    ----------
    split : Split
        The training split.
    image_size : int or [height, width], optional
        None: the size of that image.
    fit : {"crop", "stretch"}
    channels : {1, 3}, optional
        None: 1 if that image is an array of one channel, otherwise 3.

    Raises
    ------
    InputFault
        No image can be decoded.
    """
    sides = [image_size, image_size] if isinstance(image_size, int) else image_size
    size = (sides[0], sides[1]) if sides else None
    for row, source in enumerate(split.sources):
        (raw,) = split.read(row, row + 1)
        grey = isinstance(raw, np.ndarray) and (raw.ndim == 2 or raw.shape[2] == 1)
        try:
            return Form(decode_image(raw, channels or (1 if grey else 3), size, fit).shape, size, fit)
        except BadImage as error:
            last = f"{source} ({error})"
    raise InputFault(
        f"samples.train: none of the {len(split.sources)} images can be decoded, the last being {last}; give images "
        f"as {', '.join(FORMATS)} or uint8 arrays"
    )
