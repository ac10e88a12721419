"""Which device a training runs on, and how it computes there."""

import os
import time
from collections.abc import Callable

import torch

from ..faults import InputFault
from ..progress import LOGGER

QUICK_S = 0.02  # of a batch that is timed: longer than calls take by themselves, short even where it is emulated
ENOUGH_S = 1.0
# Limits of oneDNN to AVX-512 without products in bfloat16, which it emulates and yet calls supported.
EMULATED_ISAS = ("AVX512_CORE", "AVX512_CORE_VNNI")


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
        # use_deterministic_algorithms does this too, and imports torch's compiler: a second of every job.
        torch.set_deterministic_debug_mode("error")
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
        precision = "bfloat16" if multiplies_bfloat16(device) else "float32"
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether products of bfloat16 are native: in the processor, and in what oneDNN may use of it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or ""
    return (
        torch.cpu._is_avx512_bf16_supported()
        and torch.backends.mkldnn.is_available()
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        and limit.upper() not in EMULATED_ISAS
    )


def warn_of_emulation(
    setting: str, precision: str, device: torch.device, batch: int, compute: Callable[[int, str], None]
) -> None:
    """Warn where bfloat16 was asked for and is emulated, and say how much slower than float32 it is there.

    Both are timed on a few images: on so many that float32 takes `QUICK_S`, from two to half a batch.

    Parameters
    ----------
    setting : str
        Where the config says the precision.
    precision : str
        As in a recipe.
    device : torch.device
    batch : int
        Images of a batch.
    compute : callable
        Is given a number of images and a precision, computes such a batch, and changes nothing.
    """
    if precision != "bfloat16" or multiplies_bfloat16(device):
        return
    n, seconds = 2, _fastest(device, compute, 2, "float32")
    while seconds < QUICK_S and 4 * n <= batch:
        n *= 2
        seconds = _fastest(device, compute, n, "float32")
    slowdown = _fastest(device, compute, n, "bfloat16") / seconds
    if device.type == "cuda":  # what a training reports is its own
        torch.cuda.reset_peak_memory_stats(device)
    LOGGER.warning(
        "%s = bfloat16 is emulated on this %s: a batch takes %s times as long as in float32; set precision: auto",
        *(setting, "GPU" if device.type == "cuda" else "processor", f"{slowdown:.{0 if slowdown >= 10 else 1}f}"),
    )


def _fastest(device: torch.device, compute: Callable[[int, str], None], n: int, precision: str) -> float:
    """Return the seconds of the fastest of three batches, or of fewer where these take longer than `ENOUGH_S`."""
    times: list[float] = []
    while len(times) < 3 and sum(times) < ENOUGH_S:
        started = time.perf_counter()
        compute(n, precision)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    return min(times)


def peak_gpu_memory_bytes(device: torch.device) -> int:
    """Return torch's peak of allocated GPU memory in this process; 0 on a CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
