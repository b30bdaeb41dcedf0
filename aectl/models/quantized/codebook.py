"""A codebook that follows the encoder's outputs by moving averages. Knows only torch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aectl.models.batch_sums import draw_rows, sum_over_processes
from aectl.models.moving_average import update_average

DEAD = 0.03
"""A code that is chosen less often than this share of the mean is dead."""


class Codebook(nn.Module):
    r"""Codes $e_i$ that are running means of the encoder's outputs $z$ that chose them.

    .. math:: N_i \leftarrow \gamma N_i + (1 - \gamma) n_i, \quad
        m_i \leftarrow \gamma m_i + (1 - \gamma) \sum_j z_{i,j}, \quad e_i = \frac{m_i}{N_i}

    A code that is hardly chosen any more is dead: the next batch gives it one of its outputs to start from anew.

    References:
        | Neural Discrete Representation Learning (van den Oord, Vinyals & Kavukcuoglu, 2017), appendix A.1
        | https://arxiv.org/abs/1711.00937
        | Jukebox: A Generative Model for Music (Dhariwal et al., 2020), section 3.1, for dead codes
        | https://arxiv.org/abs/2005.00341

    Arguments:
        num_codes: the number of codes.
        dim: of a code.
        decay: $\gamma$.
    """

    def __init__(self, num_codes: int, dim: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.codes: Tensor
        self.averages: Tensor
        self.register_buffer("codes", torch.randn(num_codes, dim))
        self.register_buffer("averages", torch.zeros(num_codes, 1 + dim))  # N and m

    @torch.no_grad()
    def search(self, z: Tensor) -> Tensor:
        """The indices of the nearest codes, (N, dim) to (N,) int64."""
        return torch.addmm(self.codes.square().sum(1), z, self.codes.T, alpha=-2).argmin(1)

    @torch.no_grad()
    def update(self, z: Tensor, indices: Tensor) -> None:
        """Moves the codes towards the outputs (N, dim) that chose them, by their indices (N,).

        Nothing changes if any of the outputs is not finite; nothing is read from the device.
        """
        chosen = F.one_hot(indices, len(self.codes)).to(z.dtype)  # (N, num_codes)
        sums = sum_over_processes(torch.cat([chosen.sum(0)[:, None], chosen.T @ z], 1))
        update_average(self.averages, sums, self.decay)
        self._revive(z)
        n, m = self.averages.split([1, self.codes.shape[1]], 1)
        self.codes.copy_(torch.where(n > 0, m / n, self.codes))

    def _revive(self, z: Tensor) -> None:
        """Gives each dead code an output drawn from the batch, and so small a count that the next batch can move it."""
        n = self.averages[:, :1]
        least = DEAD * n.mean()
        drawn = draw_rows(z, len(n))
        dead = (n < least) & (sum_over_processes((~z.isfinite()).sum()) == 0)
        self.averages.copy_(torch.where(dead, least * torch.cat([torch.ones_like(n), drawn], 1), self.averages))
