"""What aectl is measured against: loops as people write them, and pythae."""

import os
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import FashionMNIST
from torchvision.transforms import ToTensor

from aectl.models.vae import VAE

BATCH = 128
Steps = Callable[[int], float]
"""Trains for so many steps and returns the seconds they took."""
Peer = Callable[..., Steps]
"""Takes a model, uint8 images (N, 1, 28, 28) and an empty folder."""


def objective(model: VAE, x: Tensor) -> Tensor:
    """The negative ELBO as people write it, in nats per example."""
    mu, logvar = model.encoder(x).chunk(2, dim=1)
    z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
    h = model.decoder(z)[..., :28, :28]
    nll = F.binary_cross_entropy_with_logits(h, x, reduction="sum")
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum()
    return (nll + kl) / len(x)


def steps(model: VAE, batches: Iterator[Tensor]) -> Steps:
    """Trains the encoder and decoder of the model with a plain Adam."""
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def run(n: int) -> float:
        model.train()
        begun = time.perf_counter()
        for _ in range(n):
            loss = objective(model, next(batches))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return time.perf_counter() - begun

    return run


def hand_written(model: VAE, images: Tensor, folder: Path) -> Steps:
    """Over float images that are in memory already: the limit of eager PyTorch."""
    images = images.float() / 255

    def batches() -> Iterator[Tensor]:
        while True:
            for part in torch.randperm(len(images)).split(BATCH)[:-1]:
                yield images[part]

    return steps(model, batches())


def usual(model: VAE, images: Tensor, folder: Path, workers: int) -> Steps:
    """As tutorials do: torchvision's data set, ToTensor and a DataLoader."""
    data = FashionMNIST(str(fashion_root()), train=True, transform=ToTensor())
    loader = DataLoader(data, BATCH, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0)
    return steps(model, (x for _ in cycle([0]) for x, _ in loader))


def fashion_root() -> Path:
    """Where the files of Fashion-MNIST are."""
    return Path(os.environ.get("AECTL_DATA", "~/.cache/aectl")).expanduser()


def pythae(model: VAE, images: Tensor, folder: Path) -> Steps:
    """pythae's own trainer on as many images as make so many steps; same encoder, decoder, batch and loss."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    images, wrapped = images.float() / 255, pythae_vae(model)

    def run(n: int) -> float:
        settings = BaseTrainerConfig(output_dir=str(folder), per_device_train_batch_size=BATCH, learning_rate=1e-3)
        data = BaseDataset(images[: n * BATCH], torch.zeros(n * BATCH))
        trainer = BaseTrainer(wrapped, train_dataset=data, training_config=settings)
        trainer.prepare_training()
        begun = time.perf_counter()
        trainer.train_step(1)
        return time.perf_counter() - begun

    return run


def pythae_vae(model: VAE) -> Any:
    """The model as pythae has it."""
    import pythae.models
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = model.encoder

        def forward(self, x: Tensor) -> ModelOutput:
            mu, logvar = self.net(x).chunk(2, dim=1)
            return ModelOutput(embedding=mu, log_covariance=logvar)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = model.decoder

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.net(z)[..., :28, :28].sigmoid())

    latent_dim = model.latent_shape[0]
    settings = pythae.models.VAEConfig(input_dim=(1, 28, 28), latent_dim=latent_dim, reconstruction_loss="bce")
    return pythae.models.VAE(settings, Encoder(), Decoder())
