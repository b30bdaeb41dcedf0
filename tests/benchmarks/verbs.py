"""What the verbs after training cost beside the bare network."""

from pathlib import Path

import torch

from aectl.cli.commands import sample
from aectl.evaluation.scores import score_model
from aectl.inference.latents import DECODED_AT_ONCE
from aectl.inference.trained_run import TrainedRun
from aectl.runs import open as open_run
from tests.benchmarks.processes import quietly
from tests.benchmarks.timing import Row, Watch, alternated, row

IMAGES = 10_000
CPU = torch.device("cpu")


def short_run(model: str, folder: Path) -> TrainedRun:
    """A model a few steps old; what it costs does not depend on how good it is."""
    short = ["trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.limit_val_batches=1"]
    quietly("train", "dataset=fashion_mnist", f"model={model}", *short, f"hydra.run.dir='{folder / 'run'}'")
    run = open_run(folder / "run")
    return TrainedRun(run, run.load(CPU), CPU, seed=0)


def evaluation(folder: Path) -> Row:
    """Loss, PSNR, SSIM and MSE of each image of the test split."""
    run = short_run("ae", folder)
    batches = run.run.data.batches("test")

    @torch.inference_mode()
    def forward() -> None:
        for index in range(len(batches)):
            part = torch.arange(index * batches.batch_size, min((index + 1) * batches.batch_size, IMAGES))
            run.model.reconstruct(batches.take(part)["x"].float() / 255)

    watch = Watch()
    pairs = alternated(lambda: quietly(score_model, run, batches), forward)
    return row("eval: loss, PSNR, SSIM, MSE of 10,000 images", "bare forward pass", 0.6, pairs, watch.others())


def sampling(folder: Path) -> Row:
    """Samples to a PNG grid and an .npz file."""
    run = short_run("vae", folder)

    @torch.inference_mode()
    def decoder() -> None:
        for size in torch.arange(IMAGES).split(DECODED_AT_ONCE):
            codes = torch.randn(len(size), *run.model.latent_shape)
            _ = run.model.decode(codes).mean

    def ours() -> None:
        command = sample.main.__wrapped__  # the command itself, of a run that is open already
        quietly(command, run, n=IMAGES, label=None, temperature=1.0, sampler="prior", components=1, steps=1)

    watch = Watch()
    pairs = alternated(ours, decoder)
    return row("sample 10,000 images to PNG and npz", "bare decoder", 0.6, pairs, watch.others())
