"""aectl in Python, for notebooks: a run with arrays, tensors or PIL images."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aectl import runs
from aectl.config import check
from aectl.devices import Accelerator, pick
from aectl.inference.restoration import restore
from aectl.inference.sampling import default_sampler, generate
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import image_files, modality_for
from aectl.types import Seed

Images = Tensor | np.ndarray | Image.Image | list[Any]


class Model:
    """A trained run.

    Images are (H, W), (C, H, W), (H, W, C) or (N, C, H, W), uint8 or floating point in [0, 1]; PIL images; or lists.

    Arguments:
        opened: the run on its device.
    """

    def __init__(self, opened: TrainedRun) -> None:
        self.opened = opened

    def __repr__(self) -> str:
        return f"<aectl run {self.opened.run.folder}: {self.opened.run.title}>"

    @torch.inference_mode()
    def reconstruct(self, x: Images) -> Tensor:
        """What the model makes of its input, (N, *shape) in [0, 1] on the CPU; nothing is degraded before."""
        return self.opened.model.reconstruct(self._batch(x)).clamp(0, 1).cpu()

    @torch.inference_mode()
    def encode(self, x: Images) -> Tensor:
        """The latents of images, (N, D)."""
        return self.opened.model.embed(self._batch(x)).cpu()

    @torch.inference_mode()
    def decode(self, z: Tensor | np.ndarray) -> Tensor:
        """The images of latents (N, D), (N, *shape) in [0, 1]."""
        codes = torch.as_tensor(z, dtype=torch.float32, device=self.opened.device)
        return self.opened.single_latent.decode_mean(codes).clamp(0, 1).cpu()

    def sample(self, n: int = 16, temperature: float = 1.0) -> Tensor:
        """New images (n, *shape) in [0, 1]: from the prior, or from a Gaussian fitted to the training latents."""
        return generate(self.opened, n, default_sampler(self.opened.model), temperature=temperature).clamp(0, 1)

    def predict(self, picture: str | Path | Tensor | np.ndarray | Image.Image, tile: int | None = None) -> Image.Image:
        """The model applied to one picture of any size, as it is: a file, an array, a tensor or a PIL image."""
        modality = modality_for(self.opened.model.input_shape)
        if isinstance(picture, str | Path):
            array = modality.read_file(Path(picture).expanduser())
        else:
            (image,) = modality.to_uint8(modality.to_batch(picture, any_size=True))
            array = image.numpy()
        return image_files.to_pil(restore(self.opened, array, tile))

    def _batch(self, x: Images) -> Tensor:
        """Images of any kind as the model takes them, on its device."""
        model = self.opened.model
        return modality_for(model.input_shape).to_batch(x, model.any_size).to(self.opened.device)


def opened(run: str, outputs: str, accelerator: str, seed: int, trust: bool) -> Model:
    """What `aectl.open` gives."""
    check({"accelerator": accelerator, "seed": seed}, {"accelerator": Accelerator, "seed": Seed})
    found = runs.open(run, outputs, trust)
    device = pick(cast(Accelerator, accelerator))
    return Model(TrainedRun(found, found.load(device), device, seed))
