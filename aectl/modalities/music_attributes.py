"""What can be measured of a melody: pure functions of its tokens (B, T), to one number a window, (B,).

A window in which there is nothing to measure has NaN.

References:
    | A Hierarchical Latent Vector Model for Learning Long-Term Structure in Music (Roberts et al., 2018), section 5.4,
      for the attributes
    | https://arxiv.org/abs/1803.05428
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from aectl.modalities.vocabulary import FIRST_PITCH, LOWEST_PITCH, NO_EVENT, STEPS_PER_BAR

STEPS_PER_BEAT = STEPS_PER_BAR // 4


class MusicAttribute(NamedTuple):
    """A measure of melodies, and its unit."""

    compute: Callable[[Tensor], Tensor]
    unit: str


def density(tokens: Tensor) -> Tensor:
    """Notes that start, in a bar."""
    return (tokens >= FIRST_PITCH).float().mean(1) * STEPS_PER_BAR


def pitch(tokens: Tensor) -> Tensor:
    """The mean MIDI number of the notes."""
    onset = tokens >= FIRST_PITCH
    numbers = (tokens.float() + LOWEST_PITCH - FIRST_PITCH) * onset
    return numbers.sum(1) / onset.sum(1)


def interval(tokens: Tensor) -> Tensor:
    """The mean distance between notes that follow each other, in semitones."""
    onset = tokens >= FIRST_PITCH
    steps = torch.arange(tokens.shape[1], device=tokens.device)
    last = (steps * onset).cummax(1).values  # the step of the last note until now
    before = torch.cat([last[:, :1], last[:, :-1]], 1)
    distances = (tokens.long() - tokens.long().gather(1, before)).abs()
    follows = onset & (onset.cumsum(1) > 1)
    return (distances * follows).sum(1) / follows.sum(1)


def syncopation(tokens: Tensor) -> Tensor:
    """The share of the notes that start between two beats and sound over the second."""
    onset = tokens >= FIRST_PITCH
    beats = onset.unflatten(1, (-1, STEPS_PER_BEAT))  # (B, beats, steps)
    off_beat = beats[:, :-1, 1:].any(2)
    held = tokens.unflatten(1, (-1, STEPS_PER_BEAT))[:, 1:, 0] == NO_EVENT
    sounding = ~ended(tokens).unflatten(1, (-1, STEPS_PER_BEAT))[:, :-1, -1]
    return (off_beat & held & sounding).sum(1) / onset.sum(1)


def ended(tokens: Tensor) -> Tensor:
    """Where no note sounds: from the end of one to the start of the next, and before the first, (B, T) bool."""
    steps = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
    event = (steps * (tokens != NO_EVENT)).cummax(1).values  # the last event, counted from 1; 0 before any
    return (event == 0) | (tokens.gather(1, (event - 1).clamp_min(0)) < FIRST_PITCH)


ATTRIBUTES: Mapping[str, MusicAttribute] = MappingProxyType(
    {
        "density": MusicAttribute(density, "notes a bar"),
        "pitch": MusicAttribute(pitch, "MIDI number"),
        "interval": MusicAttribute(interval, "semitones"),
        "syncopation": MusicAttribute(syncopation, "share of the notes"),
    }
)
