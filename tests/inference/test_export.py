"""Exported files compute what the checkpoint does, also for other batch and image sizes than they were made with."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import aectl as package
from aectl.inference import export
from aectl.inference.export import SUFFIXES, Exported, Part, load, onnx_runner, write_part
from tests.conftest import Aectl
from tests.models.test_music_vae import music_vae, windows

FORMATS = list(SUFFIXES)


@pytest.fixture
def runs(barely_trained: dict[str, Path]) -> dict[str, Path]:
    return barely_trained


def skip_without_libraries(format: str) -> None:
    if format == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")


def stored_config(format: str, path: Path) -> str:
    """The config that an exported file carries."""
    if format == "onnx":
        import onnx

        model = onnx.load(path)
        assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["input", "output"]
        return {prop.key: prop.value for prop in model.metadata_props}[export.CONFIG]
    files: dict[str, Any] = {export.CONFIG: ""}
    if format == "torchscript":
        torch.jit.load(path, _extra_files=files)
        return files[export.CONFIG].decode()
    torch.export.load(path, extra_files=files)
    return files[export.CONFIG]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("run", "sides"), [("rednet", (30, 52)), ("grid", (36, 20)), ("vector", (8, 8)), ("salt", (36, 20))]
)
@pytest.mark.filterwarnings("ignore:.*torch.jit:Warning")
def test_files_agree_with_the_run_and_carry_its_config(
    aectl: Aectl, runs: dict[str, Path], format: str, run: str, sides: tuple[int, int]
) -> None:
    skip_without_libraries(format)
    result = aectl("export", runs[run], f"format={format}", "output=out")
    assert result.status == 0, result.err
    assert "largest difference" in result.out
    assert stored_config(format, Path(f"out/whole{SUFFIXES[format]}")) == (runs[run] / "config.yaml").read_text()
    model = package.open(str(runs[run]), accelerator="cpu")
    x = torch.rand(5, model.model.input_shape[0], *sides)
    x[:, :, 2:4, 3] = 1  # as noise would, or a white stroke
    found = load(format, Path(f"out/whole{SUFFIXES[format]}"))(x)
    torch.testing.assert_close(found, model.reconstruct(x), atol=1e-4, rtol=0)
    if run == "vector":
        z = load(format, Path(f"out/encoder{SUFFIXES[format]}"))(x)
        torch.testing.assert_close(z, model.encode(x), atol=1e-4, rtol=0)
        images = load(format, Path(f"out/decoder{SUFFIXES[format]}"))(z)
        torch.testing.assert_close(images, model.reconstruct(x), atol=1e-4, rtol=0)
    described = json.loads(Path("out/description.json").read_text())["files"]
    assert set(described) == ({"whole"} if run == "rednet" else {"whole", "encoder", "decoder"})


def test_a_file_that_differs_is_refused_and_not_kept(
    aectl: Aectl, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aectl.inference.export.load", lambda *_: lambda x: x[:, :1].expand(-1, 1, 8, 8) + 1)
    result = aectl("export", runs["vector"], "output=out")
    assert result.status == 2
    assert "differs from the checkpoint" in result.err
    assert not list(Path("out").glob("whole*"))


def test_a_missing_onnx_is_reported_with_what_to_install(
    aectl: Aectl, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = aectl("export", runs["vector"], "format=onnx", "output=out")
    assert result.status == 2
    assert "pip install 'aectl[onnx]'" in result.err
    assert aectl("export", runs["vector"], "format=tflite").status == 2


def test_a_model_without_such_a_form_is_one_line_and_leaves_no_file(
    aectl: Aectl, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("data-dependent\ncontrol flow")

    monkeypatch.setattr(torch.export, "export", refuse)
    result = aectl("export", runs["vector"], "format=torch_export", f"output={tmp_path / 'files'}")
    assert result.status == 2
    assert "format=torch_export: whole has no such form (data-dependent control flow)" in result.err
    assert not list(tmp_path.rglob("*.pt2"))


def test_a_decoder_that_writes_step_by_step_is_a_loop_in_its_onnx_file(tmp_path: Path) -> None:
    skip_without_libraries("onnx")
    import onnx

    model = music_vae((3, 5), segments=2).eval()
    for parameter in model.decoder.requires_grad_(False).parameters():
        parameter.normal_(0, 2)
    x = windows(6, (3, 5))
    path = write_part(Part(Exported(model, "reconstruct"), {"input": x[:3]}, "output"), "onnx", "", tmp_path / "a.onnx")
    graph = onnx.load(path).graph
    assert [value.name for value in (*graph.input, *graph.output)] == ["input", "output"]
    assert [node.op_type for node in graph.node].count("Scan") == 1
    torch.testing.assert_close(onnx_runner(str(path))(x), model.reconstruct(x))
