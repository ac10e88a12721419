"""What an attack returns lies in the ball around each image and in the range of pixels, whatever it climbs."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from score_extrapolation.robustness.pgd import attack_labels, perturb, project, random_start

images = arrays(np.uint8, st.tuples(*[st.integers(1, 4)] * 3, st.sampled_from([1, 3])), elements=st.integers(0, 255))
norms = st.sampled_from(["linf", "l2"])
epsilons = st.one_of(st.sampled_from([1.0, 8.0, 255.0]), st.floats(0.01, 500))


def assert_within(changed, originals, norm, epsilon):
    offset = (changed.double() - originals.double()).flatten(1)
    reached = offset.abs().amax(1) if norm == "linf" else offset.norm(dim=1)
    assert changed.dtype == torch.float32
    assert not changed.requires_grad
    assert (reached <= epsilon * (1 + 1e-5) + 1e-4).all()
    assert changed.min() >= 0
    assert changed.max() <= 255


@given(images, norms, epsilons, st.floats(0.01, 1000), st.integers(0, 5), st.integers(0, 2**32 - 1), st.booleans())
def test_attacks_stay_in_the_ball_and_among_pixels(originals, norm, epsilon, step, steps, seed, begins_at_random):
    originals = torch.from_numpy(originals)
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(originals.shape, generator=generator)
    start = random_start(originals, norm, epsilon, generator) if begins_at_random else None
    if begins_at_random:
        assert_within(start, originals, norm, epsilon)

    def loss(changed):
        return (weights * changed).sin().sum() * 1e-30 if seed % 2 else (weights * changed).sum()

    assert_within(perturb(loss, originals, norm, epsilon, step, steps, start), originals, norm, epsilon)


@given(images, norms, epsilons, st.integers(0, 2**32 - 1))
def test_what_is_within_stays_where_it_is(originals, norm, epsilon, seed):
    originals = torch.from_numpy(originals)
    inside = random_start(originals, norm, epsilon, torch.Generator().manual_seed(seed))
    torch.testing.assert_close(project(inside, originals.float(), norm, epsilon), inside, rtol=1e-6, atol=1e-4)


@given(images, norms, st.integers(0, 2**32 - 1))
def test_an_image_is_attacked_as_if_it_were_alone(originals, norm, seed):
    originals = torch.from_numpy(originals)
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn((3, originals[0].numel()), generator=generator)
    labels = torch.randint(0, 3, (len(originals),), generator=generator)
    starts = random_start(originals, norm, 8.0, generator)

    def attacked(rows):
        given = originals[rows], labels[rows]
        return attack_labels(lambda x: x.flatten(1) @ weights.T / 100, *given, norm, 8.0, 7, starts[rows])

    together = attacked(slice(None))
    for i in range(len(originals)):
        torch.testing.assert_close(attacked(slice(i, i + 1)), together[i : i + 1], rtol=1e-4, atol=1e-2)
