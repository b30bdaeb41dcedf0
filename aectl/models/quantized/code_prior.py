"""The prior over the codes of a trained autoencoder."""

import math
from types import MappingProxyType
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aectl.errors import UserError
from aectl.example import Example
from aectl.models.base import Autoencoder, at_least_float32
from aectl.models.nets.transformer import Cache, Transformer
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.quantized.base import Quantized
from aectl.types import Fraction, PositiveInt, Shape

INITIAL_SCALE = 0.02
"""The deviation of the initial embeddings."""


class CodePrior(Autoencoder):
    r"""Learns to draw the codes $k_1, k_2, \ldots$ of a trained autoencoder, cell by cell, by a causal transformer.

    .. math:: \mathcal{L}(x, c) = -\log p(k | c) = -\sum_s \log p(k_s | k_1, \ldots, k_{s-1}, c), \quad k = k(x)

    The class $c$ is told where the data have labels. The autoencoder stays as it is, and is a part of this model, which
    encodes, decodes and reconstructs with it: a run of it needs no other. Its log p(x, k(x)) is a lower bound of
    log p(x), the ELBO of the posterior that is certain of the code.

    References:
        | Neural Discrete Representation Learning (van den Oord, Vinyals & Kavukcuoglu, 2017), section 3.3
        | https://arxiv.org/abs/1711.00937
        | Taming Transformers for High-Resolution Image Synthesis (Esser, Rombach & Ommer, 2021), section 3.2
        | https://arxiv.org/abs/2012.09841

    Logs `loss` and `nll`, in nats per example, of its codes, and `bits`, the same in bits per code.

    Arguments:
        shape, input_shape: of the autoencoder.
        num_labels: the classes of the data set, or None without labels.
        autoencoder: the one with the codes, trained by another run.
        features: the width of the transformer.
        layers: its blocks.
        heads: of its attention.
        dropout: the share of values that training leaves out.

    Raises:
        UserError: the data have another shape than the autoencoder, or `heads` do not divide `features`.
    """

    generative = True
    term_units = MappingProxyType({"bits": "bits per code"})

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        num_labels: PositiveInt | None,
        autoencoder: Quantized,
        features: PositiveInt,
        layers: PositiveInt,
        heads: PositiveInt,
        dropout: Fraction,
    ) -> None:
        super().__init__()
        check_sizes(autoencoder, tuple(shape), tuple(input_shape), features, heads)
        self.shape, self.input_shape = autoencoder.shape, autoencoder.input_shape
        self.latent_shape, self.latent_size = autoencoder.latent_shape, autoencoder.latent_size
        self.code_shape, self.num_codes = autoencoder.code_shape, autoencoder.num_codes
        self.autoencoder = autoencoder.requires_grad_(False).eval()
        if num_labels is not None:
            self.num_classes = num_labels
        self.length, self.quantizers = math.prod(self.code_shape), self.code_shape[0]
        self.start = nn.Embedding(num_labels or 1, features)
        self.tokens = nn.Embedding(self.quantizers * self.num_codes, features)
        self.tokens.requires_grad_(self.length > 1)  # no code precedes a single one
        self.positions = nn.Parameter(torch.empty(self.length, features))
        self.transformer = Transformer(features, layers, heads, dropout, causal=True)
        self.head = nn.Linear(features, self.num_codes)
        for embedding in (self.start.weight, self.tokens.weight, self.positions):
            nn.init.normal_(embedding, std=INITIAL_SCALE)

    def train(self, mode: bool = True) -> Self:
        """Sets the mode of the transformer; the autoencoder is never in training."""
        super().train(mode)
        self.autoencoder.eval()
        return self

    @property
    def likelihood(self) -> Likelihood:
        return self.autoencoder.likelihood

    def sequence(self, codes: Tensor) -> Tensor:
        """Codes as the transformer reads them, cell by cell, (B, *code_shape) to (B, S)."""
        return codes.movedim(1, -1).flatten(1)

    def from_sequence(self, sequence: Tensor) -> Tensor:
        """(B, S) to (B, *code_shape)."""
        quantizers, *grid = self.code_shape
        return sequence.unflatten(1, (*grid, quantizers)).movedim(-1, 1)

    def logits(self, sequence: Tensor, cond: Tensor | None, cache: Cache | None = None) -> Tensor:
        """Of each of the codes that follow `sequence` (B, S) or any part at its beginning, (B, S + 1, num_codes).

        With a cache of all that came before only of the last, (B, 1, num_codes).
        """
        first = 0 if cache is None else sequence.shape[1]
        quantizer = torch.arange(sequence.shape[1], device=sequence.device) % self.quantizers
        before = self.tokens(sequence + self.num_codes * quantizer)
        label = sequence.new_zeros(len(sequence)) if cond is None or self.start.num_embeddings == 1 else cond
        h = torch.cat([self.start(label)[:, None], before], 1) + self.positions[: sequence.shape[1] + 1]
        return at_least_float32(self.head(self.transformer(h[:, first:], cache)))

    def nll(self, codes: Tensor, cond: Tensor | None) -> Tensor:
        """$-\\log p(k | c)$ of codes (B, *code_shape), (B,) nats."""
        sequence = self.sequence(codes)
        logits = self.logits(sequence[:, :-1], cond)
        return F.cross_entropy(logits.transpose(1, 2), sequence, reduction="none").sum(1)

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        with torch.no_grad():
            codes = self.codes(example.input, example.cond)
        nll = self.nll(codes, example.cond).mean()
        return {"loss": nll, "nll": nll, "bits": nll.detach() / (self.length * math.log(2))}

    def log_likelihood(self, example: Example, k: int) -> Tensor:
        """log p(x, k(x) | c), (B,) nats, whatever the number of draws: a lower bound of log p(x | c)."""
        q = self.autoencoder.encode(example.input, example.cond)
        p = self.autoencoder.decode(q.z_q, example.cond)
        return -self.likelihood.nll(p, example.target, example.weight) - self.nll(q.indices, example.cond)

    def codes(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        """The indices of the codes of inputs, (B, *input_shape) to (B, *code_shape) int64."""
        return self.autoencoder.codes(input, cond)

    def decode_codes(self, indices: Tensor, cond: Tensor | None = None) -> Tensor:
        """Outputs for codes, (B, *code_shape) to (B, *shape)."""
        return self.autoencoder.decode_codes(indices, cond)

    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.autoencoder.reconstruct(input, cond)

    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.autoencoder.embed(input, cond)

    def decode_mean(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.autoencoder.decode_mean(z, cond)

    @torch.no_grad()
    def draw_codes(self, n: int, cond: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        """Codes (n, *code_shape) from p(k | c), its logits divided by `temperature`; with 0 the likeliest each time."""
        sequence = torch.empty(n, 0, dtype=torch.long, device=self.positions.device)
        cache: Cache = []
        for _ in range(self.length):
            logits = self.logits(sequence, cond, cache)[:, 0]
            sequence = torch.cat([sequence, draw(logits, temperature)], 1)
        return self.from_sequence(sequence)

    def sample(self, n: int, cond: Tensor | None = None, temperature: float = 1.0) -> Tensor:
        return self.decode_codes(self.draw_codes(n, cond, temperature), cond)


def draw(logits: Tensor, temperature: float) -> Tensor:
    """An index for each row of logits, (N, K) to (N, 1)."""
    if not temperature:
        return logits.argmax(1, keepdim=True)
    return (logits / temperature).softmax(1).multinomial(1)


def check_sizes(autoencoder: Quantized, shape: Shape, input_shape: Shape, features: int, heads: int) -> None:
    """Raises a UserError for data of another shape than the autoencoder's, or a width that the heads do not divide."""
    if (shape, input_shape) != (autoencoder.shape, autoencoder.input_shape):
        raise UserError(
            f"source: its model takes {autoencoder.input_shape} and gives {autoencoder.shape}, the data are "
            f"{input_shape} and {shape}; leave out dataset= and task=, which are the source's"
        )
    if features % heads:
        raise UserError(f"model.heads={heads}: does not divide model.features={features}; expected a divisor of it")
