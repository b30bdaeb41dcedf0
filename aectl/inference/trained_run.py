"""What one does with a trained run: encode, decode, reconstruct, restore, sample, export."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from aectl.data.source import vocabularies
from aectl.errors import UserError
from aectl.example import Example
from aectl.inference import latents, restoration, sampling
from aectl.inference.denoising import Strength
from aectl.inference.export import Format, export_parts
from aectl.inference.labels import Labels, as_cond
from aectl.inference.sampling import Sampler
from aectl.modalities import Modality, image_files, modality_for, pixels
from aectl.models.base import Autoencoder
from aectl.models.capabilities import HasLatent
from aectl.rng import seeded_rng
from aectl.runs.run import Run
from aectl.types import Shape

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, repr=False)
class TrainedRun:
    """A run with its weights on a device, for arrays, tensors, PIL images, and lists of these.

    Images are (H, W), (C, H, W), (H, W, C) or (N, C, H, W), uint8 or floating point in [0, 1]. A conditional model
    needs labels: one class for all examples, or one for each.

    Arguments:
        run: the run.
        model: its model, trained, in evaluation mode.
        device: where the model is.
        seed: fixes the corruption and whatever is drawn.
    """

    run: Run
    model: Autoencoder
    device: torch.device
    seed: int = 0

    def __repr__(self) -> str:
        return f"<aectl run {self.run.folder}: {self.run.title}>"

    @property
    def modality(self) -> Modality:
        return modality_for(self.model.shape, vocabularies(self.run.data.source))

    @property
    def picture_shape(self) -> Shape:
        """The shape of a picture that becomes one input."""
        channels, *sides = self.model.input_shape
        return self.run.task.picture_channels(channels), *sides

    def with_seed(self, seed: int) -> Self:
        return replace(self, seed=seed)

    def make_example(self, batch: dict[str, Tensor], index: int = 0) -> Example:
        """A batch as the task poses it, on the device; the corruption depends on the seed and the index alone."""
        with seeded_rng(self.seed + index, self.device):
            x = self.modality.to_model(batch["x"].to(self.device))
            return self.run.task(x, **{name: value.to(self.device) for name, value in batch.items() if name != "x"})

    @torch.inference_mode()
    def reconstruct(self, x: Any, labels: Labels | None = None) -> Tensor:
        """What the model makes of its input, (N, *shape) in [0, 1] on the CPU; nothing is degraded before."""
        input, cond = self._inputs(x, labels)
        return self.run.task.keep_known(self.model.reconstruct(input, cond), input).clamp(0, 1).cpu()

    @torch.inference_mode()
    def encode(self, x: Any, labels: Labels | None = None) -> Tensor:
        """The latents of examples, (N, D)."""
        return self.model.embed(*self._inputs(x, labels)).cpu()

    @torch.no_grad()
    def posterior(self, x: Any, labels: Labels | None = None) -> Distribution:
        """q(z|x) of examples, over (N, *latent_shape) on the device; a UserError if the model has none."""
        encode = getattr(self.model, "encode", None)
        if encode is None:
            name = type(self.model).__name__
            raise UserError(
                f"model={name}: has no posterior; expected a run of a model like ae or vae, with encode(x, c)"
            )
        return encode(*self._inputs(x, labels))

    def decode(self, z: Tensor | np.ndarray, labels: Labels | None = None) -> Tensor:
        """The examples of latents (N, D), (N, *shape) in [0, 1]."""
        codes = torch.as_tensor(z, dtype=torch.float32)
        return latents.decode_codes(self, codes, self.as_cond(labels, len(codes))).clamp(0, 1)

    def sample(
        self,
        n: int = 16,
        temperature: float | None = None,
        sampler: Sampler | None = None,
        components: int = sampling.COMPONENTS_OF_MIXTURE,
        labels: Labels | None = None,
    ) -> Tensor:
        """New examples (n, *shape) in [0, 1]: from the prior, or from a Gaussian fitted to the training latents.

        Arguments:
            n: how many.
            temperature: multiplies the standard deviation of what is drawn from, or divides the logits of tokens; by
                default 1, and 0.5 of `MusicVAE`.
            sampler: `prior`, `standard` (N(0, I) for any model), or, fitted to the training latents, `gaussian`,
                `mixture`, `kde` or `flow`; by default the prior of a model that has one, else a Gaussian.
            components: of the mixture.
            labels: the classes, for a conditional model.
        """
        chosen = sampler or sampling.default_sampler(self.model)
        cond = self.as_cond(labels, n)
        return sampling.generate(self, n, chosen, components, temperature, cond).clamp(0, 1)

    def predict(
        self,
        picture: Any,
        tile: int | None = None,
        labels: Labels | None = None,
        strength: Strength = 1.0,
        mask: Any = None,
    ) -> "Image.Image":
        """The model applied to one picture of any size, as it is: a file, an array, a tensor or a PIL image.

        Arguments:
            picture: the picture.
            tile: the side of the tiles of a model that takes any size.
            labels: its class, for a conditional model.
            strength: how much of its change a denoiser makes, from 0 to 1; `auto`: as much as the noise explains.
            mask: of a run that fills hidden pixels where they are, in the same forms; white there.
        """
        restoration.require_images(self)
        array = read_any(picture, self.picture_shape[0])
        hidden = None if mask is None else read_any(mask, 1)[0] > pixels.WHITE // 2
        cond = self.as_cond(labels, 1)
        return image_files.to_pil(restoration.predict(self, array, tile, cond, strength, mask=hidden).pixels)

    def export(self, folder: str | Path, format: Format = "torch_export") -> list[Path]:
        """Writes files that run without aectl: the whole model and, where it has a single latent, its two halves."""
        return [path for path, _, _ in export_parts(self, format, Path(folder).expanduser())]

    def latent_model(self) -> HasLatent:
        """The model as one with a single latent that can be decoded; a UserError if it has none."""
        if not isinstance(self.model, HasLatent):
            name = type(self.model).__name__
            raise UserError(f"model={name}: has no single latent to decode; expected a run of a model like ae or vae")
        return self.model

    def as_cond(self, labels: Labels | None, n: int) -> Tensor | None:
        """Labels of `n` examples as the model takes them, checked, on the device."""
        return as_cond(self.model, labels, n, self.device)

    def _inputs(self, x: Any, labels: Labels | None) -> tuple[Tensor, Tensor | None]:
        modality = modality_for(self.model.input_shape, vocabularies(self.run.data.source))
        batch = modality.to_batch(x, self.model.any_size)
        return batch.to(self.device), self.as_cond(labels, len(batch))


def read_any(picture: Any, channels: int) -> np.ndarray:
    """One picture of any size, a file or an array, a tensor or a PIL image, as (channels, H, W) uint8."""
    modality = modality_for((channels, 1, 1))
    if isinstance(picture, str | Path):
        return modality.read_file(Path(picture).expanduser())
    (image,) = modality.to_uint8(modality.to_batch(picture, any_size=True))
    return image.numpy()
