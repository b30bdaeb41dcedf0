"""A `MusicDecoder` that writes freely, in the two parts of a loop: what is known before it, and one step of it."""

import torch
from torch import Tensor, nn

from aectl.models.nets.music import Draw, MusicDecoder
from aectl.models.nets.recurrent import State


class LoopStart(nn.Module):
    """From latents (B, D) to the state before the first step, and the inputs of all steps.

    Returns the token before, (B, V), and the state of the cells, (B, N), zeros both; then what each step is told,
    (T, B, F), the state that the cells have if a segment starts there, (T, B, N), and 1 where one does, (T, B, 1).
    """

    def __init__(self, decoder: MusicDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, latent: Tensor) -> tuple[Tensor, ...]:
        decoder, (_, steps, tokens) = self.decoder, self.decoder.shape
        plan = decoder.plan(latent).transpose(0, 1)  # (segments, B, F)
        starts = torch.stack([flatten(decoder.start(told)) for told in plan.unbind()])
        told, starts = (each.repeat_interleave(decoder.length, 0) for each in (plan, starts))
        first = torch.arange(steps, device=latent.device) % decoder.length == 0
        known = told, starts, first.to(latent.dtype)[:, None, None].expand(-1, latent.shape[0], 1)
        return latent.new_zeros(latent.shape[0], tokens), torch.zeros_like(starts[0]), *known


class LoopStep(nn.Module):
    """From the token before, the state and the inputs of a step, as of `LoopStart`, to its token and the next state."""

    def __init__(self, decoder: MusicDecoder, draw: Draw) -> None:
        super().__init__()
        self.decoder, self.draw = decoder, draw
        self.shapes = [core.state_shape for core in decoder.step_decoders]

    def forward(self, before: Tensor, state: Tensor, told: Tensor, start: Tensor, first: Tensor) -> tuple[Tensor, ...]:
        states = self.unflatten(first * start + (1 - first) * state)
        logits, after = self.decoder.write(told, states, before[:, None])
        return self.draw(logits)[:, 0], flatten(after)

    def unflatten(self, state: Tensor) -> list[State]:
        sizes = [torch.Size(shape).numel() for shape in self.shapes]
        parts = zip(state.split(sizes, 1), self.shapes, strict=True)
        return [part.unflatten(1, shape).movedim(0, 2).contiguous() for part, shape in parts]


def flatten(states: list[State]) -> Tensor:
    """The states of all cells, (states, layers, B, hidden) each, as (B, N)."""
    return torch.cat([state.movedim(2, 0).flatten(1) for state in states], 1)
