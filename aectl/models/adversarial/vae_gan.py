"""The VAE that compares images by the features of a discriminator."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.adversarial.discriminator import FeatureDiscriminator, discrimination_loss, generator_loss
from aectl.models.base import at_least_float32
from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.types import NonNegativeFloat, PositiveInt, PositiveInts, Shape


class VAEGAN(VAE):
    r"""A VAE whose reconstruction error is that of the features of a discriminator, by which its images look real.

    In every step three players learn in turn: the encoder, the decoder and the discriminator $D$ of real images from
    reconstructions $\hat{x}$ and from samples $\hat{x}_p$ of the prior. $D_l$ is the output of its layer $l$.

    .. math:: \mathcal{L}_{\mathrm{encoder}} = \mathcal{L}_{\mathrm{features}} + \beta D_{KL}(q(z|x) \| p(z)), \quad
        \mathcal{L}_{\mathrm{features}} = \mathbb{E}_{q(z|x)} [\tfrac{1}{2} \| D_l(x) - D_l(\hat{x}) \|^2]

    .. math:: \mathcal{L}_{\mathrm{decoder}} = \gamma \mathcal{L}_{\mathrm{features}}
        - \tfrac{1}{2} \mathbb{E} [\log D(\hat{x})] - \tfrac{1}{2} \mathbb{E} [\log D(\hat{x}_p)]

    .. math:: \mathcal{L}_{\mathrm{discriminator}} = -\tfrac{1}{2} \mathbb{E} [\log D(x)]
        - \tfrac{1}{4} \mathbb{E} [\log (1 - D(\hat{x}))] - \tfrac{1}{4} \mathbb{E} [\log (1 - D(\hat{x}_p))]

    The features are a mean of a normal distribution with unit variance; its constant is left out. Where the images look
    real, the discriminator can only guess: its loss is then $\log 2 = 0.693$ nats.

    References:
        | Autoencoding beyond pixels using a learned similarity metric (Larsen et al., 2016), section 2.3 and
          algorithm 1, with the decoder's loss that does not saturate, and equal shares of real and other images
        | https://arxiv.org/abs/1512.09300

    Logs `loss`, `features` and `kl`, and beside the loss `nll`, of the pixels, in nats per example; the losses of the
    players. A scale that the likelihood learns is a player too, whose loss is the nll.

    Arguments:
        shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood: as for `VAE`.
        gamma: $\gamma$.
        discriminator: the widths of its layers, as for `FeatureDiscriminator`.
        layer: $l$, counted from 1.

    Raises:
        UserError: the discriminator has no such layer.
    """

    discriminators = frozenset({"discriminator"})
    penalties = frozenset({"features"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        gamma: NonNegativeFloat,
        discriminator: PositiveInts,
        layer: PositiveInt,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)
        if layer > len(discriminator):
            raise UserError(
                f"model.layer={layer}: the discriminator has {len(discriminator)} layers; expected at most that; "
                "for more of them: model.discriminator="
            )
        self.gamma = gamma
        self.term_units = {likelihood.term: "nats" if likelihood.is_density else ""}
        self.discriminator = FeatureDiscriminator(self.shape, discriminator, layer)

    @property
    def players(self) -> Mapping[str, list[nn.Parameter]]:
        parts = {name: getattr(self, name) for name in ("encoder", "decoder", "discriminator", "likelihood")}
        weights = {name: [p for p in part.parameters() if p.requires_grad] for name, part in parts.items()}
        return {name: its for name, its in weights.items() if its}

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        if player == "decoder":
            return self.decoder_loss(example)
        if player == "discriminator":
            return self.discriminator_loss(example)
        if player == "likelihood":
            z, _ = self.latent(self.encode(example.input, example.cond), example.cond)
            return {"loss": self.nll(example, self.decode_for(z, example)).mean()}
        return super().loss(example)

    def _terms(self, example: Example, q: Distribution) -> tuple[dict[str, Tensor], Distribution]:
        z, latent_terms = self.latent(q, example.cond)
        p = self.decode_for(z, example)
        terms = {"features": self.feature_loss(example, p.mean), **latent_terms}
        terms = {"loss": self.objective(terms), **terms, self.likelihood.term: self.nll(example, p)}
        return {name: term.mean() for name, term in terms.items()}, p

    def nll(self, example: Example, p: Distribution) -> Tensor:
        return self.likelihood.nll(p, example.target, example.weight)

    def decoder_loss(self, example: Example) -> dict[str, Tensor]:
        reconstruction, drawn = self.images(example)
        own, logits = self.discriminator.features_and_logits(torch.cat([reconstruction, drawn]))
        if example.weight is None:
            features = self.feature_distance(example, own[: len(reconstruction)]).mean()
        else:
            features = self.feature_loss(example, reconstruction).mean()
        adversarial = generator_loss(logits)
        return {"loss": self.gamma * features + adversarial, "features": features, "adversarial": adversarial}

    def discriminator_loss(self, example: Example) -> dict[str, Tensor]:
        with torch.no_grad():
            fake = torch.cat(self.images(example))
        return {"loss": discrimination_loss(self.discriminator(example.target), self.discriminator(fake))}

    def images(self, example: Example) -> tuple[Tensor, Tensor]:
        """Reconstructions, and as many samples of the prior, (B, *shape) each, whose gradient ends at the latents."""
        with torch.no_grad():
            z = self.encode(example.input, example.cond).sample()
            drawn = self.prior(len(z), example.cond).sample()
        return self.decode_for(z, example).mean, self.decode_for(drawn, example).mean

    def feature_loss(self, example: Example, output: Tensor) -> Tensor:
        """Half the squared distance of the features of outputs from those of the targets, (B,)."""
        if example.weight is not None:
            output = example.target + example.weight * (output - example.target)
        return self.feature_distance(example, self.discriminator.features(output))

    def feature_distance(self, example: Example, own: Tensor) -> Tensor:
        real = self.discriminator.features(example.target)
        return 0.5 * (at_least_float32(real) - at_least_float32(own)).square().sum(1)
