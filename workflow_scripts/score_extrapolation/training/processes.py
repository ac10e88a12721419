"""One training on several devices: a process for each, the same batches split among them."""

import sys

import numpy as np
import torch
import torch.distributed as dist
from torch import nn


class Group:
    """The processes of one training; alone, all of this costs nothing.

    A batch is that of a single process, whatever the number of processes: each takes a part of it, and what is summed
    or gathered is that of the whole. So the results differ in floating-point order only.

    Attributes
    ----------
    rank, size : int
        Of this process, and how many there are; those that torchrun set, else 0 and 1.
    """

    def __init__(self):
        joined = dist.is_available() and dist.is_initialized()
        self.rank: int = dist.get_rank() if joined else 0
        self.size: int = dist.get_world_size() if joined else 1

    def part(self, batch: np.ndarray) -> np.ndarray:
        """Return this process's part of a batch; parts differ by one at most, and may be empty."""
        return np.array_split(batch, self.size)[self.rank]

    def gather(self, batch_size: int, part: torch.Tensor) -> torch.Tensor | None:
        """Return in process 0 the rows (b, ...) of the whole batch, from the parts of all; None in the others."""
        if self.size == 1:
            return part
        lengths = [len(rows) for rows in np.array_split(np.arange(batch_size), self.size)]
        padded = part.new_zeros((lengths[0], *part.shape[1:]))
        padded[: len(part)] = part
        parts = [torch.empty_like(padded) for _ in lengths] if self.rank == 0 else None
        dist.gather(padded, parts)
        return torch.cat([p[:n] for p, n in zip(parts, lengths, strict=True)]) if parts is not None else None

    def sum(self, value: torch.Tensor) -> torch.Tensor:
        """Return the sum over the processes."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def any(self, flag: bool, device: torch.device) -> bool:
        """Say whether the flag is set in any process."""
        return bool(self.sum(torch.tensor(float(flag), device=device))) if self.size > 1 else flag

    def wrap(self, network: nn.Module) -> nn.Module:
        """Return the network with gradients averaged over the processes and BatchNorm over the whole batch."""
        if self.size == 1:
            return network
        if next(network.parameters()).is_cuda:
            # timm's knows its BatchNorm with activation, which torch's would strip.
            timm = sys.modules.get("timm")
            (timm.layers if timm else nn.SyncBatchNorm).convert_sync_batchnorm(network)
        else:
            for module in network.modules():
                if type(module) is nn.BatchNorm2d:
                    module.__class__ = BatchNormOfAll
        # Every process computes the same statistics, so that none need be sent.
        return nn.parallel.DistributedDataParallel(network, forward_sync_buffers=False)


class _SumOfAll(torch.autograd.Function):
    """The sum over the processes, whose gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx, value: torch.Tensor) -> torch.Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class BatchNormOfAll(nn.BatchNorm2d):
    """BatchNorm over the parts of all processes, on CPUs, for which torch's SyncBatchNorm has no kernel."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Normalise (b, c, h, w) by mean and variance over all processes; in eval mode as BatchNorm2d does."""
        if not self.training:
            return super().forward(maps)
        values = maps.float()
        n = _SumOfAll.apply(torch.tensor(values.numel() / values.shape[1]))
        mean = _SumOfAll.apply(values.sum((0, 2, 3))) / n
        centred = values - mean[:, None, None]
        variance = _SumOfAll.apply(centred.square().sum((0, 2, 3))) / n
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(maps.dtype)
