"""Pictures for TensorBoard from the verbs that work after training."""

from pathlib import Path

import numpy as np
from PIL import Image


def add_image(picture: Path, name: str, folder: Path) -> None:
    """Puts a PNG into an events file in `folder`, in the place of the one that an earlier call left there."""
    from torch.utils.tensorboard import SummaryWriter

    earlier = list(folder.glob("events.out.tfevents.*"))
    with SummaryWriter(str(folder)) as writer:
        writer.add_image(name, np.asarray(Image.open(picture).convert("RGB")), dataformats="HWC")
    for path in earlier:
        path.unlink(missing_ok=True)
