"""What autoencoders with discrete codes share: the code as a point mass, its straight-through gradient, its use."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.distributions import Distribution

from aectl.models.ae import AE
from aectl.models.base import NotGenerativeError, at_least_float32
from aectl.models.batch_sums import sum_over_processes
from aectl.models.nets.base import Net
from aectl.models.probability.distributions import Dirac
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import PositiveInt, Shape


class Code(Dirac):
    r"""A point mass at the quantized output of an encoder, with the straight-through gradient.

    .. math:: z = z_q + z_e - \mathrm{sg}[z_e]

    Its value is exactly $z_q$; its gradient passes to $z_e$ as if nothing had been quantized.

    References:
        | Neural Discrete Representation Learning (van den Oord, Vinyals & Kavukcuoglu, 2017), section 3.2
        | https://arxiv.org/abs/1711.00937

    Arguments:
        z_e: the encoder's output, (B, D, *grid).
        z_q: the same, quantized.
        indices: of the codes, (B, quantizers, *grid) int64.
    """

    def __init__(self, z_e: Tensor, z_q: Tensor, indices: Tensor) -> None:
        super().__init__(z_q.detach() + (z_e - z_e.detach()))
        self.z_e, self.z_q, self.indices = z_e, z_q, indices


class Quantized(AE, ABC):
    """An autoencoder whose latent consists of discrete codes: one, or several, for each cell of a grid.

    With a net that has a latent vector there is a single cell, the whole image.

    Logs, besides the terms of `loss`, for every epoch: `perplexity`, the exponential of the entropy of how often the
    codes were chosen, in codes; `used`, how many codes were chosen at least once. Of several quantizers both are means.

    Arguments:
        shape, input_shape, latent_dim, net, likelihood: as for `AE`.
        num_codes: the codes that a quantizer chooses from.
        num_quantizers: the codes of each cell.

    Attributes:
        code_shape: the shape of the codes of an example, (num_quantizers, *grid).
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        net: Net,
        likelihood: Likelihood,
        num_codes: PositiveInt,
        num_quantizers: PositiveInt = 1,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, net, likelihood)
        self.num_codes = num_codes
        self.code_shape: Shape = (num_quantizers, *self.latent_shape[1:])
        self.term_units = {"perplexity": "codes", "used": f"of {num_codes} codes"}
        self.counts: Tensor
        self.register_buffer("counts", torch.zeros(num_quantizers, num_codes, dtype=torch.long))

    generative = False  # `sample` says how to get a prior

    @abstractmethod
    def quantize(self, z_e: Tensor) -> tuple[Tensor, Tensor]:
        """(B, D, *grid) to the same quantized, and the indices of the codes, (B, *code_shape) int64."""

    @abstractmethod
    def embed_codes(self, indices: Tensor) -> Tensor:
        """The latents of codes, (B, *code_shape) to (B, D, *grid)."""

    def encode(self, x: Tensor, c: Tensor | None = None) -> Code:
        z_e = at_least_float32(self.encoder(x))
        return Code(z_e, *self.quantize(z_e))

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(q, Code)
        chosen = [indices.flatten().bincount(minlength=self.num_codes) for indices in q.indices.unbind(1)]
        self.counts += sum_over_processes(torch.stack(chosen))
        return q.rsample(), {}

    def epoch_terms(self) -> dict[str, Tensor]:
        counts = self.counts.double()
        if not counts.any():
            return {}
        self.counts.zero_()
        shares = counts / counts.sum(1, keepdim=True)
        return {
            "perplexity": torch.special.entr(shares).sum(1).exp().mean(),
            "used": (counts > 0).double().sum(1).mean(),
        }

    def codes(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        """The indices of the codes of inputs, (B, *input_shape) to (B, *code_shape) int64."""
        return self.encode(input, cond).indices

    def decode_codes(self, indices: Tensor, cond: Tensor | None = None) -> Tensor:
        """Outputs for codes, (B, *code_shape) to (B, *shape)."""
        return self.decode(self.embed_codes(indices), cond).mean

    def sample(self, n: int, cond: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        raise NotGenerativeError(
            f"sampler=prior: {type(self).__name__} has no prior over its codes; train one: "
            "aectl train model=code_prior source=RUN; or use sampler=gaussian or sampler=mixture, which are fitted to "
            "its training latents"
        )
