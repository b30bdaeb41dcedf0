"""What is computed over a whole batch that several processes share. Knows only torch.

All processes that train together must call these functions alike.
"""

import torch
from torch import Tensor, distributed

from aectl.devices import num_processes


def sum_over_processes(share: Tensor) -> Tensor:
    """The sum over a batch from that over this process's share of it, in place; of one process the same tensor."""
    if num_processes() > 1:
        distributed.all_reduce(share)
    return share


def draw_rows(share: Tensor, n: int) -> Tensor:
    """Rows drawn with replacement from those of a batch, (N, D) of this process's share of it to (n, D)."""
    if num_processes() == 1:
        return share[torch.randint(len(share), (n,), device=share.device)]
    ends = torch.zeros(distributed.get_world_size(), dtype=torch.long, device=share.device)
    ends[distributed.get_rank()] = len(share)
    ends = sum_over_processes(ends).cumsum(0)
    chosen = torch.randint(int(ends[-1]), (n,), device=share.device)
    distributed.broadcast(chosen, 0)
    chosen = chosen - (ends[distributed.get_rank()] - len(share))
    own = (chosen >= 0) & (chosen < len(share))
    return sum_over_processes(torch.where(own[:, None], share[chosen.clamp(0, len(share) - 1)], 0))
