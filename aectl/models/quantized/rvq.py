"""The autoencoder with residual quantization."""

from collections.abc import Mapping
from itertools import accumulate
from typing import cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from aectl.models.nets.base import Net
from aectl.models.probability.distributions import sum_events
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.quantized.base import Code, Quantized
from aectl.models.quantized.codebook import Codebook
from aectl.types import Fraction, NonNegativeFloat, PositiveInt, Shape


class RVQ(Quantized):
    r"""Describes each vector $z_e(x)$ of the encoder by the sum of several codes, each for what the former ones left.

    .. math:: \mathcal{L}(x) = -\log p(x | z^{(D)}) + \beta \sum_{d=1}^D \| z_e - \mathrm{sg}[z^{(d)}] \|_2^2, \quad
        z^{(d)} = \sum_{i=1}^d e^{(i)}_{k_i}, \quad k_d = \arg\min_j \| z_e - z^{(d-1)} - e^{(d)}_j \|_2

    Each quantizer has a codebook of its own. With a single one this is `VQVAE`.

    References:
        | Autoregressive Image Generation using Residual Quantization (Lee et al., 2022), section 3.1
        | https://arxiv.org/abs/2203.01941
        | SoundStream: An End-to-End Neural Audio Codec (Zeghidour et al., 2021), section III.C
        | https://arxiv.org/abs/2107.03312

    Logs `loss` and `nll`, in nats per example, `commitment`, the squared distances of $z_e$ from each $z^{(d)}$ summed
    over the latent, and for every epoch `perplexity` and `used`, see `Quantized`.

    Arguments:
        shape, input_shape, latent_dim, net, likelihood: as for `AE`; `latent_dim` is the length of a code.
        num_codes: the codes of each codebook.
        quantizers: the codes of each cell, $D$.
        commitment: $\beta$, the weight of the commitment.
        decay: of the moving averages that the codes are.
    """

    penalties = frozenset({"commitment"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        num_codes: PositiveInt,
        quantizers: PositiveInt,
        commitment: NonNegativeFloat,
        decay: Fraction,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, net, likelihood, num_codes, quantizers)
        self.commitment = commitment
        self.codebooks = nn.ModuleList(Codebook(num_codes, latent_dim, decay) for _ in range(quantizers))

    @property
    def books(self) -> list[Codebook]:
        """The codebooks, in the order of the quantizers."""
        return cast(list[Codebook], list(self.codebooks))

    def quantize(self, z_e: Tensor) -> tuple[Tensor, Tensor]:
        rest, chosen = as_rows(z_e), []
        for codebook in self.books:
            chosen.append(codebook.search(rest))
            rest = rest - codebook.codes[chosen[-1]]
        cells = (z_e.shape[0], *z_e.shape[2:])  # len() would fix the batch of an exported model
        indices = torch.stack([each.view(cells) for each in chosen], 1)
        return self.embed_codes(indices), indices

    def embed_codes(self, indices: Tensor) -> Tensor:
        return self.partial_sums(indices)[-1]

    def partial_sums(self, indices: Tensor) -> list[Tensor]:
        """The sums of the first code of each cell, the first two, ..., (B, D, *grid) each."""
        chosen = zip(self.books, indices.unbind(1), strict=True)
        return list(accumulate(codebook.codes[each].movedim(-1, 1) for codebook, each in chosen))

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(q, Code)
        sums = self.partial_sums(q.indices)
        if self.training:
            rests = [q.z_e, *(q.z_e - each for each in sums[:-1])]
            for codebook, rest, chosen in zip(self.books, rests, q.indices.unbind(1), strict=True):
                codebook.update(as_rows(rest.detach()), chosen.flatten())
        z, terms = super().latent(q, c)
        distances = [sum_events((q.z_e - each).square()) for each in sums]
        return z, {**terms, "commitment": torch.stack(distances).sum(0)}

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {"commitment": self.commitment}


def as_rows(z: Tensor) -> Tensor:
    """The vectors of all cells, (B, D, *grid) to (N, D)."""
    return z.movedim(1, -1).flatten(0, -2)
