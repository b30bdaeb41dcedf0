"""The nets of MusicVAE: LSTMs that read a window of tokens at once and write it token by token."""

from collections.abc import Callable
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from aectl.errors import UserError
from aectl.models.nets.base import Net
from aectl.models.nets.recurrent import State, StepDecoder, StepEncoder, first_state, from_steps, to_steps
from aectl.types import Shape

NUM_DRUMS = 9
DRUM_TOKENS = 2**NUM_DRUMS
"""The tokens of drums: which of nine are struck, as bits."""

Draw = Callable[[Tensor], Tensor]
"""From logits (B, 1, V) to a token of each track, one-hot."""


class MusicNet(Net):
    r"""Encodes by a bidirectional LSTM and decodes by one that is told, at every step, the latent and the token before.

    With several segments a conductor, an LSTM without input, comes between the two: it makes of the latent a vector
    $c_s$ for each segment $s$, from which the decoder starts anew and which it is told in place of the latent.

    .. math:: h^{cond}_0 = \tanh(A z + a), \quad c_s = f(0, h^{cond}_{s-1}); \qquad
        h_{s, 0} = \tanh(B c_s + b), \quad h_{s, t} = g([y_{t-1}, c_s], h_{s, t-1}), \quad p(y_t) = C h_{s, t} + c

    References:
        | A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music (Roberts et al., 2018), section 3
        | https://arxiv.org/abs/1803.05428

    Arguments:
        vocabularies: the number of tokens of each track.
        hidden, layers: of the encoder, in each direction.
        decoder_hidden, decoder_layers: of the decoder.
        segments: that the decoder writes, each from a state of its own; 1 for a decoder without conductor.
        conductor_hidden, conductor_layers: of the conductor.
        drums_as_bits: whether the encoder reads drums as the nine that are struck, and none.
    """

    def __init__(
        self,
        vocabularies: list[int],
        hidden: int,
        layers: int,
        decoder_hidden: int,
        decoder_layers: int,
        segments: int,
        conductor_hidden: int,
        conductor_layers: int,
        drums_as_bits: bool,
    ) -> None:
        self.vocabularies, self.drums_as_bits = vocabularies, drums_as_bits
        self.hidden, self.layers = hidden, layers
        self.decoder_hidden, self.decoder_layers = decoder_hidden, decoder_layers
        self.segments, self.conductor_hidden, self.conductor_layers = segments, conductor_hidden, conductor_layers

    def latent_shape(self, shape: Shape, features: int) -> Shape:
        if shape[1] % self.segments:
            raise UserError(
                f"model.segments={self.segments}: does not divide the {shape[1]} steps of a window; "
                f"expected a divisor of it, such as {shape[1] // 16 or 1}, one a bar"
            )
        return (features,)

    def encoder(self, shape: Shape, features: int, params: int = 1) -> nn.Module:
        bits = DrumsAsBits(self.vocabularies) if self.drums_as_bits else None
        size = bits.size if bits else shape[2]
        cells = StepEncoder("lstm", size, self.hidden, self.layers, bidirectional=True, features=params * features)
        cells.apply(open_forget_gates)
        return nn.Sequential(bits, cells) if bits else cells

    def decoder(self, features: int, input_shape: Shape, shape: Shape) -> "MusicDecoder":
        # the published decoders without conductor write all tracks by one LSTM, those with one have one for each
        plan: nn.Module = Whole()
        tracks = [sum(self.vocabularies)]
        if self.segments > 1:
            plan = Conductor(features, self.conductor_hidden, self.conductor_layers, self.segments)
            features, tracks = self.conductor_hidden, self.vocabularies
        length = shape[1] // self.segments
        cores = [
            StepDecoder("lstm", features, self.decoder_hidden, self.decoder_layers, (1, length, size), True, False)
            for size in tracks
        ]
        decoder = MusicDecoder(plan, cores, shape)
        return decoder.apply(open_forget_gates)


@torch.no_grad()
def open_forget_gates(module: nn.Module) -> None:
    """Lets the cells of an LSTM remember at first: a forget bias of 1, as the published model's have."""
    if isinstance(module, nn.LSTM):
        for name, bias in module.named_parameters():
            if name.startswith("bias_ih"):
                bias[module.hidden_size : 2 * module.hidden_size] += 1


class DrumsAsBits(nn.Module):
    """Tokens (B, 1, T, V), of which those of drums become their bits and a last one where none is struck."""

    def __init__(self, vocabularies: list[int]) -> None:
        super().__init__()
        self.vocabularies = vocabularies
        tokens = torch.arange(DRUM_TOKENS, device="cpu")
        bits = (tokens[:, None] >> torch.arange(NUM_DRUMS, device="cpu")) & 1
        self.bits: Tensor
        self.register_buffer("bits", torch.cat([bits, (tokens == 0)[:, None]], 1).float(), persistent=False)

    @property
    def size(self) -> int:
        """Of a step."""
        return sum(NUM_DRUMS + 1 if size == DRUM_TOKENS else size for size in self.vocabularies)

    def forward(self, x: Tensor) -> Tensor:
        tracks = x.split(self.vocabularies, -1)
        return torch.cat([track @ self.bits if track.shape[-1] == DRUM_TOKENS else track for track in tracks], -1)


class Whole(nn.Module):
    """The plan of a decoder without conductor: the latent is what its only segment is told, (B, D) to (B, 1, D)."""

    def forward(self, z: Tensor) -> Tensor:
        return z[:, None]


class Conductor(nn.Module):
    """(B, D) to what the decoder is told in each segment, (B, segments, hidden): an LSTM that reads zeros."""

    def __init__(self, features: int, hidden: int, layers: int, segments: int) -> None:
        super().__init__()
        self.segments, self.state_shape = segments, (2, layers, hidden)
        self.first = nn.Linear(features, 2 * layers * hidden)
        self.cells = nn.LSTM(1, hidden, layers, batch_first=True)
        self.cells.weight_ih_l0.requires_grad_(False)  # of the zeros

    def forward(self, z: Tensor) -> Tensor:
        h, c = first_state(self.first, z, self.state_shape)
        return self.cells(z.new_zeros(z.shape[0], self.segments, 1), (h, c))[0]


class MusicDecoder(nn.Module):
    """Writes the tokens of latents (B, D), segment by segment.

    Arguments:
        plan: from latents to what each segment is told, (B, segments, F).
        cores: an LSTM for each track, or one for all, which writes a segment.
        shape: of a window, (1, T, V).
    """

    def __init__(self, plan: nn.Module, cores: list[StepDecoder], shape: Shape) -> None:
        super().__init__()
        self.plan, self.shape = plan, shape
        self.cores = nn.ModuleList(cores)
        self.length = cores[0].num_steps
        self.sizes = [core.step_size for core in cores]

    @property
    def step_decoders(self) -> list[StepDecoder]:
        return cast(list[StepDecoder], self.cores)

    def start(self, told: Tensor) -> list[State]:
        """The state of each core before a segment."""
        return [core.start(told) for core in self.step_decoders]

    def write(self, told: Tensor, states: list[State], before: Tensor) -> tuple[Tensor, list[State]]:
        """The logits of the next steps, of as many as there are tokens `before` them, (B, S, V), and the states."""
        tracks = zip(self.step_decoders, states, before.split(self.sizes, 2), strict=True)
        written = [core.write(told, state, track) for core, state, track in tracks]
        return torch.cat([logits for logits, _ in written], 2), [state for _, state in written]

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        """The logits (B, *shape) of tokens x (B, *shape), each told those before it; all segments at once."""
        plan = self.plan(z).flatten(0, 1)  # (B * segments, F)
        before = shift(to_steps(x)).to(plan.dtype).unflatten(1, (-1, self.length)).flatten(0, 1)
        logits, _ = self.write(plan, self.start(plan), before)
        return from_steps(logits.unflatten(0, (-1, self.shape[1] // self.length)).flatten(1, 2), self.shape)

    def partly_told(self, z: Tensor, x: Tensor, forced: Tensor, draw: Draw) -> Tensor:
        """As `forward`, but at steps that are not forced, (T,), each is told a token drawn from the step before it.

        Those between are written at once.
        """
        plan, before = self.plan(z), shift(to_steps(x)).to(z.dtype)
        told_own: list[bool] = (~forced).tolist()  # at once: asking the device at each step would wait for it
        starts = [step for step, own in enumerate(told_own) if own or step % self.length == 0]
        logits: list[Tensor] = []
        states: list[State] = []
        for start, end in pairwise([*starts, len(told_own)]):
            told = plan[:, start // self.length]
            states = states if start % self.length else self.start(told)
            tokens = before[:, start:end]
            if start and told_own[start]:
                tokens = torch.cat([draw(logits[-1][:, -1:]).to(tokens.dtype), tokens[:, 1:]], 1)
            written, states = self.write(told, states, tokens)
            logits.append(written)
        return from_steps(torch.cat(logits, 1), self.shape)

    def improvise(self, z: Tensor, draw: Draw) -> Tensor:
        """Tokens (B, *shape), each drawn from the step before the next one is written."""
        before, tokens = z.new_zeros(z.shape[0], 1, self.shape[2]), []
        for told in self.plan(z).unbind(1):
            states = self.start(told)
            for _ in range(self.length):
                logits, states = self.write(told, states, before)
                before = draw(logits)
                tokens.append(before)
        return from_steps(torch.cat(tokens, 1), self.shape)


def shift(steps: Tensor) -> Tensor:
    """What each of the steps (B, T, V) is told: the one before it, zeros the first."""
    return torch.cat([torch.zeros_like(steps[:, :1]), steps[:, :-1]], 1)
