"""trainer=fast: compilation, bfloat16 and channels last, and what happens without them."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch._dynamo.exc import TorchDynamoException

from aectl.example import Example
from aectl.runs import open as open_run
from aectl.training import torch_internals
from aectl.training.compile import Compiled
from aectl.training.trainer import TrainerConfig
from tests.conftest import QUICK, Aectl, run_folder

CPU = torch.device("cpu")
FAST = ("trainer=fast", "trainer.accelerator=cpu")
COMPILER = pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="needs a C++ compiler")


def double(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


@COMPILER
def test_compiled_function_gives_the_same_result() -> None:
    compiled = Compiled(double, CPU)
    assert torch.equal(compiled(torch.arange(3.0)), torch.tensor([0.0, 2.0, 4.0]))
    assert compiled.fast


def test_function_is_called_uncompiled_without_a_compiler(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert Compiled(double, CPU)(torch.ones(1)).item() == 2
    said = capsys.readouterr().err
    assert said.startswith("trainer.compile: not compiled")
    assert "no C++ compiler" in said


def test_compile_error_is_reported_once_and_training_continues(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*args: object) -> None:
        raise TorchDynamoException("CppCompileError: it is broken\nand more")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    compiled = Compiled(double, CPU)
    assert [compiled(torch.ones(1)).item() for _ in range(3)] == [2, 2, 2]
    assert capsys.readouterr().err.count("CppCompileError: it is broken\n") == 1


@pytest.mark.parametrize("error", [ValueError, RuntimeError, torch.OutOfMemoryError])
def test_error_of_the_function_itself_is_raised_at_its_first_call(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = []

    def wrong(x: torch.Tensor) -> torch.Tensor:
        calls.append(x)
        raise error("wrong shape")

    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(error, match="wrong shape"):
        Compiled(wrong, CPU)(torch.ones(1))
    assert len(calls) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("there", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bfloat16_is_used_if_the_device_has_it(
    aectl: Aectl, monkeypatch: pytest.MonkeyPatch, there: bool, precision: str
) -> None:
    used: list[str] = []
    make = TrainerConfig.make
    monkeypatch.setattr(torch_internals, "has_bfloat16", lambda _: there)
    monkeypatch.setattr(
        TrainerConfig, "make", lambda self, **flags: used.append(self.resolve_precision()[0]) or make(self, **flags)
    )
    result = aectl("train", "net=mlp", *QUICK, *FAST, "trainer.compile=false")
    assert result.status == 0, result.err
    assert used == [precision]
    assert ("training in float32: cpu has no bfloat16" in result.err) != there


@COMPILER
def test_fast_training_ends_at_the_same_validation_loss(aectl: Aectl) -> None:
    losses = {}
    for trainer in (("trainer=cpu",), FAST):
        result = aectl("train", "net=mlp", "likelihood=bernoulli", "trainer.max_epochs=20", *trainer)
        assert "not compiled" not in result.err
        losses[trainer] = json.loads((run_folder(result) / "summary.json").read_text())["best"]
    plain, fast = losses.values()
    assert fast == pytest.approx(plain, rel=0.01)


def test_loss_is_computed_in_single_precision_under_autocast(runs: dict[str, Path]) -> None:
    for name in ("vae", "rednet"):
        model = open_run(runs[name]).load(CPU)
        x = torch.rand(64, *model.shape)
        with torch.inference_mode():
            exact = model.loss(Example(x, x))["loss"]
            with torch.autocast("cpu", torch.bfloat16):
                terms = model.loss(Example(x, x))
        assert all(term.dtype == torch.float32 for term in terms.values())
        assert terms["loss"] == pytest.approx(float(exact), rel=0.05)


def test_images_are_channels_last_if_nothing_is_compiled(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    from aectl.models.vae import VAE

    loss = VAE.loss

    def looking(self: VAE, example: object, *args: object) -> object:
        seen.append(example.target.is_contiguous(memory_format=torch.channels_last))  # type: ignore[attr-defined]
        return loss(self, example, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(VAE, "loss", looking)
    patches = ("dataset=photos", "dataset.size=16", "dataset.patches_per_photo=4", *QUICK, "callbacks=default")
    assert aectl("train", *patches, "trainer.channels_last=true").status == 0
    assert seen
    assert all(seen)
    seen.clear()
    assert aectl("train", *patches).status == 0
    assert not any(seen)
