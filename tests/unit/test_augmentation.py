"""Random crop and flip of a whole batch equal those of each image by itself."""

import numpy as np
import pytest
import torch

import oracles
from score_extrapolation.training.augmentation import augment, draw_augmentation


def random_images(n, height, width, channels):
    return np.random.default_rng(0).integers(0, 256, (n, height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(8, 8, 1), (5, 9, 3), (32, 32, 3), (1, 1, 1), (4, 2, 2)])
@pytest.mark.parametrize("padding", [0, 1, 4])
@pytest.mark.parametrize("flip", [False, True])
def test_a_batch_equals_its_images_one_by_one(shape, padding, flip):
    images = random_images(40, *shape)
    draws = draw_augmentation(np.random.default_rng(1), 40, padding, flip)
    expected = np.stack([oracles.crop_and_flip(*one, padding) for one in zip(images, *draws, strict=True)])
    batch = augment(torch.from_numpy(images), *draws, padding)
    assert batch.dtype == torch.uint8
    np.testing.assert_array_equal(batch.numpy(), expected)


def test_the_middle_crop_without_flip_is_the_image():
    images, middle = random_images(3, 6, 6, 3), np.full(3, 2)
    batch = augment(torch.from_numpy(images), middle, middle, np.zeros(3, bool), 2)
    np.testing.assert_array_equal(batch.numpy(), images)


def test_a_shift_moves_black_in():
    image = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8).view(1, 2, 2, 1)
    one = augment(image, np.array([0]), np.array([2]), np.array([False]), 1)  # down by one, left by one
    assert one.view(2, 2).tolist() == [[0, 0], [2, 0]]


def test_a_flip_mirrors_left_and_right_only():
    image = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8).view(1, 2, 2, 1)
    one = augment(image, np.array([0]), np.array([0]), np.array([True]), 0)
    assert one.view(2, 2).tolist() == [[2, 1], [4, 3]]


def test_draws_are_uniform_over_all_offsets_and_half_are_flipped():
    rows, columns, flipped = draw_augmentation(np.random.default_rng(0), 9000, 1, True)
    for offsets in (rows, columns):
        np.testing.assert_allclose(np.bincount(offsets), [3000] * 3, atol=200)
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.05
    assert flipped.mean() == pytest.approx(0.5, abs=0.03)


def test_nothing_is_drawn_where_nothing_is_asked_for():
    rows, columns, flipped = draw_augmentation(np.random.default_rng(0), 50, 0, False)
    assert not rows.any()
    assert not columns.any()
    assert not flipped.any()


def test_the_images_given_are_left_as_they_are():
    images = random_images(5, 6, 6, 3)
    given = torch.from_numpy(images.copy())
    augment(given, *draw_augmentation(np.random.default_rng(0), 5, 2, True), 2)
    np.testing.assert_array_equal(given.numpy(), images)
