"""Projected gradient ascent: the changed image, within a ball around the original, that a network does worst on.

Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR 2018. Images and distances are in
levels of 0..255, as images are stored: epsilon = 8 is the 8/255 of the papers in the largest change of a pixel (linf),
and 128 their 128/255 in the Euclidean length of the change of a whole image (l2).
"""

from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy

STEPS_TO_A_RADIUS = 4  # of the attacks that measure: each step is a quarter of epsilon


def perturb(
    loss: Callable[[torch.Tensor], torch.Tensor],
    images: torch.Tensor,
    norm: str,
    epsilon: float,
    step: float,
    steps: int,
    start: torch.Tensor | None = None,
) -> torch.Tensor:
    """Change images to raise a loss.

    A step goes along the sign of the gradient (linf) or along the gradient (l2), and back into the ball and the range
    of pixels. Where the gradient is 0 the image stays.

    Parameters
    ----------
    loss : callable
        Changed images, float32 of the shape of `images`, to a scalar: a sum over images, each of which has a part that
        depends on no other, as in a network in eval mode.
    images : (b, ...) uint8 or float tensor
        The originals, in 0..255.
    norm : {"linf", "l2"}
    epsilon : float
        Radius of the ball, in levels.
    step : float
        Length of a step in that norm, in levels.
    steps : int
        Each is a forward and a backward pass.
    start : (b, ...) float32 tensor, optional
        Where to begin, such as `random_start`; default: at the originals.

    Returns
    -------
    (b, ...) float32 tensor
        In 0..255 and in the ball, up to rounding in l2; detached. No parameter's gradient is touched.
    """
    originals = images.float()
    changed = originals if start is None else start
    for _ in range(steps):
        changed = changed.detach().requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(loss(changed), changed)
        changed = project(changed.detach() + step * _direction(gradient, norm), originals, norm, epsilon)
    return changed.detach()


def random_start(
    images: torch.Tensor, norm: str, epsilon: float, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Return a random point of each image's ball, as `perturb` returns images.

    In linf it is uniform in the ball. In l2 its direction is uniform, and so is its distance: a point uniform in a ball
    of so many dimensions would always lie on the rim. A `generator` of the CPU gives the same points on every device;
    default: torch's global one of the device.
    """
    device = images.device if generator is None else generator.device
    shape = images.shape
    if norm == "linf":
        offset = (2 * torch.rand(shape, generator=generator, device=device) - 1) * epsilon
    else:
        direction = _direction(torch.randn(shape, generator=generator, device=device), norm)
        offset = direction * _each(torch.rand(len(images), generator=generator, device=device), direction) * epsilon
    return project(images.float() + offset.to(images.device), images.float(), norm, epsilon)


def project(changed: torch.Tensor, originals: torch.Tensor, norm: str, epsilon: float) -> torch.Tensor:
    """Return the changed images brought back into the ball, and into 0..255, which lies nearer to every original."""
    if norm == "linf":
        return changed.clamp(originals - epsilon, originals + epsilon).clamp(0, 255)
    offset = changed - originals
    length = offset.flatten(1).norm(dim=1)
    shrunk = epsilon / length.clamp(min=epsilon)
    return (originals + offset * _each(shrunk, offset)).clamp(0, 255)


def attack_labels(
    forward: Callable, images: torch.Tensor, labels: torch.Tensor, norm: str, epsilon: float, steps: int, start
) -> torch.Tensor:
    """Return images changed to raise the cross entropy with their labels, by steps of a quarter of epsilon.

    Parameters
    ----------
    forward : callable
        Images to logits.
    images, norm, epsilon, steps, start
        As of `perturb`.
    labels : (b,) int64 tensor
    """

    def loss(changed):
        return cross_entropy(forward(changed).float(), labels, reduction="sum")

    return perturb(loss, images, norm, epsilon, epsilon / STEPS_TO_A_RADIUS, steps, start)


def _direction(gradient: torch.Tensor, norm: str) -> torch.Tensor:
    """Return the step of length 1 along which the loss rises most."""
    if norm == "linf":
        return gradient.sign()
    # Of a network that is sure, the squares of a gradient are below what float32 can hold.
    least = torch.finfo(gradient.dtype).tiny
    scaled = gradient / _each(gradient.flatten(1).abs().amax(1).clamp(min=least), gradient)
    return scaled / _each(scaled.flatten(1).norm(dim=1).clamp(min=least), gradient)


def _each(values: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Return one number per image, shaped to be multiplied with images."""
    return values.reshape(-1, *[1] * (images.ndim - 1))
