"""The rows of the table: each does one piece of work by turns with a peer."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import Tensor

from aectl.data.torchvision import Torchvision
from aectl.models.vae import VAE
from tests.benchmarks import peers
from tests.benchmarks.peers import Steps
from tests.benchmarks.timing import Row, Watch, row
from tests.benchmarks.training import by_turns

FASHION = ["dataset=fashion_mnist", "model=vae", "likelihood=bernoulli"]
DENSE = [*FASHION, "net=mlp", "net.hidden=[512]", "model.latent_dim=2"]
CONV = [*FASHION, "net=conv"]
FAST = "trainer=fast"


def images(source: Torchvision) -> Tensor:
    """The training split as float images."""
    return source.split("train").x.float() / 255


def fashion() -> Torchvision:
    """Fashion-MNIST as the config has it."""
    from hydra import compose, initialize_config_dir
    from hydra.utils import instantiate

    from aectl.config import CONFIGS

    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return instantiate(compose("train", ["dataset=fashion_mnist"]).dataset, _convert_="all")


def training(
    overrides: list[str], peer: Callable[[VAE, Path], Steps], work: str, against: str, at_least: float, folder: Path
) -> Row:
    """Steps of training."""
    watch = Watch()
    pairs = by_turns(overrides, lambda model: peer(model, folder), folder / "run")
    return row(work, against, at_least, pairs, watch.others())


def hand(model: VAE, folder: Path) -> Steps:
    return peers.hand_written(model, images(fashion()))


def usual(model: VAE, folder: Path, workers: int) -> Steps:
    return peers.usual(model, fashion(), workers)


def pythae(model: VAE, folder: Path) -> Steps:
    return peers.pythae_steps(model, images(fashion()), folder / "pythae")


HAND, LOADER, PYTHAE = "hand-written loop", "DataLoader loop, {} workers", "pythae 0.1.2"
ALL: dict[str, Callable[[Path], Row]] = {
    "dense-hand": partial(training, DENSE, hand, "dense VAE, 50 steps", HAND, 1.0),
    "dense-loader-0": partial(training, DENSE, partial(usual, workers=0), "dense VAE, 50 steps", LOADER.format(0), 2.0),
    "dense-loader-2": partial(training, DENSE, partial(usual, workers=2), "dense VAE, 50 steps", LOADER.format(2), 2.0),
    "conv-hand": partial(training, CONV, hand, "conv VAE, 50 steps", HAND, 0.98),
    "conv-fast-hand": partial(training, [*CONV, FAST], hand, "conv VAE, trainer=fast, 50 steps", HAND, 1.6),
    "conv-pythae": partial(training, CONV, pythae, "conv VAE, 50 steps", PYTHAE, 1.0),
    "conv-fast-pythae": partial(training, [*CONV, FAST], pythae, "conv VAE, trainer=fast, 50 steps", PYTHAE, 1.6),
}
