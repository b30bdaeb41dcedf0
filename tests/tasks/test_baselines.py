"""The baselines agree with the libraries they come from, and with linear algebra."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from skimage import filters as skimage_filters
from skimage import restoration
from skimage.metrics import peak_signal_noise_ratio
from sklearn import decomposition

from aectl.config import options
from aectl.data.digits import Digits
from aectl.modalities import Images
from aectl.tasks.baselines.base import CannotFitError, Pairs, State, Untouched
from aectl.tasks.baselines.filters import Filter, Gaussian, Median, NonLocalMeans, TotalVariation
from aectl.tasks.baselines.interpolation import KERNELS, Enlarged
from aectl.tasks.baselines.learned import PCA, LinearMap, MeanImage
from tests.models.test_contract import DATA, complete, opened

FILTERS: list[Filter] = [Gaussian(), Median(), TotalVariation(), NonLocalMeans()]
CHANNELS = [1, 3]
by_name = pytest.mark.parametrize("method", FILTERS, ids=lambda method: method.name)


def photo(channels: int, n: int = 3) -> np.ndarray:
    """Pieces of a photograph that are not square, (N, C, 20, 24)."""
    image = np.moveaxis(skimage.data.astronaut()[:, :, :channels], -1, 0) / np.float32(255)
    return np.stack([image[:, 60 + 30 * i : 80 + 30 * i, 200:224] for i in range(n)])


def digits(n: int) -> np.ndarray:
    """(N, 1, 8, 8) in [0, 1]."""
    return Digits().split("train").x[:n].numpy().astype(np.float32) / 255


def noisy(images: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, images.shape)
    return (images + noise).clip(0, 1).astype(np.float32)


def unread() -> Pairs:
    raise AssertionError("this split must not be read")


def given(input: np.ndarray, target: np.ndarray | None = None) -> Callable[[], Pairs]:
    return lambda: Pairs(input, input if target is None else target)


def psnr(output: np.ndarray, pairs: Pairs) -> np.ndarray:
    """What an evaluation ranks the settings of a filter by."""
    parts = (None if part is None else torch.from_numpy(part) for part in (output, pairs.target, pairs.weight))
    return Images(pairs.target.shape[1:]).score(*parts)["psnr"].numpy()


def quality(output: np.ndarray, target: np.ndarray) -> float:
    return float(psnr(output, Pairs(output, target)).mean())


def scikit_image(method: Filter, image: np.ndarray, setting: dict[str, Any]) -> np.ndarray:
    """One image (C, H, W), filtered as scikit-image's users do: gray as (H, W), colour as (H, W, 3)."""
    gray = len(image) == 1
    plain, channels = (image[0], None) if gray else (np.moveaxis(image, 0, -1), -1)
    if isinstance(method, Gaussian):
        result = skimage_filters.gaussian(plain, setting["sigma"], channel_axis=channels)
    elif isinstance(method, TotalVariation):
        result = restoration.denoise_tv_chambolle(plain, setting["weight"], channel_axis=channels)
    elif isinstance(method, NonLocalMeans):
        size, h = setting["patch_size"], setting["h"]
        result = restoration.denoise_nl_means(plain, size, 6, h, channel_axis=channels)
    else:
        square = np.ones((setting["side"], setting["side"]))
        return np.stack([skimage_filters.median(plane, square) for plane in image])
    return result[None] if gray else np.moveaxis(result, -1, 0)


@pytest.mark.parametrize("channels", CHANNELS)
@by_name
def test_a_filter_agrees_with_scikit_image_on_single_images(method: Filter, channels: int) -> None:
    images = noisy(photo(channels), 0.1)
    for setting in method.settings:
        alone = np.stack([scikit_image(method, image, setting) for image in images])
        assert method.apply(images, **setting) == pytest.approx(alone, abs=1e-5), setting


@by_name
def test_a_filter_keeps_the_shape_of_a_single_image(method: Filter) -> None:
    for shape in [(1, 1, 8, 8), (1, 3, 8, 8), (1, 1, 9, 7)]:
        assert method.apply(np.full(shape, 0.5, np.float32), **method.settings[0]).shape == shape


@by_name
def test_a_filter_does_not_change_a_flat_image(method: Filter) -> None:
    flat = np.full((2, 3, 9, 12), 0.3, np.float32)
    for setting in method.settings:
        assert method.apply(flat, **setting) == pytest.approx(flat, abs=1e-5)


@by_name
def test_the_setting_that_made_the_targets_is_found(method: Filter) -> None:
    images = noisy(photo(3, n=2), 0.05)
    for index, setting in list(enumerate(method.settings))[::3]:
        state = method.fit(unread, given(images, method.apply(images, **setting).clip(0, 1)), psnr)
        assert int(state["best"]) == index
        assert method.restore(images, state) == pytest.approx(method.apply(images, **setting))


@by_name
def test_the_setting_kept_has_the_best_mean_psnr_of_all(method: Filter) -> None:
    target = photo(1, n=5)
    strengths = (0.05, 0.1, 0.1, 0.2, 0.4)
    input = np.stack([noisy(image, sigma) for image, sigma in zip(target, strengths, strict=True)])
    means = []
    for setting in method.settings:
        outputs = [scikit_image(method, image, setting).clip(0, 1) for image in input]
        ratios = [peak_signal_noise_ratio(t, o, data_range=1) for t, o in zip(target, outputs, strict=True)]
        means.append(np.mean(ratios))
    assert int(method.fit(unread, given(input, target), psnr)["best"]) == np.argmax(means)


@pytest.mark.parametrize("method", [Gaussian(), TotalVariation(), NonLocalMeans()], ids=lambda method: method.name)
def test_the_strength_of_a_filter_grows_with_the_noise_of_the_validation_split(method: Filter) -> None:
    clean = photo(1)
    states = [method.fit(unread, given(noisy(clean, sigma), clean), psnr) for sigma in (0.02, 0.1, 0.4)]
    strength = next(iter(method.settings[0]))
    weak, middle, strong = (method.settings[int(state["best"])][strength] for state in states)
    assert weak < middle < strong
    unseen = noisy(clean, 0.4, seed=1)
    assert method.restore(unseen, states[0]) == pytest.approx(
        method.apply(unseen, **method.settings[states[0]["best"]])
    )
    assert quality(method.restore(unseen, states[0]), clean) < quality(method.restore(unseen, states[2]), clean)


@by_name
def test_a_filter_denoises_other_images_than_those_it_was_set_on(method: Filter) -> None:
    clean = photo(1, n=8)
    val, unseen = noisy(clean[:4], 0.2), noisy(clean[4:], 0.2, seed=1)
    restored = method.restore(unseen, method.fit(unread, given(val, clean[:4]), psnr))
    assert quality(restored, clean[4:]) > quality(unseen, clean[4:]) + 2


def test_non_local_means_denoises_8x8_digits() -> None:
    clean, method = digits(40), NonLocalMeans()
    state = method.fit(unread, given(noisy(clean[:20], 0.2), clean[:20]), psnr)
    unseen = noisy(clean[20:], 0.2, seed=1)
    assert quality(method.restore(unseen, state), clean[20:]) > quality(unseen, clean[20:]) + 0.5


@pytest.mark.parametrize(("method", "said"), [(Gaussian(), "sigma 0.3"), (NonLocalMeans(), "h 0.04, patch_size 3")])
def test_a_setting_is_shown_with_its_names(method: Filter, said: str) -> None:
    assert method.setting({"best": np.array(1)}) == said


class Spoiled(Filter):
    """Gives no numbers at its first setting and adds to the image at the others."""

    name = "spoiled"
    settings: ClassVar = [{"more": np.nan}, {"more": 0.3}, {"more": 0.1}]

    def apply(self, images: np.ndarray, **setting: Any) -> np.ndarray:
        return images + setting["more"]


def test_a_setting_is_chosen_by_what_has_a_weight() -> None:
    pairs = Pairs(
        *(np.full((2, 1, 3, 4), level, np.float32) for level in (0.5, 0.6)), np.zeros((2, 1, 3, 4), np.float32)
    )
    pairs.weight[..., 0], pairs.target[..., 0] = 1, 0.8
    assert Spoiled().fit(unread, lambda: pairs, psnr)["best"] == 1
    assert Spoiled().fit(unread, lambda: pairs._replace(weight=None), psnr)["best"] == 2


def test_a_setting_that_gives_nan_is_never_the_best() -> None:
    assert int(Spoiled().fit(unread, given(np.full((2, 1, 3, 3), 0.5)), psnr)["best"]) == 2


def test_quality_is_the_mean_psnr_of_the_clipped_images() -> None:
    target = photo(3)
    output = target + np.random.default_rng(0).normal(0, 0.3, target.shape)
    ratios = [peak_signal_noise_ratio(t, o.clip(0, 1), data_range=1) for t, o in zip(target, output, strict=True)]
    assert quality(output, target) == pytest.approx(np.mean(ratios))
    assert np.isnan(quality(np.full_like(target, np.nan), target))
    assert quality(target, target) == pytest.approx(100)


@pytest.mark.parametrize("components", [1, 7, 30])
def test_pca_agrees_with_scikit_learn(components: int) -> None:
    train, images = digits(300)[:250], digits(300)[250:]
    baseline = PCA(components)
    reference = decomposition.PCA(components).fit(train.reshape(250, -1))
    expected = reference.inverse_transform(reference.transform(images.reshape(50, -1))).reshape(images.shape)
    assert baseline.restore(images, baseline.fit(given(train), unread, psnr)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("components", [1, 7, 30])
def test_the_error_of_pca_is_the_sum_of_the_discarded_eigenvalues(components: int) -> None:
    train = digits(300)
    baseline = PCA(components)
    restored = baseline.restore(train, baseline.fit(given(train), unread, psnr))
    lost = np.square(restored - train).sum() / (len(train) - 1)
    eigenvalues = np.linalg.eigvalsh(np.cov(train.reshape(300, -1).astype(np.float64).T))  # ascending
    assert lost == pytest.approx(eigenvalues[: 64 - components].sum(), rel=1e-4)


def test_pca_of_as_many_components_as_values_loses_nothing() -> None:
    train, colour = digits(300), photo(3, n=4)
    assert PCA(64).restore(train, PCA(64).fit(given(train), unread, psnr)) == pytest.approx(train, abs=1e-4)
    assert PCA(4).restore(colour, PCA(4).fit(given(colour), unread, psnr)) == pytest.approx(colour, abs=1e-4)


@pytest.mark.parametrize(
    ("components", "n", "said"),
    [
        (65, 300, "65 components of 300 images of 64 values; PCA has at most 64"),
        (21, 20, "21 components of 20 images of 64 values; PCA has at most 20"),
    ],
)
def test_pca_of_more_components_than_there_are_cannot_be_fitted(components: int, n: int, said: str) -> None:
    with pytest.raises(CannotFitError) as error:
        PCA(components).fit(given(digits(n)), unread, psnr)
    assert str(error.value) == said


def test_the_name_of_pca_has_its_number_of_components() -> None:
    assert PCA(16).name == "PCA-16"


def test_the_mean_image_is_the_constant_with_the_least_squared_error() -> None:
    train, target = noisy(digits(50), 0.3), digits(50)
    state = MeanImage().fit(given(train, target), unread, psnr)
    guess = MeanImage().restore(np.zeros((50, 1, 4, 4), np.float32), state)
    assert guess.shape == target.shape
    assert (guess == guess[:1]).all()
    gradient = (guess - target).astype(np.float64).mean(axis=0)
    assert gradient == pytest.approx(0, abs=1e-6)


def affine(n: int, seed: int = 0) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """Random pairs (N, 2, 2, 3) and (N, 1, 4, 5) of a known map, with its matrix (20, 12) and its bias (20,)."""
    rng = np.random.default_rng(seed)
    matrix, bias = rng.normal(size=(20, 12)), rng.normal(size=20)
    input = rng.uniform(size=(n, 2, 2, 3))
    return Pairs(input, (input.reshape(n, -1) @ matrix.T + bias).reshape(n, 1, 4, 5)), matrix, bias


@pytest.mark.parametrize("n", [13, 200])
def test_the_linear_map_finds_an_affine_map_exactly(n: int) -> None:
    pairs, matrix, bias = affine(n)
    state = LinearMap().fit(lambda: pairs, unread, psnr)
    assert state["weights"] == pytest.approx(matrix, abs=1e-8)
    assert state["bias"] == pytest.approx(bias, abs=1e-8)
    unseen = np.random.default_rng(1).uniform(size=(5, 2, 2, 3))
    expected = (unseen.reshape(5, -1) @ matrix.T + bias).reshape(5, 1, 4, 5)
    assert LinearMap().restore(unseen, state) == pytest.approx(expected, abs=1e-8)


def test_the_linear_map_needs_more_images_than_values() -> None:
    with pytest.raises(CannotFitError, match="12 training images for 12 input values; it needs more images than"):
        LinearMap().fit(lambda: affine(12)[0], unread, psnr)


def test_the_residual_of_the_linear_map_is_orthogonal_to_its_input() -> None:
    target = digits(300)
    input = noisy(target, 0.3)
    state = LinearMap().fit(given(input, target), unread, psnr)
    left = (LinearMap().restore(input, state) - target).reshape(300, -1).astype(np.float64)
    assert left.mean(axis=0) == pytest.approx(0, abs=1e-4)
    assert input.reshape(300, -1).T @ left / 300 == pytest.approx(0, abs=1e-4)
    assert np.square(left).mean() < np.square(input - target).mean() / 2


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("kernel", KERNELS)
def test_enlarged_agrees_with_pillow(kernel: str, scale: int) -> None:
    pictures = (photo(3) * 255).round().astype(np.uint8)[..., :5, :9]  # not square
    size = 9 * scale, 5 * scale
    large = [Image.fromarray(np.moveaxis(picture, 0, -1)) for picture in pictures]
    expected = [np.moveaxis(np.asarray(p.resize(size, Image.Resampling[kernel.upper()])), -1, 0) for p in large]
    output = Enlarged(kernel, scale).restore(pictures / np.float32(255), {})
    assert output.shape == (3, 3, 5 * scale, 9 * scale)
    assert output.clip(0, 1) == pytest.approx(np.stack(expected) / 255, abs=1.5 / 255)  # it rounds twice


def test_nearest_repeats_every_pixel() -> None:
    images = np.random.default_rng(0).uniform(size=(2, 3, 4, 6)).astype(np.float32)
    assert np.array_equal(Enlarged("nearest", 3).restore(images, {}), images.repeat(3, axis=2).repeat(3, axis=3))


def test_the_untouched_input_is_the_input() -> None:
    images = digits(3)
    state: State = Untouched().fit(unread, unread, psnr)
    assert state == {}
    assert Untouched().restore(images, state) is images


def test_the_attributes_are_those_of_the_class_and_those_of_the_constructor() -> None:
    assert PCA(3).attributes() == {"name": "PCA-3", "components": 3, "slow": False}
    assert Median().attributes() == {"name": "median", "slow": False, "settings": Median.settings}


@pytest.mark.parametrize("data", [("digits",), ("photos", "dataset.size=12", "dataset.patches_per_photo=96")], ids=str)
@pytest.mark.parametrize("task", options("task"))
def test_every_baseline_of_every_task_gives_the_shape_of_the_target(task: str, data: tuple[str, ...]) -> None:
    of_digits = DATA.get(task, ()) if data == ("digits",) else ()
    run = opened(complete(f"task={task}", f"dataset={data[0]}", *data[1:], *of_digits))
    torch.manual_seed(0)

    def pairs(name: Any, n: int) -> Pairs:
        example = run.task(run.data.split(name).x[:n].float() / 255)
        return Pairs(example.input.numpy(), example.target.numpy())

    train, val, test = pairs("train", 10_000), pairs("val", 8), pairs("test", 5)
    baselines = run.task.baselines(run.data.source.shape, latent_size=4)
    assert len({baseline.name for baseline in baselines}) == len(baselines) >= 2
    for baseline in baselines:
        restored = baseline.restore(test.input, baseline.fit(lambda: train, lambda: val, psnr))
        assert restored.shape == test.target.shape, baseline.name
        assert np.isfinite(restored).all(), baseline.name
