"""Models and runs small enough to know the answer."""

from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Trainer
from torch import nn

from aectl.data.loader import Data
from aectl.inference.trained_run import TrainedRun
from aectl.models.ae import AE
from aectl.models.base import Autoencoder
from aectl.models.nets.mlp import MLP
from aectl.models.probability.likelihoods import Gaussian, Likelihood
from aectl.models.vae import VAE
from aectl.runs.run import Run, complete_config
from aectl.types import Shape

Coded = TypeVar("Coded", bound=AE)


def identity(scale: float = 0.1) -> Gaussian:
    """A Gaussian with the output of the decoder as its mean."""
    return Gaussian(scale, learn_scale=False, link="identity")


def linear_vae(shape: Shape, latent_dim: int, likelihood: Likelihood) -> VAE:
    """Encodes to N(A x + a, exp(B x + b)) and decodes W z + c; all of them 0."""
    return blank(VAE(shape, shape, latent_dim, beta=1.0, warmup_epochs=0, net=MLP([]), likelihood=likelihood))


def linear_ae(shape: Shape, latent_dim: int) -> AE:
    """Encodes A x + a and decodes W z + c; all of them 0."""
    return blank(AE(shape, shape, latent_dim, net=MLP([]), likelihood=identity()))


def blank(model: Coded) -> Coded:
    """The model with zeros for its weights, without gradients."""
    for parts in (model.encoder, model.decoder):
        for parameter in parts.requires_grad_(False).parameters():
            parameter.zero_()
    return model.eval()


def first(model: AE) -> nn.Linear:
    """The one layer of the encoder."""
    return cast(nn.Linear, model.encoder.get_submodule("1"))


def last(model: AE) -> nn.Linear:
    """The one layer of the decoder."""
    return cast(nn.Linear, model.decoder.get_submodule("0"))


def opened(
    model: Autoencoder, dataset: str = "aectl.data.digits.Digits", seed: int = 0, **task: float | bool
) -> TrainedRun:
    """A model as if it had been trained to rebuild this data set; with keys for it, to take their noise out."""
    target = "aectl.tasks.denoise.Denoise" if task else "aectl.tasks.reconstruct.Reconstruct"
    cfg = {
        "dataset": {"_target_": dataset},
        "data": {"_target_": "aectl.data.loader.Data", "batch_size": 100},
        "task": {"_target_": target, **task},
        "model": {"shape": list(model.shape)},
    }
    return TrainedRun(Run(Path(), OmegaConf.create(cfg), Path()), model, torch.device("cpu"), seed)


def completed(cfg: DictConfig, data: Data | None = None) -> DictConfig:
    """A composed config with what data set and task decide about the model; `data` are those of the config, if read."""
    run = Run(Path(), cfg, Path())
    config = complete_config(cfg, data or run.data, run.task)
    if "autoencoder" in {*config.model}:
        config.model.autoencoder = vqvae_node(config)
    return config


def vqvae_node(config: DictConfig) -> dict[str, Any]:
    """The model of a source, for a prior with this config."""
    return {
        "_target_": "aectl.models.quantized.vqvae.VQVAE",
        **{key: config.model[key] for key in ("shape", "input_shape")},
        "latent_dim": 4,
        "num_codes": 16,
        "commitment": 0.25,
        "decay": 0.9,
        **{key: config[key] for key in ("net", "likelihood")},
    }


def bare_trainer(epochs: int = 1, **flags: Any) -> Trainer:
    """Lightning's trainer on the CPU, which writes and shows nothing."""
    return Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **flags,
    )
