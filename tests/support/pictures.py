"""Picture files for tests."""

from pathlib import Path

import numpy as np
from PIL import Image


def photo(path: Path, size: tuple[int, int] = (50, 70), channels: int = 3) -> Path:
    """A picture of random pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(0, 256, (*size, channels), dtype=np.uint8)
    Image.fromarray(values if channels == 3 else values[:, :, 0]).save(path)
    return path
