"""Candidates and squares of differences on a GPU: matrix products in float32, block by block."""

import numpy as np
import torch

BASE_BLOCK = 32_768  # rows that a block of queries is compared with at a time: 1 GB of squares
DIFFERENCES = 2**26  # gathered at a time: 256 MB


class TorchSearch:
    """The base, on the GPU where it takes less than half of what is free, else copied there block by block.

    Parameters
    ----------
    base : (m, d) float32 array
    device : torch.device

    Attributes
    ----------
    base : (m, d) float32 array
        On the host.
    block : int
        Queries at a time.
    """

    block = 8192

    def __init__(self, base: np.ndarray, device):
        self.base, self.device, self.there = base, torch.device(device), torch.from_numpy(base)
        if self.device.type == "cuda" and base.nbytes < torch.cuda.mem_get_info(self.device)[0] / 2:
            self.there = self.there.to(self.device)

    def candidates(self, queries: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the n least expanded squares of (q, d) float32 queries, (q, n), and their rows."""
        queries = torch.from_numpy(queries).to(self.device)
        least = torch.empty(len(queries), 0, device=self.device)  # of |y|^2 - 2xy: |x|^2 changes no order
        rows = torch.empty(len(queries), 0, dtype=torch.int64, device=self.device)
        for start in range(0, len(self.there), BASE_BLOCK):
            block = self.there[start : start + BASE_BLOCK].to(self.device)
            of_block = torch.addmm((block * block).sum(1), queries, block.T, alpha=-2)  # (q, 32768)
            of_block, columns = of_block.topk(min(n, len(block)), largest=False)
            least, rows = torch.cat([least, of_block], 1), torch.cat([rows, columns + start], 1)
            least, order = least.topk(min(n, least.shape[1]), largest=False)
            rows = rows.gather(1, order)
        return (least + (queries * queries).sum(1, keepdim=True)).cpu().numpy(), rows.cpu().numpy()

    def squares(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the squares of the differences of (q, d) queries and (q, c) rows."""
        queries = torch.from_numpy(queries).to(self.device)
        pairs = torch.from_numpy(np.ascontiguousarray(rows)).reshape(-1).to(self.there.device)
        of_query = torch.arange(len(queries), device=self.device).repeat_interleave(rows.shape[1])
        squares = torch.empty(len(pairs), device=self.device)
        at_once = max(1, DIFFERENCES // queries.shape[1])
        for start in range(0, len(pairs), at_once):
            block = slice(start, start + at_once)
            difference = self.there[pairs[block]].to(self.device) - queries[of_query[block]]
            squares[block] = (difference * difference).sum(1)
        return squares.reshape(rows.shape).cpu().numpy()
