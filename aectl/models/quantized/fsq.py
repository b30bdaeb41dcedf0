"""Finite scalar quantization: an autoencoder whose codes are the points of a fixed grid."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from aectl.models.base import at_least_float32
from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.quantized.base import Code, Quantized
from aectl.types import Levels, Shape


class FSQ(Quantized):
    r"""Bounds each of a few latent dimensions and rounds it to one of $L_i$ values: the codebook is fixed.

    .. math:: \mathcal{L}(x) = -\log p(x | z_q(x)), \quad
        z_{q,i} = \frac{2}{L_i - 1} \, \mathrm{round}\!\left(\tfrac{1}{2} (L_i - 1)(\tanh z_{e,i} + 1)\right) - 1

    The values of a dimension lie evenly in [-1, 1]; the paper's are the same up to a shift and a factor, which the
    encoder and the decoder learn. The rounding passes the gradient straight through. There are $\prod_i L_i$ codes, no
    codebook to learn, and no further term in the loss.

    References:
        | Finite Scalar Quantization: VQ-VAE Made Simple (Mentzer, Minnen, Agustsson & Tschannen, 2023), section 3.1 and
          appendix A.1
        | https://arxiv.org/abs/2309.15505

    Logs `loss` and `nll`, in nats per example, and for every epoch `perplexity` and `used`, see `Quantized`.

    Arguments:
        shape, input_shape, net, likelihood: as for `AE`.
        levels: the number of values $L_i$ of each dimension; the paper recommends 5 or more.
    """

    def __init__(self, shape: Shape, input_shape: Shape, levels: Levels, net: Net, likelihood: Likelihood) -> None:
        super().__init__(shape, input_shape, len(levels), net, likelihood, math.prod(levels))
        self.levels = tuple(levels)
        self.places = tuple(math.prod(levels[:i]) for i in range(len(levels)))

    def encode(self, x: Tensor, c: Tensor | None = None) -> Code:
        z_e = at_least_float32(self.encoder(x)).tanh()
        return Code(z_e, *self.quantize(z_e))

    def quantize(self, z_e: Tensor) -> tuple[Tensor, Tensor]:
        digits = ((z_e + 1) / 2 * (self._column(self.levels, z_e) - 1)).nan_to_num().round().long()
        indices = (digits * self._column(self.places, digits)).sum(1, keepdim=True)
        return self.embed_codes(indices), indices

    def embed_codes(self, indices: Tensor) -> Tensor:
        levels = self._column(self.levels, indices)
        return 2 * (indices // self._column(self.places, indices) % levels) / (levels - 1) - 1

    def _column(self, numbers: Sequence[int], like: Tensor) -> Tensor:
        """A number for each dimension, (D, 1, ...) to broadcast with (B, D, *grid)."""
        return torch.tensor(numbers, device=like.device).view(-1, *[1] * (like.ndim - 2))
