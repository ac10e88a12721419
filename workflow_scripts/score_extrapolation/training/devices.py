"""Which device a training runs on, and how it computes there."""

import torch

from ..faults import InputFault


def resolve_device(device: str, n_processes: int = 1, rank: int = 0) -> torch.device:
    """Return the torch device of ``auto``, ``cpu`` or ``cuda``; of several processes on GPUs, each has its own.

    Raises
    ------
    InputFault
        ``cuda`` was asked for and torch finds none, or fewer than processes: there is no silent fall-back.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        torch.use_deterministic_algorithms(True)
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputFault("device: cuda was asked for, but torch finds no CUDA device here; set device: cpu or auto")
    if torch.cuda.device_count() < n_processes:
        raise InputFault(
            f"resources: {n_processes} GPUs were asked for, but torch finds {torch.cuda.device_count()} here; lower gpu"
        )
    return torch.device("cuda", rank)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context for ``float32``, ``bfloat16`` (matrix products and convolutions) or ``auto``.

    ``auto`` is bfloat16 where the device multiplies it natively; elsewhere it is emulated and slower than float32.
    """
    if precision == "auto":
        native = torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.cpu._is_avx512_bf16_supported()
        precision = "bfloat16" if native else "float32"
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def peak_gpu_memory_bytes(device: torch.device) -> int:
    """Return torch's peak of allocated GPU memory in this process; 0 on a CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
