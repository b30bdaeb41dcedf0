"""Seconds until a validation ELBO, everything included: `python -m tests.benchmarks.quality` is pythae's side."""

import tempfile
from pathlib import Path

from tests.benchmarks.processes import number, timed
from tests.benchmarks.timing import Row, Watch, row

PAIRS = 5
EPOCHS = 10
DENSE = ("dataset=fashion_mnist", "model=vae", "likelihood=bernoulli", "net=mlp", "net.hidden=[512]")
MOST_EPOCHS = 10


def aectl(epochs: int, folder: Path) -> tuple[float, float]:
    """Seconds and validation loss of `aectl train` with the preset's learning rate."""
    settings = (*DENSE, "model.latent_dim=2", f"trainer.max_epochs={epochs}", f"hydra.run.dir='{folder}'")
    seconds, said = timed("-m", "aectl", "train", *settings)
    return seconds, number(r"best val/loss ([\d.]+)", said)


def to_quality(folder: Path) -> Row:
    """Whole processes by turns; ours trains for as many epochs as it once took to be as good."""
    goal = number(r"([\d.]+)$", timed("-m", "tests.benchmarks.quality")[1].strip())
    epochs = next(n for n in range(1, MOST_EPOCHS + 1) if aectl(n, folder / f"search-{n}")[1] <= goal)
    watch, pairs = Watch(), []
    for index in range(PAIRS):
        ours, loss = aectl(epochs, folder / f"run-{index}")
        assert loss <= goal, f"{loss} after {epochs} epochs, not {goal}"
        pairs.append((ours, timed("-m", "tests.benchmarks.quality")[0]))
    work = f"dense VAE to the ELBO of pythae's 10 epochs, in {epochs}, set-up included"
    return row(work, "pythae 0.1.2, its defaults", 3.0, pairs, watch.others())


def pythae() -> None:
    """Trains as pythae does by default, and prints the best validation loss in nats."""
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    from aectl.data.torchvision import Torchvision
    from aectl.models.nets.mlp import MLP
    from aectl.models.probability.likelihoods import Bernoulli
    from aectl.models.vae import VAE
    from tests.benchmarks.peers import fashion_root, pythae_vae

    source = Torchvision("FashionMNIST", str(fashion_root()), [1, 28, 28], [], None)
    model = VAE((1, 28, 28), (1, 28, 28), 2, beta=1.0, warmup_epochs=0, net=MLP([512]), likelihood=Bernoulli())
    data = {name: source.split(name) for name in ("train", "val")}
    train, val = (BaseDataset(split.x.float() / 255, split.y) for split in data.values())
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(output_dir=folder, num_epochs=EPOCHS)
        trainer = BaseTrainer(pythae_vae(model), train, val, settings)
        trainer.train()
    with torch.no_grad():
        print(trainer.eval_step(EPOCHS))


if __name__ == "__main__":
    pythae()
