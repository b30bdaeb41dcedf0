"""The masked autoencoder: a transformer that predicts hidden patches of an image from the visible ones."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.base import Autoencoder, at_least_float32
from aectl.models.nets.transformer import Transformer
from aectl.models.probability.likelihoods import Likelihood
from aectl.types import Fraction, PositiveInt, Shape, check_is_image

PATCHES = 7  # along a side, about, if their size is not given


class MAE(Autoencoder):
    r"""Hides most patches of the input and predicts the target there from what is left.

    .. math:: \mathcal{L}(x) = - \frac{1}{r} \sum_{i \in H} \log p(x_i | x_{V}), \quad |H| = r N

    H are the hidden ones of the N patches, another random choice for each example and step, and V the visible ones,
    which alone the encoder sees. The loss is that of the hidden part only, scaled to the whole image. `reconstruct`
    divides the patches into groups, shows one group at a time, and takes the mean of the predictions of each patch by
    the groups that it is not in: no patch of the result is a copy of itself. `embed` is the mean over the
    patches of the encoder's output for the whole image.

    References:
        | Masked Autoencoders Are Scalable Vision Learners (He et al., 2022), section 3
        | https://arxiv.org/abs/2111.06377

    Logs `loss` and `nll`, in nats per example.

    Arguments:
        shape: the shape of the target.
        input_shape: the shape of the input.
        patch: the side of a patch in pixels of the input; None for about a seventh of the shorter side.
        hidden: the share of the patches that are hidden, r.
        features: the width of the encoder, and the length of an embedding.
        layers: of the encoder.
        decoder_features, decoder_layers: of the decoder.
        heads: of the attention; they divide both widths.
        likelihood: the distribution that the decoder's output parametrizes.

    Raises:
        UserError: the data are not images, or so few patches are left that none is visible, or none is hidden.
    """

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        patch: PositiveInt | None,
        hidden: Fraction,
        features: PositiveInt,
        layers: PositiveInt,
        decoder_features: PositiveInt,
        decoder_layers: PositiveInt,
        heads: PositiveInt,
        likelihood: Likelihood,
    ) -> None:
        super().__init__()
        check_is_image(input_shape, "model=mae", "model=ae or model=vae with net=mlp")
        for name, width in {"features": features, "decoder_features": decoder_features}.items():
            if width % heads:
                raise UserError(f"model.{name}={width}: expected a multiple of model.heads={heads}")
        self.shape, self.input_shape, self.latent_size = tuple(shape), tuple(input_shape), features
        self.patch = patch or max(1, round(min(self.input_shape[1:]) / PATCHES))
        self.grid = tuple(math.ceil(side / self.patch) for side in self.input_shape[1:])
        n = math.prod(self.grid)
        self.visible = n - round(hidden * n)
        if not 0 < self.visible < n:
            raise UserError(
                f"model.hidden={hidden}: leaves {self.visible} of {n} patches visible; expected 1 to {n - 1}; "
                f"try model.hidden=0.75 model.patch={max(1, self.patch // 2)}"
            )
        self.likelihood = likelihood
        self.groups: Tensor
        self.register_buffer("groups", torch.randperm(n, generator=torch.Generator().manual_seed(0)))
        self.patches = nn.Linear(self.input_shape[0] * self.patch**2, features)
        self.positions = nn.Parameter(torch.randn(n, features) / math.sqrt(features))
        self.encoder = Transformer(features, layers, heads)
        self.narrow = nn.Linear(features, decoder_features)
        self.missing = nn.Parameter(torch.zeros(decoder_features))
        self.decoder_positions = nn.Parameter(torch.randn(n, decoder_features) / math.sqrt(decoder_features))
        self.decoder = Transformer(decoder_features, decoder_layers, heads)
        params = likelihood.param_shape(self.shape)[0]
        self.pixels = nn.Linear(decoder_features, params * (self.patch * self.scale) ** 2)

    def tokens(self, input: Tensor) -> Tensor:
        """(B, *input_shape) to the patches, (B, N, features)."""
        height, width = (side * self.patch for side in self.grid)
        padded = F.pad(input, (0, width - input.shape[-1], 0, height - input.shape[-2]), mode="replicate")
        return self.patches(F.pixel_unshuffle(padded, self.patch).flatten(2).transpose(1, 2)) + self.positions

    def predict(self, input: Tensor, visible: Tensor) -> Tensor:
        """The parameters of p(x|visible patches), (B, params, H, W), from the indices of those patches, (B, V)."""
        tokens = self.tokens(input)
        seen = self.narrow(self.encoder(take(tokens, visible)))
        filled = self.missing.to(seen.dtype).expand(*tokens.shape[:2], -1)
        filled = filled.scatter(1, visible[:, :, None].expand_as(seen), seen)
        maps = self.pixels(self.decoder(filled + self.decoder_positions)).transpose(1, 2).unflatten(2, self.grid)
        return at_least_float32(self.crop(F.pixel_shuffle(maps, self.patch * self.scale)))

    def crop(self, images: Tensor) -> Tensor:
        """Images without what the patches cover beyond the target."""
        return images[..., : self.shape[1], : self.shape[2]]

    def hidden_part(self, visible: Tensor) -> Tensor:
        """1 where the target is hidden and 0 where it is not, (B, 1, H, W), from the indices of the visible patches."""
        hidden = torch.ones(visible.shape[0], math.prod(self.grid), device=visible.device).scatter(1, visible, 0.0)
        cells = hidden.unflatten(1, (1, *self.grid))
        return self.crop(F.interpolate(cells, scale_factor=float(self.patch * self.scale)))

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        order = torch.rand(len(example.input), math.prod(self.grid), device=example.input.device).argsort(1)
        visible = order[:, : self.visible]
        weight = self.hidden_part(visible).expand_as(example.target)
        if example.weight is not None:
            weight = weight * example.weight
        p = self.likelihood(self.predict(example.input, visible))
        share = 1 - self.visible / math.prod(self.grid)
        nll = self.likelihood.nll(p, example.target, weight).mean() / share
        return {"loss": nll, "nll": nll}

    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        total, count = torch.zeros((), device=input.device), torch.zeros((), device=input.device)
        for group in self.groups.split(self.visible):
            visible = group.expand(input.shape[0], -1)
            hidden = self.hidden_part(visible)
            total = total + hidden * self.likelihood(self.predict(input, visible)).mean
            count = count + hidden
        return total / count

    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return at_least_float32(self.encoder(self.tokens(input)).mean(1))


def take(tokens: Tensor, indices: Tensor) -> Tensor:
    """The tokens (B, N, F) at indices (B, V), (B, V, F)."""
    return tokens.gather(1, indices[:, :, None].expand(-1, -1, tokens.shape[2]))
