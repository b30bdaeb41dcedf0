"""The variational autoencoder of music."""

import math
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.base import at_least_float32
from aectl.models.nets.music import MusicDecoder, MusicNet
from aectl.models.nets.music_loop import LoopStart, LoopStep
from aectl.models.probability.distributions import Dirac, location
from aectl.models.probability.divergences import kl
from aectl.models.probability.likelihoods import Categorical, Likelihood
from aectl.models.vae import VAE
from aectl.types import Fraction, NonNegativeFloat, PositiveInt, Shape

TEMPERATURE = 0.25
"""Of the tokens of samples. At 1 they are more surprising than music is: docs/models.md."""


class MusicVAE(VAE):
    r"""Encodes a window of music, and writes it token by token, each told the latent and the token before it.

    .. math:: \mathcal{L}(x) = \mathbb{E}_{q(z|x)} \Big[ -\sum_t \log p(x_t | z, y_1, \dots, y_{t-1}) \Big]
        + \beta_n \max(D_{KL}(q(z|x) \| p(z)) - \tau \log 2, 0), \quad
        \beta_n = \begin{cases} \beta_0 & n \le m \\ \beta (1 - r^{n - m}) & n > m \end{cases}

    A weight near 1 from the start makes the posterior collapse: the decoder learns to do without the code. In the first
    $m$ batches a small $\beta_0$ teaches it to use the code; $\beta$ then takes from the code what can be done without.

    In training, $y_t$ is the true token $x_t$, or with probability $1 - k / (k + e^{n / k})$ one drawn from what the
    decoder has written, in batch $n$; a step is drawn in all of a batch or in none, so that the steps between are
    written at once. In validation it is always the true one, so that nll and KL are a bound on log p(x); `reconstruct`
    always writes freely, the likeliest token each time. With several segments a conductor comes between the latent and
    the decoder: see `aectl.models.nets.music.MusicNet`, which has the formulas.

    References:
        | A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music (Roberts et al., 2018), section
          3, and section 2.1 for the free bits
        | https://arxiv.org/abs/1803.05428
        | Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks (Bengio et al., 2015), section 2.4,
          inverse sigmoid decay
        | https://arxiv.org/abs/1506.03099

    Logs `loss`, `nll`, `kl` and, with free bits, `free`, what of the KL is free, as a negative number; in nats per
    example.

    Arguments:
        shape, input_shape, likelihood: as for `AE`; the likelihood is categorical.
        latent_dim: the size of the latent.
        beta: the weight of the KL.
        beta_rate: $r$, of which the weight's rise over the batches depends; 0 for none.
        free_bits: $\tau$, bits of the KL of a whole window that cost nothing.
        scheduled_sampling: $k$, after about $k \log k$ batches half of the tokens are drawn; 0: none ever.
        hidden, layers: of the encoder, in each of its two directions.
        decoder_hidden, decoder_layers: of the decoder.
        segments: such as bars, for which the conductor plans; 1: no conductor.
        conductor_hidden, conductor_layers: of the conductor.
        drums_as_bits: whether the encoder reads drums as the nine that are struck.
        early_beta, early_share: the weight of the KL in the first batches, and what share of all batches these are.

    Raises:
        UserError: the data are no tokens, or `segments` do not divide their steps.
    """

    decoder: MusicDecoder
    loss_and_reconstruction = VAE.loss_and_reconstruction  # what `loss` adds is for training alone

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        beta_rate: Fraction,
        free_bits: NonNegativeFloat,
        scheduled_sampling: NonNegativeFloat,
        hidden: PositiveInt,
        layers: PositiveInt,
        decoder_hidden: PositiveInt,
        decoder_layers: PositiveInt,
        segments: PositiveInt,
        conductor_hidden: PositiveInt,
        conductor_layers: PositiveInt,
        drums_as_bits: bool,
        likelihood: Likelihood,
        early_beta: NonNegativeFloat = 0.0,
        early_share: Fraction = 0.0,
    ) -> None:
        if not isinstance(likelihood, Categorical):
            raise UserError(
                f"model=music_vae: takes tokens, but likelihood._target_ is {type(likelihood).__name__}; use a data "
                "set of music, such as dataset=chorales, or model=seq2seq_ae"
            )
        likelihood.param_shape(tuple(shape))
        net = MusicNet(
            likelihood.vocabularies,
            hidden,
            layers,
            decoder_hidden,
            decoder_layers,
            segments,
            conductor_hidden,
            conductor_layers,
            drums_as_bits,
        )
        super().__init__(shape, input_shape, latent_dim, beta, 0, net, likelihood)
        self.early_beta, self.early_share, self.early_batches = early_beta, early_share, 0
        self.beta_rate, self.free_nats, self.scheduled_sampling = beta_rate, free_bits * math.log(2), scheduled_sampling
        self.batches: Tensor
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    @property
    def term_weights(self) -> Mapping[str, float]:
        return {"kl": self.beta, "free": self.beta}

    @property
    def drawn_share(self) -> Tensor:
        """The probability that a token which the decoder is told is drawn, in this batch."""
        k = self.scheduled_sampling
        return 1 - k / (k + (self.batches / k).exp()) if k else self.batches.new_zeros(()).float()

    def start_training(self, batches: int) -> None:
        self.early_batches = round(self.early_share * batches)

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        if self.training:
            self.batches += 1
            self.kl_weight_fraction.copy_(self.share_of_beta)
        return super().loss(example, player)

    @property
    def share_of_beta(self) -> Tensor:
        """The weight of the KL in this batch, as a share of `beta`."""
        late = self.batches - self.early_batches
        early = self.early_beta / self.beta if self.beta else 0.0
        return torch.where(late <= 0, early, 1 - self.beta_rate ** late.clamp(min=0))

    def regularizers(self, example: Example, q: Distribution, z: Tensor) -> dict[str, Tensor]:
        if not self.free_nats:
            return {}
        return {"free": -kl(q, self.prior(len(z), example.cond)).clamp(max=self.free_nats)}

    def decode_for(self, z: Tensor, example: Example) -> Distribution:
        """p(x|z), each token told the true ones before it or, in training, some that are drawn."""
        x = example.target
        if self.training and self.scheduled_sampling:
            forced = torch.rand(x.shape[2], device=x.device) >= self.drawn_share
            return self.distribution(self.decoder.partly_told(z, x, forced, self.draw))
        return self.distribution(self.decoder(z, x))

    def decode(self, z: Tensor, c: Tensor | None = None, sides: Shape | None = None) -> Distribution:
        """The likeliest tokens one after the other, a point mass: of an example, `decode_for` says p(x|z)."""
        return Dirac(self.decoder.improvise(z, partial(self.draw, temperature=0.0)))

    def decoder_loop(self) -> tuple[nn.Module, nn.Module]:
        return LoopStart(self.decoder), LoopStep(self.decoder, partial(self.draw, temperature=0.0))

    def teacher_forced(self, example: Example) -> Tensor:
        """The probabilities of the tokens of a reconstruction that is told the true ones before each, (B, *shape)."""
        z = location(self.encode(example.input, example.cond))
        return self.distribution(self.decoder(z, example.target)).mean

    def sample(self, n: int, cond: Tensor | None = None, temperature: float = TEMPERATURE) -> Tensor:
        """Windows (n, *shape), one-hot: z from the prior, tokens from p(x|z) with logits divided by `temperature`."""
        z = self.prior(n, cond).sample()
        return self.decoder.improvise(z, partial(self.draw, temperature=temperature))

    def distribution(self, logits: Tensor) -> Distribution:
        return self.likelihood(at_least_float32(logits))

    @torch.no_grad()
    def draw(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """A token of each track, one-hot, (..., V) to the same; with temperature 0 the likeliest."""
        if temperature:
            return self.distribution(logits / temperature).sample().to(logits.dtype)
        tracks = logits.split(self.likelihood.vocabularies, -1)
        return torch.cat([torch.zeros_like(t).scatter(-1, t.argmax(-1, keepdim=True), 1) for t in tracks], -1)
