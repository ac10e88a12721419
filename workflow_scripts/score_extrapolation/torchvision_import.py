"""The one place that imports torchvision, so that it also imports beside a CPU-only torch.

torchvision's wheels from the registry are built for CUDA: beside a CPU-only torch their compiled operators do
not load, and the import fails with "operator torchvision::nms does not exist", because torchvision attaches
shape functions to operators that nobody has declared. We use no detection operator, so declaring the two
schemas is enough; where the operators load, nothing is declared. Modules that import torchvision on their own
(timm) work once this one has been imported.
"""

import importlib.util
from pathlib import Path

import torch

from .extras import extra


def _operators_load() -> bool:
    """Say whether torchvision's compiled operators can be loaded; torchvision loads them again at no cost."""
    found = importlib.util.find_spec("torchvision")
    if not found or not found.origin:
        return True  # the import below says so
    folder = Path(found.origin).parent
    libraries = [*folder.glob("_C*.so"), *folder.glob("_C*.pyd")]
    try:
        for library in libraries:
            torch.ops.load_library(library)
    except OSError:
        return False
    return bool(libraries)


if not hasattr(torch.ops.torchvision, "nms") and not _operators_load():
    for operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

with extra("models"):
    import torchvision

__all__ = ["torchvision"]
