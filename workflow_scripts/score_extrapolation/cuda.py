"""Whether this machine has a GPU, asked of its driver: torch, which knows too, takes two seconds to import."""

import ctypes


def has_cuda() -> bool:
    """Say whether the CUDA driver is there and finds a device."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
