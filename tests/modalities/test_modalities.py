"""The modalities: conversion, checks, scores, previews and files of images and vectors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aectl.errors import UserError
from aectl.modalities import Images, Vectors, image_files, modality_for
from aectl.modalities.image_metrics import mse, psnr, ssim

IMAGES, VECTORS = Images((3, 12, 14)), Vectors((7,))
BOTH = pytest.mark.parametrize("modality", [IMAGES, VECTORS], ids=lambda modality: modality.name)


def test_the_number_of_axes_decides_the_modality() -> None:
    assert modality_for((3, 12, 14)) == IMAGES
    assert modality_for((7,)) == VECTORS
    for shape in [(), (4, 5), (1, 2, 3, 4)]:
        with pytest.raises(
            UserError, match=r"dataset: examples of shape .*; expected \(C, H, W\) for images or \(D,\)"
        ):
            modality_for(shape)


@BOTH
def test_uint8_survives_the_round_trip_to_the_model(modality: Images | Vectors) -> None:
    stored = torch.arange(256, dtype=torch.uint8)
    floats = modality.to_model(stored)
    assert floats.dtype == torch.float32
    assert floats.tolist() == pytest.approx(np.arange(256) / 255)
    assert torch.equal(modality.to_uint8(floats), stored)
    assert stored.tolist() == list(range(256))


@BOTH
def test_floating_point_is_passed_to_the_model_unchanged(modality: Images | Vectors) -> None:
    values = torch.tensor([0.5, 3.0])
    assert modality.to_model(values) is values


@BOTH
def test_output_is_clipped_and_rounded_to_uint8(modality: Images | Vectors) -> None:
    output = torch.tensor([-1.0, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 7.0])
    assert modality.to_uint8(output).tolist() == [0, 0, 0, 1, 255, 255]
    assert output.tolist()[0] == -1


@BOTH
def test_values_out_of_range_are_refused_with_their_split(modality: Images | Vectors) -> None:
    modality.check(torch.tensor([0.0, 1.0]), "dataset", "val")
    with pytest.raises(UserError, match=r"dataset: its val split has values from 0 to 1\.5 \(float32\); expected"):
        modality.check(torch.tensor([0.0, 1.5]), "dataset", "val")


def test_images_are_scored_by_psnr_ssim_and_mse_of_clipped_outputs() -> None:
    target = torch.rand(4, 3, 12, 14)
    output = target + 0.3 * torch.randn_like(target)
    scores = IMAGES.score(output, target)
    assert list(scores) == list(IMAGES.metrics) == ["psnr", "ssim", "mse"]
    for name, metric in {"psnr": psnr, "ssim": ssim, "mse": mse}.items():
        assert torch.equal(scores[name], metric(output.clamp(0, 1), target))


def test_large_images_have_an_ms_ssim_too() -> None:
    assert list(Images((1, 176, 200)).metrics) == ["psnr", "ssim", "mse", "ms_ssim"]
    assert list(Images((1, 175, 200)).metrics) == ["psnr", "ssim", "mse"]


def test_vectors_are_scored_by_psnr_and_mse() -> None:
    target = torch.rand(4, 7)
    scores = VECTORS.score(target + 0.1, target)
    assert list(scores) == list(VECTORS.metrics) == ["psnr", "mse"]
    error = ((target + 0.1).clamp(0, 1) - target).square().mean(1)
    assert scores["mse"].tolist() == pytest.approx(error.tolist())
    assert scores["psnr"].tolist() == pytest.approx((-10 * error.log10()).tolist(), rel=1e-5)


def test_a_preview_of_images_has_a_row_for_each_batch() -> None:
    picture = IMAGES.preview([torch.zeros(4, 3, 6, 7), torch.ones(4, 3, 12, 14)])
    assert picture.dtype == torch.uint8
    assert picture.shape == (3, 2 * 14 + 2, 4 * 16 + 2)
    assert (picture[:, 2:14, 2:16] == 0).all()
    assert (picture[:, 16:28, 2:16] == 255).all()


def test_the_last_row_of_a_preview_may_be_shorter() -> None:
    picture = IMAGES.preview(torch.zeros(5, 3, 12, 14).split(3))
    assert picture.shape == (3, 2 * 14 + 2, 3 * 16 + 2)
    assert (picture == 0).sum() == 5 * 3 * 12 * 14


def test_vectors_have_no_preview_and_no_files(tmp_path: Path) -> None:
    assert VECTORS.preview([torch.zeros(4, 7)]) is None
    with pytest.raises(UserError, match=r"a\.png: vectors are not read from single files"):
        VECTORS.read_file(tmp_path / "a.png")


def test_an_image_file_is_read_with_the_channels_of_the_modality(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 6), dtype=np.uint8)
    path = image_files.write_image(pixels, tmp_path / "a.png")
    assert np.array_equal(IMAGES.read_file(path), pixels)
    assert Images((1, 5, 6)).read_file(path).shape == (1, 5, 6)


def test_images_of_any_usual_form_become_a_batch() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 14, 3), dtype=np.uint8)
    expected = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    forms = [pixels, pixels.transpose(2, 0, 1), pixels[None], pixels / 255, torch.from_numpy(pixels), [pixels]]
    for form in [*forms, Image.fromarray(pixels)]:
        assert torch.allclose(IMAGES.to_batch(form), expected)
    assert IMAGES.to_batch([pixels, pixels]).shape == (2, 3, 12, 14)
    assert Images((1, 12, 14)).to_batch(pixels[..., 0]).shape == (1, 1, 12, 14)


def test_images_of_another_size_are_accepted_only_where_any_size_will_do() -> None:
    larger = torch.zeros(2, 3, 20, 30)
    assert IMAGES.to_batch(larger, any_size=True).shape == larger.shape
    with pytest.raises(UserError, match=r"x: images of shape \(2, 3, 20, 30\); expected \(N, 3, 12, 14\)"):
        IMAGES.to_batch(larger)
    with pytest.raises(UserError, match=r"x: images of shape \(2, 3, 20, 30, 4\); expected \(N, 3, height, width\)"):
        IMAGES.to_batch(torch.zeros(2, 3, 20, 30, 4), any_size=True)
    with pytest.raises(UserError, match=r"x: images of shape \(2, 1, 20, 30\); expected \(N, 3, height, width\)"):
        IMAGES.to_batch(torch.zeros(2, 1, 20, 30), any_size=True)


def test_vectors_of_any_usual_form_become_a_batch() -> None:
    values = np.linspace(0, 1, 7)
    expected = torch.from_numpy(values).float()[None]
    for form in [values, values[None], torch.from_numpy(values), [values]]:
        assert torch.equal(VECTORS.to_batch(form), expected)
    assert VECTORS.to_batch([values, values]).shape == (2, 7)
    with pytest.raises(UserError, match=r"x: vectors of shape \(1, 8\); expected \(N, 7\)"):
        VECTORS.to_batch(torch.zeros(8))


@pytest.mark.parametrize(
    "values", [torch.full((7,), 2.0), torch.full((7,), torch.nan), torch.zeros(7, dtype=torch.int)]
)
def test_a_batch_of_values_out_of_range_is_refused(values: torch.Tensor) -> None:
    with pytest.raises(UserError, match=r"x: values of torch\..*; expected uint8, or floating point from 0 to 1"):
        VECTORS.to_batch(values)


def test_the_hidden_part_is_scored_by_itself_beside_the_whole() -> None:
    target, hidden = torch.rand(4, 3, 12, 14), torch.zeros(4, 1, 12, 14)
    output = target + 0.1 * torch.randn_like(target)
    hidden[..., :5] = 1
    scores = IMAGES.score(output, target, hidden=hidden)
    assert list(scores) == list(IMAGES.columns(scores)) == [*IMAGES.metrics, "psnr_hidden"]
    assert torch.equal(scores["psnr"], psnr(output.clamp(0, 1), target))
    torch.testing.assert_close(scores["psnr_hidden"], psnr(output[..., :5].clamp(0, 1), target[..., :5]))
    assert list(IMAGES.score(output, target, hidden=hidden, names=["psnr"])) == ["psnr"]
    assert IMAGES.columns(["psnr"]) == IMAGES.metrics
