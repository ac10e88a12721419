"""One image: formats, modes, orientation, resizing, and what cannot be decoded."""

import io

import numpy as np
import pytest
from PIL import Image

from score_extrapolation.datasets.store.decoding import BadImage, decode_image


def random_images(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def smooth(height, width):
    """Return an image that survives resampling and JPEG: waves in each channel."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / width * 5) + np.cos(y / height * (3 + c)) for c in range(3)]
    return np.rint(127.5 + 60 * np.stack(waves, axis=-1)).astype(np.uint8)


def test_lossless_formats_and_arrays_come_back_as_they_are():
    pixels = random_images(1, 6, 9, 3)[0]
    for kind in ("PNG", "BMP", "TIFF", "PPM"):
        np.testing.assert_array_equal(decode_image(encode(pixels, kind), 3), pixels)
    np.testing.assert_array_equal(decode_image(encode(pixels, "WEBP", lossless=True), 3), pixels)
    assert decode_image(pixels, 3) is pixels
    assert decode_image(pixels[..., 0], 1).shape == (6, 9, 1)


def test_grey_is_repeated_and_colour_becomes_luma():
    pixels = random_images(1, 6, 9, 3)[0]
    luma = np.array([[round(0.299 * r + 0.587 * g + 0.114 * b) for r, g, b in row] for row in pixels.tolist()])
    for raw in (pixels, encode(pixels)):
        assert np.abs(decode_image(raw, 1)[..., 0].astype(int) - luma).max() <= 1
    for raw in (pixels[..., 0], pixels[..., :1], encode(pixels[..., 0])):
        np.testing.assert_array_equal(decode_image(raw, 3), np.repeat(pixels[..., :1], 3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled_to_the_nearest_of_8(kind):
    wide = np.array([[0, 128, 129, 257], [32768, 65535, 65407, 65406]], dtype=np.uint16)
    expected = [[round(v / 257) for v in row] for row in wide.tolist()]
    np.testing.assert_array_equal(decode_image(encode(wide, kind), 1)[..., 0], expected)
    assert decode_image(encode(wide, kind), 3).shape == (2, 4, 3)


def test_transparency_is_blended_over_black():
    pixels = random_images(1, 6, 9, 4)[0]
    expected = pixels[..., :3] * (pixels[..., 3:] / 255)
    for raw in (encode(pixels), pixels):
        assert np.abs(decode_image(raw, 3) - expected).max() <= 1
    palette = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    assert decode_image(encode(palette, transparency=0), 3).tolist() == [[[0, 0, 0], [40, 50, 60]]]
    assert decode_image(encode(palette), 3).tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert decode_image(encode(palette, "GIF"), 3).tolist() == [[[10, 20, 30], [40, 50, 60]]]


def test_cmyk_and_one_bit():
    ink = Image.fromarray(np.zeros((2, 2, 4), np.uint8), "CMYK")
    assert decode_image(encode(ink, "TIFF"), 3).min() == 255
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert decode_image(encode(bits), 1).tolist() == [[[0], [255]]]


def test_exif_orientation_turns_the_image_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by 90 degrees clockwise to view"
    pixels = random_images(1, 6, 9, 3)[0]
    upright = np.rot90(pixels, k=-1)
    np.testing.assert_array_equal(decode_image(encode(pixels, exif=exif), 3), upright)
    big = smooth(300, 600)
    turned = decode_image(encode(big, "JPEG", quality=95, exif=exif), 3, (60, 30))
    expected = np.asarray(Image.fromarray(np.rot90(big, k=-1)).resize((30, 60), Image.Resampling.BICUBIC))
    assert np.abs(turned.astype(int) - expected).max() <= 6


@pytest.mark.parametrize("size", [(10, 10), (20, 20), (60, 60), (9, 30)])
def test_crop_resizes_the_shorter_side_and_takes_the_centre(size):
    image = smooth(60, 120)
    scale = max(size[0] / 60, size[1] / 120)
    height, width = round(60 * scale), round(120 * scale)
    whole = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    expected = whole[top : top + size[0], left : left + size[1]].astype(int)
    for raw in (image, encode(image)):
        assert np.abs(decode_image(raw, 3, size, "crop") - expected).max() <= 1


def test_stretch_keeps_the_whole_image():
    image = smooth(60, 120)
    expected = np.asarray(Image.fromarray(image).resize((20, 15), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(decode_image(encode(image), 3, (15, 20), "stretch"), expected)


def test_a_large_jpeg_is_reduced_while_decoded_without_harm():
    image = smooth(800, 1000)
    whole = np.asarray(Image.fromarray(image).resize((40, 40), Image.Resampling.BICUBIC, box=(100, 0, 900, 800)))
    assert np.abs(decode_image(encode(image, "JPEG", quality=95), 3, (40, 40)).astype(int) - whole).max() <= 4


def test_what_is_no_image_says_why(tmp_path, monkeypatch):
    def reason(raw):
        with pytest.raises(BadImage) as bad:
            decode_image(raw, 3)
        return str(bad.value)

    assert reason(b"") == reason(b"text") == "no image of a known format"
    assert "truncated" in reason(encode(smooth(50, 50), "JPEG")[:-200])
    assert "No such file" in reason(tmp_path / "none.png")
    reason(encode(smooth(50, 50))[:-200])
    broken = bytearray(encode(smooth(50, 50)))
    broken[60] ^= 255
    reason(bytes(broken))
    assert reason(random_images(1, 4, 4, 5)[0]).startswith("an array of shape (4, 4, 5)")
    assert reason(encode(np.zeros((2, 2), np.float32), "TIFF")) == "its pixels are floating-point numbers"
    assert reason(encode(np.full((2, 2), 70000, np.int32), "TIFF")) == "its pixels have more than 16 bits"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert "decompression bomb" in reason(encode(smooth(50, 50)))


def test_a_lack_of_memory_is_no_fault_of_the_image(monkeypatch):
    def load(self):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "load", load)
    with pytest.raises(MemoryError):
        decode_image(encode(random_images(1, 6, 9, 3)[0], "BMP"), 3)
