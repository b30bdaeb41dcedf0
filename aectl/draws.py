"""Random numbers that can be had again. Knows only torch."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def same_draws(seed: int, device: torch.device) -> Iterator[None]:
    """Random numbers that depend on `seed` alone, and leave no trace in the ones that come after."""
    on_device = {} if device.type == "cpu" else {"device_type": device.type}
    with torch.random.fork_rng([] if device.type == "cpu" else [device.index or 0], **on_device):
        torch.manual_seed(seed)
        yield
