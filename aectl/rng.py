"""Random numbers that can be had again. Knows only torch and NumPy."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seeds every generator of random numbers: Python's, NumPy's and torch's on all devices."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def seeded_rng(seed: int, device: torch.device) -> Iterator[None]:
    """Random numbers that depend on `seed` alone, and leave no trace in the ones that come after."""
    on_device = {} if device.type == "cpu" else {"device_type": device.type}
    with torch.random.fork_rng([] if device.type == "cpu" else [device.index or 0], **on_device):
        torch.manual_seed(seed)
        yield


def get_rng_state() -> dict[str, Any]:
    """Where every generator of random numbers stands, in tensors and plain numbers: Python's, NumPy's and torch's."""
    name, words, *rest = np.random.get_state(legacy=True)
    state = {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(np.asarray(words, np.int64)), *rest),
        "cpu": torch.get_rng_state(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_rng_state(state: dict[str, Any]) -> None:
    """Sets every generator to where it stood; a device that is not here is left out."""
    name, words, *rest = state["numpy"]
    random.setstate(state["python"])
    np.random.set_state((name, words.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    if "mps" in state and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


def uniform_per_example(x: torch.Tensor, bounds: Sequence[float]) -> torch.Tensor:
    """A number between two bounds for each example of a batch, (B, 1, ..., 1) with as many axes as `x`."""
    lo, hi = bounds
    return torch.empty(len(x), *[1] * (x.ndim - 1), device=x.device, dtype=x.dtype).uniform_(lo, hi)
