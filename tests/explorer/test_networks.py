"""The networks of a page compute what the checkpoint does."""

from pathlib import Path

import numpy as np
import pytest

import aectl as package
from aectl.errors import UserError
from aectl.explorer import networks, pictures
from aectl.explorer.networks import export_networks
from aectl.explorer.pictures import PictureView
from aectl.inference import export

pytest.importorskip("onnxscript")
import onnxruntime


def run(file: bytes, *inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))[0]


def test_half_precision_halves_the_file_and_shows_in_no_pixel(trained: dict[str, Path]) -> None:
    opened = package.open(trained["vae"])
    single, half = (export_networks(opened, PictureView(), precision) for precision in ("fp32", "auto"))
    z = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)
    expected = opened.decode(z).numpy()
    assert np.abs(run(single.files["decoder"], z) - expected).max() < 1e-5
    assert 0 < np.abs(run(half.files["decoder"], z) - expected).max() < 0.5 / 255
    assert len(half.files["decoder"]) < 0.6 * len(single.files["decoder"])
    assert sorted(half.files) == ["decoder", "encoder"]


def test_a_model_without_a_latent_is_whole(trained: dict[str, Path]) -> None:
    assert sorted(export_networks(package.open(trained["rednet"]), PictureView(), "fp16").files) == ["whole"]


def test_weights_that_half_precision_would_show_stay_exact(
    trained: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "HALF_A_LEVEL", 1e-9)
    opened = package.open(trained["ae"])
    assert export_networks(opened, PictureView(), "auto").files == export_networks(opened, PictureView(), "fp32").files


def test_networks_that_are_too_large_are_refused(trained: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "MOST_BYTES", 1000)
    opened = package.open(trained["ae"])
    with pytest.raises(UserError, match=r"^precision=fp32: the networks take .* at most .*; use precision=fp16"):
        export_networks(opened, PictureView(), "fp32")
    with pytest.raises(UserError, match="train a smaller net"):
        export_networks(opened, PictureView(), "fp16")


def test_a_model_without_an_onnx_form_is_said(trained: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no decomposition for aten.linalg_eig")

    monkeypatch.setattr(export, "save_onnx", fail)
    found = export_networks(package.open(trained["ae"]), PictureView(), "auto")
    assert found.files == {}
    assert "it has no ONNX form (no decomposition for aten.linalg_eig)" in found.problem
