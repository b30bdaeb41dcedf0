"""PSNR and SSIM of validation examples: the right numbers, of so many examples, for little time."""

from typing import Any

import pytest
import torch

from aectl.data.loader import Batches
from aectl.data.source import Split
from aectl.example import Example
from aectl.modalities import Images, Modality, Vectors
from aectl.modalities.image_metrics import psnr, ssim
from aectl.models.nets.mlp import MLP
from aectl.models.probability.likelihoods import Bernoulli
from aectl.models.vae import VAE
from aectl.tasks.base import Task
from aectl.tasks.baselines.interpolation import Enlarged
from aectl.tasks.denoise import Denoise
from aectl.tasks.reconstruct import Reconstruct
from aectl.tasks.super_res import SuperRes
from aectl.training.system import System
from aectl.training.validation_metrics import MOST_SCORED, ReconstructionScores
from tests.support.toy_models import bare_trainer

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec"),
]
SHAPE = (1, 12, 12)
IMAGES, VECTORS = Images(SHAPE), Vectors((5,))


def vae(shape: tuple[int, ...] = SHAPE) -> VAE:
    torch.manual_seed(0)
    net = MLP([8])
    return VAE(shape, shape, latent_dim=2, beta=1.0, warmup_epochs=0, net=net, likelihood=Bernoulli()).eval()


def example(n: int, shape: tuple[int, ...] = SHAPE) -> Example:
    x = torch.rand(n, *shape, generator=torch.Generator().manual_seed(n))
    return Example(input=x, target=x)


def started(modality: Modality = IMAGES) -> ReconstructionScores:
    """The scores of a validation that has just begun, after an epoch of many examples."""
    scores = ReconstructionScores(Reconstruct(), modality)
    scores.start(54_000)
    return scores


def test_scores_are_those_of_the_reconstructions() -> None:
    model, batch = vae(), example(7)
    terms, scores, n = started().loss_and_scores(model, batch)
    output = model.reconstruct(batch.input)
    assert n == 7
    assert terms.keys() == {"loss", "nll", "kl"}
    assert scores == {"psnr": psnr(output, batch.target).mean(), "ssim": ssim(output, batch.target).mean()}


def test_vectors_have_a_psnr_alone() -> None:
    _, scores, _ = started(VECTORS).loss_and_scores(vae((5,)), example(7, (5,)))
    assert scores.keys() == {"psnr"}


def test_restoring_task_has_its_gain_over_the_untouched_input() -> None:
    model, task = vae(), Denoise(0.1, 0.0, clip=False)
    batch = task(example(7).target)
    scores = ReconstructionScores(task, IMAGES)
    scores.start(54_000)
    found = scores.loss_and_scores(model, batch)[1]
    gain = psnr(model.reconstruct(batch.input), batch.target) - psnr(batch.input.clamp(0, 1), batch.target)
    torch.testing.assert_close(found["psnr_gain"], gain.mean())


def test_super_resolution_gains_over_the_bicubic_enlargement() -> None:
    task = SuperRes(2, "box")
    batch = task(example(7).target)
    scores = ReconstructionScores(task, IMAGES)
    enlarged = torch.from_numpy(Enlarged("bicubic", 2).restore(batch.input.numpy(), {}))
    perfect = scores.scores(batch.target, batch)
    assert float(perfect["psnr_gain"]) == pytest.approx(100 - float(psnr(enlarged, batch.target).mean()), abs=1e-3)
    assert float(scores.scores(enlarged, batch)["psnr_gain"]) == pytest.approx(0, abs=1e-3)


def test_vectors_and_tasks_that_hide_how_they_change_the_size_have_no_gain() -> None:
    task = Denoise(0.1, 0.0, clip=False)
    vectors, scores = ReconstructionScores(task, VECTORS), ReconstructionScores(task, IMAGES)
    assert vectors.scores(torch.rand(3, 5), example(3, (5,))).keys() == {"psnr"}
    large = torch.rand(3, 1, 12, 12)
    assert scores.scores(large, Example(torch.rand(3, 1, 6, 6), large)).keys() == {"psnr", "ssim"}


def test_a_mask_restricts_the_scores_and_a_hidden_part_has_its_own() -> None:
    model, batch = vae(), example(1_200)
    weight, hidden = torch.ones_like(batch.target), torch.zeros_like(batch.target)
    weight[..., :3], hidden[..., 8:] = 0, 1
    found = started().loss_and_scores(model, batch._replace(weight=weight, hidden=hidden))[1]
    output, target = model.reconstruct(batch.input[:1_000]), batch.target[:1_000]
    torch.testing.assert_close(found["psnr"], psnr(output[..., 3:], target[..., 3:]).mean())
    torch.testing.assert_close(found["psnr_hidden"], psnr(output[..., 8:], target[..., 8:]).mean())


@pytest.mark.parametrize(("task", "logged"), [(Denoise(0.1, 0.0, clip=False), True), (Reconstruct(), False)])
def test_gain_is_logged_if_the_task_restores(task: Task, logged: bool) -> None:
    batches = Batches(Split(torch.rand(64, *SHAPE), None), 32, shuffle=False)
    sgd = {"autoencoder": lambda parameters: torch.optim.SGD(parameters, 0.0)}
    trainer = bare_trainer()
    trainer.fit(System(vae().train(), task, IMAGES, sgd, lambda _: 1.0, None, seed=0), batches, batches)
    assert ("val/psnr_gain" in trainer.callback_metrics) == logged


@pytest.mark.parametrize(
    ("trained", "sizes", "scored"),
    [
        (54_000, [400, 400, 400], [400, 400, 0]),
        (54_000, [1_200, 10], [1_000, 0]),
        (4_000, [100, 100, 100], [100, 100, 0]),
        (100, [20, 20, 5], [20, 0, 0]),
        (100, [40, 40], [32, 0]),
    ],
)
def test_whole_batches_are_scored_up_to_a_thousand_examples_or_a_twentieth_of_an_epoch(
    trained: int, sizes: list[int], scored: list[int]
) -> None:
    model, scores = vae(), ReconstructionScores(Reconstruct(), IMAGES)
    for _ in range(2):
        scores.start(trained)
        assert [scores.loss_and_scores(model, example(size))[2] for size in sizes] == scored


def test_the_examples_past_the_thousandth_do_not_change_the_scores() -> None:
    model, whole = vae(), example(1_200)
    scores = started().loss_and_scores(model, whole)[1]
    output = model.reconstruct(whole.input[:1_000])
    assert scores["psnr"] == psnr(output, whole.target[:1_000]).mean()


def test_the_loss_is_the_same_as_without_scores() -> None:
    model, batch = vae(), example(7)
    for left in (0, 3, MOST_SCORED):
        scores = started()
        scores.left = left
        torch.manual_seed(1)
        terms = scores.loss_and_scores(model, batch)[0]
        torch.manual_seed(1)
        assert terms == model.loss(batch)


def test_the_encoder_runs_once_a_batch() -> None:
    model, calls = vae(), 0

    def count(*_: Any) -> None:
        nonlocal calls
        calls += 1

    model.encoder.register_forward_hook(count)
    started().loss_and_scores(model, example(7))
    assert calls == 1


def test_scores_are_computed_in_full_precision_under_autocast() -> None:
    model, batch = vae(), example(7)
    with torch.autocast("cpu", torch.bfloat16):
        scores = started().loss_and_scores(model, batch)[1]
        output = model.reconstruct(batch.input)
    assert scores == {"psnr": psnr(output, batch.target).mean(), "ssim": ssim(output, batch.target).mean()}


def test_an_epoch_logs_the_mean_over_all_its_scored_examples() -> None:
    x = torch.randint(0, 256, (3_000, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    train, val = (Batches(Split(part, None), 50, shuffle=False) for part in (x, x[:200]))
    task = Denoise(0.1, 0.0, clip=False)
    sgd = {"autoencoder": lambda parameters: torch.optim.SGD(parameters, 0.0)}
    system = System(vae().train(), task, IMAGES, sgd, lambda _: 1.0, None, seed=0)
    trainer = bare_trainer()
    trainer.fit(system, train, val)
    expected = []
    with torch.inference_mode():
        for index, batch in enumerate(val):
            torch.manual_seed(index)
            noisy = task(batch["x"] / 255)
            expected.append(psnr(system.model.reconstruct(noisy.input), noisy.target))
    scored = torch.cat(expected)[:150]  # a twentieth of those that were trained on
    assert float(trainer.callback_metrics["val/psnr"]) == pytest.approx(float(scored.mean()), rel=1e-6)
