"""The autoencoder with a single latent; other models override a method or two."""

import math
from functools import reduce
from operator import add

from torch import Tensor
from torch.distributions import Distribution

from aectl.example import Example
from aectl.models.base import Autoencoder, at_least_float32
from aectl.models.nets.base import Net
from aectl.models.probability.distributions import Dirac, location
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import PositiveInt, Shape


class AE(Autoencoder):
    r"""Encodes the input as a latent $z = f(x)$ and decodes the target from it.

    .. math:: \mathcal{L}(x) = -\log p(x | f(x))

    References:
        | Reducing the Dimensionality of Data with Neural Networks (Hinton & Salakhutdinov, 2006)
        | https://doi.org/10.1126/science.1127647

    Logs `loss` and `nll`, in nats per example.

    Arguments:
        shape: the shape of the target.
        input_shape: the shape of the encoder's input.
        latent_dim: the size of the latent, or of each cell when the net has a latent grid.
        net: the architecture of encoder and decoder.
        likelihood: the distribution that the decoder's output parametrizes.
    """

    params_per_latent = 1

    def __init__(
        self, shape: Shape, input_shape: Shape, latent_dim: PositiveInt, net: Net, likelihood: Likelihood
    ) -> None:
        super().__init__()
        self.shape, self.input_shape = tuple(shape), tuple(input_shape)
        self.latent_shape = net.latent_shape(self.input_shape, latent_dim)
        self.latent_size = math.prod(self.latent_shape)
        self.any_size, self.stride = net.any_size, net.stride
        self.likelihood = likelihood
        self.encoder = net.encoder(self.input_shape, latent_dim, self.params_per_latent)
        self.decoder = net.decoder(latent_dim, self.input_shape, likelihood.param_shape(self.shape))

    def encode(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        """q(z|x, c) over (B, *latent_shape), elementwise or joint."""
        return Dirac(at_least_float32(self.encoder(x)))

    def latent(self, q: Distribution, c: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """The bottleneck: z drawn from q(z|x, c), and what it adds to the loss, named terms of (B,) nats each.

        Terms in other units, (B,) or scalars, are named in `term_units`.
        """
        return q.rsample(), {}

    def regularizers(self, example: Example, q: Distribution, z: Tensor) -> dict[str, Tensor]:
        """What the loss has besides the nll and the terms of `latent`, and needs the input for: as `latent`'s terms."""
        return {}

    def decode(self, z: Tensor, c: Tensor | None = None, sides: Shape | None = None) -> Distribution:
        """p(x|z, c), elementwise over (B, *shape), or over images with other sides where the net takes any size."""
        kept = [slice(side) for side in sides or self.shape[1:]]
        return self.likelihood(at_least_float32(self.decoder(z)[(..., *kept)]))

    def decode_for(self, z: Tensor, example: Example) -> Distribution:
        """The p(x|z, c) that the loss scores a target by; a decoder may be told parts of the target in training."""
        return self.decode(z, example.cond, tuple(example.target.shape[2:]))

    def objective(self, terms: dict[str, Tensor]) -> Tensor:
        """The sum of the terms in nats, weighted by `term_weights`, (B,)."""
        weights = self.term_weights
        in_nats = {name: term for name, term in terms.items() if name not in self.term_units}
        return reduce(add, (weights[name] * term if name in weights else term for name, term in in_nats.items()))

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        return self._terms(example, self.encode(example.input, example.cond))[0]

    def loss_and_reconstruction(self, example: Example) -> tuple[dict[str, Tensor], Tensor]:
        q = self.encode(example.input, example.cond)
        terms, p = self._terms(example, q)
        best = p if isinstance(q, Dirac) else self.decode(location(q), example.cond, tuple(example.target.shape[2:]))
        return terms, best.mean

    def _terms(self, example: Example, q: Distribution) -> tuple[dict[str, Tensor], Distribution]:
        """The loss and its terms, means over the batch, and the p(x|z, c) that they score."""
        z, latent_terms = self.latent(q, example.cond)
        p = self.decode_for(z, example)
        nll = self.likelihood.nll(p, example.target, example.weight)
        terms = {self.likelihood.term: nll, **latent_terms, **self.regularizers(example, q, z)}
        return {name: term.mean() for name, term in {"loss": self.objective(terms), **terms}.items()}, p

    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        sides = tuple(self.scale * side for side in input.shape[2:])
        return self.decode(location(self.encode(input, cond)), cond, sides).mean

    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return location(self.encode(input, cond)).flatten(1)

    def decode_mean(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        """Outputs for latents as `embed` gives them, (B, D) to (B, *shape)."""
        return self.decode(z.unflatten(1, self.latent_shape), cond).mean
