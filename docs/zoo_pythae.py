"""The models that pythae has too, trained by the protocol of `docs.zoo` with pythae's code and measured with ours.

`python -m docs.zoo pythae` runs it, in an environment with the extra `bench`.
"""

import tempfile
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from aectl.inference.sampling import COMPONENTS_OF_MIXTURE
from aectl.modalities.image_metrics import psnr
from aectl.models.nets.base import Net
from aectl.models.nets.mlp import MLP
from aectl.models.nets.residual_conv import ResidualConv
from docs.zoo_scores import SAMPLES, SHAPE, frechet_distance, load_images

Facts = dict[str, Any]
MIXTURE = "GaussianMixtureSampler"


class Peer(NamedTuple):
    """A model of pythae's.

    Arguments:
        name: of its class.
        settings: what differs from pythae's defaults, as ours does.
        sampler: what draws from it; none of one whose prior takes another training.
        trainer: the name of what trains it.
        players: the prefixes of the optimizers that this trainer has.
    """

    name: str
    settings: Mapping[str, Any] = MappingProxyType({})
    sampler: str | None = "NormalSampler"
    trainer: str = "BaseTrainer"
    players: tuple[str, ...] = ("",)


ADVERSARIAL: dict[str, Any] = {"trainer": "AdversarialTrainer", "players": ("autoencoder_", "discriminator_")}
PEERS = {
    "aae": Peer("Adversarial_AE", **ADVERSARIAL),
    "wae_mmd": Peer("WAE_MMD"),
    "ae": Peer("AE", sampler=MIXTURE),
    "rae": Peer("RAE_GP", sampler=MIXTURE),
    "vqvae": Peer("VQVAE", {"num_embeddings": 256, "use_ema": True}, None),
    "beta_tcvae": Peer("BetaTCVAE", {"beta": 4.0}),
    "beta_vae": Peer("BetaVAE", {"beta": 4.0}),
    "factor_vae": Peer("FactorVAE", **ADVERSARIAL),
    "hyperspherical_vae": Peer("SVAE", sampler="HypersphereUniformSampler"),
    "info_vae": Peer("INFOVAE_MMD"),
    "iwae": Peer("IWAE", {"number_samples": 5}),
    "vae": Peer("VAE"),
    "vae_gan": Peer(
        "VAEGAN",
        trainer="CoupledOptimizerAdversarialTrainer",
        players=("encoder_", "decoder_", "discriminator_"),
    ),
    "vamp_vae": Peer("VAMP", {"number_components": 100}, "VAMPSampler"),
}
"""By our names."""
POINTS = ("AE", "WAE_MMD", "RAE_GP", "VQVAE")
"""The classes whose encoders give codes alone."""


def measure(peer: Peer, config: Facts) -> Facts:
    """Trains a model of pythae's as the run of ours with this config was trained, and scores it on the test split."""
    torch.manual_seed(config["seed"])
    model, train, test = build(peer, config), load_images("train"), load_images("test")
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        fit(model, peer, train, config, folder)
    seconds = round(time.process_time() - begun, 1)
    model.eval()
    with torch.inference_mode():
        scores = torch.cat([psnr(reconstruct(model, x), x) for x in test.split(250)])
    facts = {"cpu_seconds": seconds, "psnr": float(scores.mean()), "sampler": peer.sampler}
    return {**facts, "frechet": frechet_distance(draw(model, peer.sampler, train))} if peer.sampler else facts


def build(peer: Peer, config: Facts) -> Any:
    """The model of pythae's around our net."""
    from pythae import models

    size = config["model"].get("latent_dim")
    given = {key: value for key, value in config["model"]["net"].items() if key != "_target_"}
    net: Net = ResidualConv(**given) if "blocks" in given else MLP(**given)
    more = 0 if peer.name in POINTS else 1 if peer.name == "SVAE" else size
    settings = getattr(models, f"{peer.name}Config", None) or getattr(models, f"{peer.name}_Config")
    encoder, decoder = wrap(net.encoder(SHAPE, size + more), net.decoder(size, SHAPE, SHAPE), size)
    return getattr(models, peer.name)(settings(input_dim=SHAPE, latent_dim=size, **peer.settings), encoder, decoder)


def wrap(encoder: torch.nn.Module, decoder: torch.nn.Module, size: int) -> tuple[Any, Any]:
    """Our encoder and decoder as pythae takes them."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = encoder

        def forward(self, x: Tensor) -> ModelOutput:
            mu, rest = self.net(x).tensor_split([size], dim=1)
            return ModelOutput(embedding=mu, log_covariance=rest, log_concentration=rest)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = decoder

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.net(z).sigmoid())

    return Encoder(), Decoder()


def fit(model: Any, peer: Peer, train: Tensor, config: Facts, folder: str) -> None:
    """pythae's training with our optimizer, rate, batches and epochs."""
    from pythae import trainers
    from pythae.data.datasets import BaseDataset

    epochs = config["budget"]["examples"] // len(train)
    optimizer = {
        "optimizer_cls": "AdamW",
        "optimizer_params": {"weight_decay": 0.0},
        "learning_rate": config["optimizer"]["lr"],
        "scheduler_cls": "CosineAnnealingLR",
        "scheduler_params": {"T_max": epochs},
    }
    settings = getattr(trainers, f"{peer.trainer}Config")(
        output_dir=folder,
        num_epochs=epochs,
        per_device_train_batch_size=config["data"]["batch_size"],
        seed=config["seed"],
        no_cuda=True,
        **{f"{player}{key}": value for player in peer.players for key, value in optimizer.items()},
    )
    data = BaseDataset(train, torch.zeros(len(train)))
    getattr(trainers, peer.trainer)(model, train_dataset=data, training_config=settings).train()


def reconstruct(model: Any, x: Tensor) -> Tensor:
    """What the decoder makes of the mean of the posterior, where pythae's own call draws from it."""
    if model.model_name == "VQVAE":
        return model({"data": x}).recon_x
    mu = model.encoder(x).embedding
    return model.decoder(mu / mu.norm(dim=-1, keepdim=True) if model.model_name == "SVAE" else mu).reconstruction


def draw(model: Any, sampler: str, train: Tensor) -> Tensor:
    """Samples (SAMPLES, 1, 28, 28), from a mixture that is fitted to the training codes if need be."""
    from pythae import samplers

    if sampler == MIXTURE:
        settings = samplers.GaussianMixtureSamplerConfig(n_components=COMPONENTS_OF_MIXTURE)
        source = samplers.GaussianMixtureSampler(model, settings)
        source.fit(train)
    else:
        source = getattr(samplers, sampler)(model)
    return source.sample(SAMPLES, batch_size=500, return_gen=True).cpu()
