"""What each task does to its data."""

import math
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from aectl.errors import UserError
from aectl.rng import seeded_rng
from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Pairs
from aectl.tasks.baselines.interpolation import Enlarged
from aectl.tasks.denoise import Denoise, DenoiseSaltPepper
from aectl.tasks.reconstruct import Reconstruct
from aectl.tasks.super_res import SuperRes
from aectl.types import Shape
from tests.tasks.test_baselines import psnr

CPU = torch.device("cpu")
NOISY: dict[str, Task] = {
    "gaussian": Denoise(sigma=0.2, mean=0.0, clip=True),
    "range": Denoise(sigma=[0.1, 0.5], mean=0.0, clip=True),
    "salt-pepper": DenoiseSaltPepper(amount=0.2),
}
KERNELS = ["box", "bilinear", "bicubic"]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def gray(n: int = 20, channels: int = 3, side: int = 24) -> Tensor:
    return torch.full((n, channels, side, side), 0.5)


def checkerboard(side: int) -> Tensor:
    return (torch.arange(side).unsqueeze(0) + torch.arange(side).unsqueeze(1)).remainder(2).float()[None, None]


def test_reconstruct_leaves_the_input_unchanged() -> None:
    x, y = torch.rand(4, 1, 8, 8), torch.arange(4)
    example = Reconstruct()(x, y)
    assert torch.equal(example.input, x)
    assert torch.equal(example.target, x)
    assert example.cond is y
    assert example.weight is None


@pytest.mark.parametrize("task", NOISY)
def test_target_is_the_clean_image(task: str) -> None:
    x, mask = torch.rand(4, 1, 8, 8), torch.ones(4, 1, 8, 8)
    example = NOISY[task](x, None, mask)
    assert torch.equal(example.target, x)
    assert example.weight is mask
    assert not torch.equal(example.input, x)


@pytest.mark.parametrize(("mean", "sigma"), [(0.0, 0.2), (0.5, 0.3), (-0.1, 1.0)])
def test_noise_has_the_configured_mean_and_standard_deviation(mean: float, sigma: float) -> None:
    noise = Denoise(sigma, mean, clip=False).degrade(gray()) - 0.5
    error = sigma / math.sqrt(noise.numel())
    assert noise.mean().item() == pytest.approx(mean, abs=5 * error)
    assert noise.std().item() == pytest.approx(sigma, abs=5 * error)


def test_noise_is_independent_across_pixels_channels_and_images() -> None:
    noise = Denoise(0.2, 0.0, clip=False).degrade(gray(n=100)) - 0.5
    for dim in range(4):
        correlation = (noise * noise.roll(1, dims=dim)).mean() / noise.var()
        assert abs(correlation.item()) < 5 / math.sqrt(noise.numel())


def test_range_draws_one_sigma_per_image() -> None:
    lo, hi = 0.1, 0.5
    noise = Denoise([lo, hi], 0.0, clip=False).degrade(gray(n=200, side=32)) - 0.5
    sigmas = noise.flatten(1).std(1)
    error = hi / math.sqrt(noise[0].numel())
    assert sigmas.min() > lo - 3 * error
    assert sigmas.max() < hi + 3 * error
    assert sigmas.mean().item() == pytest.approx((lo + hi) / 2, abs=0.03)
    assert sigmas.std().item() == pytest.approx((hi - lo) / math.sqrt(12), abs=0.02)
    by_channel = noise.flatten(2).std(2)
    assert (by_channel - sigmas.unsqueeze(1)).abs().max() < 5 * error


def test_the_least_of_two_draws_makes_weak_noise_more_frequent() -> None:
    x = torch.full((4000, 1, 8, 8), 0.5)
    noise = Denoise(sigma=[0.0, 0.2], mean=0.0, clip=False, draws=2)(x=x).input - x
    sigmas = noise.flatten(1).std(1)
    assert sigmas.mean().item() == pytest.approx(0.2 / 3, rel=0.05)  # and 0.2 / 2 of a single draw
    assert (sigmas < 0.1).float().mean().item() == pytest.approx(0.75, abs=0.03)


def test_clip_limits_values_to_the_pixel_range() -> None:
    clipped = Denoise(0.5, 0.0, clip=True).degrade(gray())
    unclipped = Denoise(0.5, 0.0, clip=False).degrade(gray())
    assert (clipped.min(), clipped.max()) == (0, 1)
    assert unclipped.min() < 0
    assert unclipped.max() > 1


@pytest.mark.parametrize("task", NOISY)
def test_noise_differs_between_calls(task: str) -> None:
    assert not torch.equal(NOISY[task].degrade(gray()), NOISY[task].degrade(gray()))


@pytest.mark.parametrize("task", NOISY)
def test_seeded_rng_repeats_the_noise_and_restores_the_generator(task: str) -> None:
    before = torch.get_rng_state()
    drawn = []
    for seed in (1, 1, 2):
        with seeded_rng(seed, CPU):
            drawn.append(NOISY[task].degrade(gray()))
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_seeded_rng_restores_the_generator_after_an_error() -> None:
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), seeded_rng(1, CPU):
        torch.rand(1).item() / 0
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("amount", [0.0, 0.1, 0.6])
def test_salt_and_pepper_corrupts_the_configured_fraction_half_black_half_white(amount: float) -> None:
    corrupted = DenoiseSaltPepper(amount).degrade(gray(n=50))[:, 0]
    error = math.sqrt(amount / corrupted.numel())
    for colour in (0.0, 1.0):
        assert (corrupted == colour).float().mean().item() == pytest.approx(amount / 2, abs=5 * error)
    assert torch.equal(corrupted.unique(), torch.tensor([0.0, 0.5, 1.0]) if amount else torch.tensor([0.5]))


def test_salt_and_pepper_corrupts_all_channels_of_a_pixel() -> None:
    x = torch.rand(8, 3, 16, 16) * 0.8 + 0.1
    noisy = DenoiseSaltPepper(0.3).degrade(x)
    dead = (noisy == 0) | (noisy == 1)
    assert torch.equal(dead.any(1), dead.all(1))
    assert torch.equal(noisy.where(dead, 0).amin(1), noisy.where(dead, 0).amax(1))
    assert torch.equal(noisy[~dead], x[~dead])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_super_res_input_is_smaller_by_the_scale(scale: int, kernel: str) -> None:
    task, shape = SuperRes(scale, kernel), (3, 24, 12)
    example = task(torch.rand(2, *shape))
    assert task.input_shape(shape) == (3, 24 // scale, 12 // scale)
    assert example.input.shape == (2, *task.input_shape(shape))
    assert example.target.shape == (2, *shape)
    assert example.input.min() >= 0
    assert example.input.max() <= 1


def test_box_kernel_averages_blocks() -> None:
    x = torch.rand(2, 3, 12, 6)
    small = SuperRes(3, "box").degrade(x)
    for i in range(4):
        for j in range(2):
            block = x[..., 3 * i : 3 * i + 3, 3 * j : 3 * j + 3].mean((2, 3))
            torch.testing.assert_close(small[..., i, j], block)


def test_pixels_that_cannot_be_noise_are_kept_and_have_no_weight_in_the_loss() -> None:
    task, x = DenoiseSaltPepper(0.3), torch.rand(4, 3, 16, 16)
    x[0, :, :2] = 1
    example, output = task(x), torch.rand(4, 3, 16, 16)
    doubtful = task.for_loss(example).weight > 0
    expected = (example.input != x).any(1, keepdim=True)
    expected[0, :, :2] = True
    assert torch.equal(doubtful, expected.expand_as(x))
    assert torch.equal(task.keep_known(output, example.input), torch.where(doubtful, output, x))


@pytest.mark.parametrize("shape", [(4, 1, 6, 6), (4, 20)], ids=str)
def test_a_mask_weighs_what_may_be_noise_in_the_loss(shape: Shape) -> None:
    task, mask = DenoiseSaltPepper(0.5), torch.rand(shape)
    example = task(torch.rand(shape), None, mask)
    changed = example.input != example.target
    assert torch.equal(task.for_loss(example).weight, changed * mask)
    assert torch.equal(task.keep_known(mask, example.input), torch.where(changed, mask, example.target))
    assert example.weight is mask  # in scores


@pytest.mark.parametrize("task", ["gaussian", "range"])
def test_any_pixel_may_have_gaussian_noise(task: str) -> None:
    example = NOISY[task](torch.rand(2, 3, 8, 8))
    assert NOISY[task].for_loss(example) is example
    assert NOISY[task].keep_known(example.target, example.input) is example.target


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("scale", "tolerance"), [(2, 0.02), (3, 0.06), (4, 0.02)])
def test_downscaled_checkerboard_is_gray(scale: int, tolerance: float, kernel: str) -> None:
    small = SuperRes(scale, kernel).degrade(checkerboard(48))
    assert (small - 0.5).abs().max() < tolerance  # a block of 3x3 has one white pixel more than black ones, or less


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_downscaled_constant_image_is_constant(scale: int, kernel: str) -> None:
    x = torch.tensor([0.0, 0.3, 1.0]).view(3, 1, 1, 1).expand(3, 1, 24, 24)
    small = SuperRes(scale, kernel).degrade(x)
    torch.testing.assert_close(small, x[..., : 24 // scale, : 24 // scale])


@pytest.mark.parametrize(
    ("shape", "scale", "advice"),
    [
        ((1, 28, 28), 3, "use task.scale=2 or task.scale=4"),
        ((3, 9, 9), 2, "use task.scale=3"),
        ((1, 7, 8), 2, "use another data set"),
    ],
)
def test_scale_that_does_not_divide_the_image_is_a_user_error(shape: tuple[int, ...], scale: int, advice: str) -> None:
    with pytest.raises(UserError) as error:
        SuperRes(scale, "bicubic").input_shape(shape)
    size = f"{shape[1]}x{shape[2]}"
    assert str(error.value) == (
        f"task.scale={scale}: does not divide the image size of {size} pixels; expected a divisor of both sides; "
        + advice
    )


@pytest.mark.parametrize(
    ("task", "shape"),
    [
        *((task, shape) for task in (*NOISY.values(), Reconstruct()) for shape in ((3, 6, 6), (20,))),
        (SuperRes(2, "box"), (3, 6, 6)),
        (SuperRes(3, "bicubic"), (3, 6, 6)),
    ],
    ids=str,
)
def test_every_baseline_returns_the_shape_of_the_target(task: Task, shape: Shape) -> None:
    example = task(torch.rand(120, *shape))
    train = Pairs(example.input.numpy(), example.target.numpy())
    few = Pairs(train.input[:3], train.target[:3])
    for baseline in task.baselines(shape, latent_size=4):
        restored = baseline.restore(few.input, baseline.fit(lambda: train, lambda: few, psnr))
        assert restored.shape == few.target.shape, baseline.name
        assert np.isfinite(restored).all(), baseline.name


@pytest.mark.parametrize("task", NOISY)
def test_elements_of_a_vector_get_noise_of_their_own(task: str) -> None:
    x = torch.full((50, 40), 0.5)
    degraded = NOISY[task].degrade(x)
    assert degraded.shape == x.shape
    assert (degraded != x).any(0).all()
    assert not torch.equal(degraded[:, 0], degraded[:, 1])
    assert [b.name for b in NOISY[task].baselines((40,), latent_size=4)] == ["untouched input", "linear map"]


def test_super_res_of_vectors_is_a_user_error() -> None:
    with pytest.raises(UserError) as error:
        SuperRes(2, "box").input_shape((40,))
    assert str(error.value) == (
        "task=super-res: takes images (C, H, W), but the data has shape (40,); use task=denoise"
    )


@pytest.mark.parametrize("task", NOISY)
def test_denoising_is_compared_with_the_untouched_input(task: str) -> None:
    assert NOISY[task].restores
    assert not Reconstruct().restores
    assert "untouched input" in [baseline.name for baseline in NOISY[task].baselines((1, 8, 8), latent_size=4)]


def test_reconstruction_is_compared_with_pca_of_the_same_size_as_the_latent() -> None:
    assert [baseline.name for baseline in Reconstruct().baselines((1, 8, 8), latent_size=7)] == ["mean image", "PCA-7"]


@pytest.mark.parametrize("kernel", ["bicubic", "lanczos"])
def test_interpolation_baselines_enlarge_smoothly(kernel: str) -> None:
    ramp = torch.linspace(0.1, 0.9, 24).expand(1, 1, 24, 24)
    task = SuperRes(2, "box")
    (baseline,) = (baseline for baseline in task.baselines((1, 24, 24), latent_size=4) if baseline.name == kernel)
    step = (ramp[..., 1] - ramp[..., 0]).max()
    difference = torch.from_numpy(baseline.restore(task.degrade(ramp).numpy(), {})) - ramp
    assert difference[..., 4:-4].abs().max() < step / 8  # repeated pixels would be wrong by half a step


@pytest.mark.parametrize(
    ("task", "label"),
    [
        (Reconstruct(), "reconstruct"),
        (Denoise(0.2, 0.0, True), "denoise-0.2"),
        (Denoise([0.1, 0.5], 0.5, True), "denoise-0.1-0.5-mean-0.5"),
        (DenoiseSaltPepper(0.1), "denoise-salt-pepper-0.1"),
        (SuperRes(2, "bicubic"), "super-res-x2"),
        (SuperRes(4, "box"), "super-res-x4-box"),
    ],
    ids=str,
)
def test_label_names_the_task_and_its_strength(task: Task, label: str) -> None:
    assert task.label == label


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_untouched_small_image_is_the_bicubic_baseline(scale: Literal[2, 3, 4]) -> None:
    small = torch.rand(2, 3, 12, 8)
    expected = Enlarged("bicubic", scale).restore(small.numpy(), {}).clip(0, 1)
    np.testing.assert_allclose(SuperRes(scale, "box").untouched(small).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("task", NOISY)
def test_untouched_noisy_image_is_itself(task: str) -> None:
    x = torch.rand(2, 1, 8, 8)
    assert NOISY[task].untouched(x) is x
