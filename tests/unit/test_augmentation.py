"""Random crop and flip of a whole batch equal those of each image by itself."""

import numpy as np
import pytest
import torch

import oracles
from score_extrapolation.training.augmentation import augment, augment_tensor, draw_augmentation
from score_extrapolation.training.recipe import Augmentation


def random_images(n, height, width, channels):
    return np.random.default_rng(0).integers(0, 256, (n, height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(8, 8, 1), (5, 9, 3), (32, 32, 3), (1, 1, 1), (4, 2, 2)])
@pytest.mark.parametrize("padding, flip", [(0, True), (1, False), (1, True), (4, True)])
@pytest.mark.parametrize("size", [None, 1, "smaller side"])
@pytest.mark.parametrize("way", [augment, augment_tensor], ids=["on a CPU", "on a GPU"])
def test_a_batch_equals_its_images_one_by_one(shape, padding, flip, size, way):
    images = random_images(40, *shape)
    size = min(shape[:2]) if size == "smaller side" else size
    chosen = Augmentation(crop_padding=padding, crop_size=size, flip=flip)
    draws = draw_augmentation(np.random.default_rng(1), 40, shape[:2], chosen)
    crop = (size, size) if size else shape[:2]
    expected = np.stack([oracles.crop_and_flip(*one, padding, crop) for one in zip(images, *draws, strict=True)])
    batch = way(torch.from_numpy(images), *draws, chosen)
    assert batch.dtype == torch.uint8
    np.testing.assert_array_equal(batch.numpy(), expected)


def test_an_empty_batch_stays_empty():
    nothing = np.zeros(0, np.int64)
    for way in (augment, augment_tensor):
        images = torch.zeros((0, 6, 6, 3), dtype=torch.uint8)
        batch = way(images, nothing, nothing, nothing.astype(bool), Augmentation(crop_padding=1))
        assert batch.shape == (0, 6, 6, 3)


def test_the_middle_crop_without_flip_is_the_image():
    images, middle = random_images(3, 6, 6, 3), np.full(3, 2)
    batch = augment(torch.from_numpy(images), middle, middle, np.zeros(3, bool), Augmentation(crop_padding=2))
    np.testing.assert_array_equal(batch.numpy(), images)


def test_a_shift_moves_black_in():
    image = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8).view(1, 2, 2, 1)
    one = augment(
        image, np.array([0]), np.array([2]), np.array([False]), Augmentation(crop_padding=1)
    )  # down by one, left by one
    assert one.view(2, 2).tolist() == [[0, 0], [2, 0]]


def test_a_flip_mirrors_left_and_right_only():
    image = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8).view(1, 2, 2, 1)
    one = augment(image, np.array([0]), np.array([0]), np.array([True]), Augmentation())
    assert one.view(2, 2).tolist() == [[2, 1], [4, 3]]


def test_draws_are_uniform_over_all_offsets_and_half_are_flipped():
    rows, columns, flipped = draw_augmentation(
        np.random.default_rng(0), 9000, (5, 5), Augmentation(crop_padding=1, flip=True)
    )
    for offsets in (rows, columns):
        np.testing.assert_allclose(np.bincount(offsets), [3000] * 3, atol=200)
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.05
    assert flipped.mean() == pytest.approx(0.5, abs=0.03)


def test_nothing_is_drawn_where_nothing_is_asked_for():
    assert draw_augmentation(np.random.default_rng(0), 50, (5, 5), Augmentation(crop_size=5)) is None
    *_, flipped = draw_augmentation(np.random.default_rng(0), 50, (5, 5), Augmentation(crop_padding=1))
    assert not flipped.any()


def test_a_crop_may_begin_at_every_place_where_it_fits():
    chosen = Augmentation(crop_size=4, crop_padding=1)
    rows, columns, _ = draw_augmentation(np.random.default_rng(0), 2000, (5, 6), chosen)
    assert set(rows) == {0, 1, 2, 3}
    assert set(columns) == {0, 1, 2, 3, 4}


def test_the_images_given_are_left_as_they_are():
    images = random_images(5, 6, 6, 3)
    given = torch.from_numpy(images.copy())
    chosen = Augmentation(crop_padding=2, flip=True)
    augment(given, *draw_augmentation(np.random.default_rng(0), 5, (6, 6), chosen), chosen)
    np.testing.assert_array_equal(given.numpy(), images)
