"""Too little space on the disk before a training, or too little memory: one line says what to reduce."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from aectl.cli.error_messages import advice_while_running, user_error_on_oom
from aectl.cli.main import main
from aectl.errors import UserError
from aectl.training import preflight
from aectl.training.optimizers import AdamW, RMSprop
from tests.conftest import QUICK, Aectl, run_folder
from tests.support.processes import CONTEXT

ADAM, RMS = AdamW(1e-3, [0.9, 0.999], 0.0, players={}), RMSprop(1e-3, 0.9, players={})
TINY = ("net=mlp", "net.hidden=[4]", "model=ae", "model.latent_dim=2", *QUICK)


class Usage(NamedTuple):
    """What `shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


def leave(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - free, free))


class TestDisk:
    """Space for checkpoints."""

    @pytest.mark.parametrize("overrides", [["optimizer=adam"], ["optimizer=rmsprop"], ["net=conv"]])
    def test_estimated_size_is_that_of_the_checkpoint(self, aectl: Aectl, overrides: list[str]) -> None:
        run = run_folder(aectl("train", "model=vae", "net=mlp", *QUICK, *overrides))
        contents = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
        model = nn.ParameterDict({name.replace(".", "_"): value for name, value in contents["state_dict"].items()})
        expected = preflight.checkpoint_bytes(model, RMS if "optimizer=rmsprop" in overrides else ADAM)
        assert (run / "checkpoints" / "last.ckpt").stat().st_size == pytest.approx(expected, rel=0.1)

    def test_low_disk_space_is_a_warning(self, aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
        leave(monkeypatch, 20_000)
        result = aectl("train", *TINY)
        assert result.status == 0
        assert "outputs: 20 kB free on the disk of" in result.err
        assert "; checkpoints take 29 kB, 4 times 7.2" in result.err
        assert result.err.count("outputs:") == 1

    def test_disk_without_space_for_one_checkpoint_is_an_error(
        self, aectl: Aectl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        leave(monkeypatch, 500)
        result = aectl("train", *TINY)
        assert result.status == 2
        assert "outputs: 500 B free" in result.err
        assert result.err.strip().count("\n") == 0
        assert not list(tmp_path.iterdir())

    def test_enough_disk_space_prints_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        leave(monkeypatch, preflight.FILES * 1_000)
        preflight.check_disk_space(tmp_path / "not" / "yet", 1_000)
        assert capsys.readouterr().err == ""


CUDA = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 139 GiB")
CPU = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 25600 bytes.")
CUDNN = RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")
TRAIN = {"data": {"batch_size": 128}, "trainer": {"accumulate_grad_batches": 2}}


class TestLines:
    """The message for an error."""

    @pytest.mark.parametrize(
        ("error", "where"),
        [
            (CUDA, "out of memory on the GPU (tried to allocate 2.50 GiB); "),
            (CPU, "out of memory on the CPU (tried to allocate 25.6 kB); "),
            (CUDNN, "out of memory on the GPU; "),
            (MemoryError(), "out of memory on the CPU; "),
        ],
    )
    def test_message_names_device_and_size(self, error: Exception, where: str) -> None:
        assert said(error, TRAIN) == (
            f"data.batch_size=128: {where}"
            "try data.batch_size=64 trainer.accumulate_grad_batches=4 for the same updates, "
            "or a smaller net, model or image"
        )

    @pytest.mark.parametrize(
        ("config", "key", "remedy"),
        [
            ({"batch_size": 250, "accelerator": "auto"}, "batch_size=250", "try batch_size=125"),
            ({"n": 64, "accelerator": "auto"}, "n=64", "try n=32"),
            ({"tile": None, "accelerator": "auto"}, "tile=None", "try tile=256"),
            ({"tile": 512, "accelerator": "auto"}, "tile=512", "try tile=256"),
            ({"accelerator": "gpu"}, "accelerator=gpu", "try accelerator=cpu"),
            ({**TRAIN, "data": {"batch_size": 1}}, "data.batch_size=1", "try a smaller net"),
        ],
    )
    def test_message_names_the_key_of_each_verb(self, config: dict[str, Any], key: str, remedy: str) -> None:
        line = said(CUDA, config)
        assert line.startswith(f"{key}: out of memory")
        assert remedy in line

    @pytest.mark.parametrize("error", [RuntimeError("shapes differ"), UserError("a: b"), ValueError("out of memory")])
    def test_other_errors_pass_through(self, error: Exception) -> None:
        with pytest.raises(type(error)) as raised, user_error_on_oom(lambda: advice_while_running(TRAIN)):
            raise error
        assert raised.value is error


def said(error: Exception, config: dict[str, Any]) -> str:
    with pytest.raises(UserError) as raised, user_error_on_oom(lambda: advice_while_running(config)):
        raise error
    return str(raised.value)


class TestFaults:
    """Memory that does run out."""

    def test_model_too_large_for_any_machine_leaves_no_folder(self, aectl: Aectl, tmp_path: Path) -> None:
        result = aectl("train", "net=mlp", f"net.hidden=[{10**14}]")
        assert result.status == 2
        assert f"net=hidden [{10**14}]: out of memory on the CPU (tried to allocate" in result.err
        assert result.err.strip().count("\n") == 0
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("n", [1, 2])
    def test_batch_too_large_is_named(self, n: int, tmp_path: Path) -> None:
        """In a sweep of two, one job fails and the other is trained."""
        values = ["4", "1400"][-n:]
        worker = CONTEXT.Process(target=train_in_little_memory, args=(tmp_path, values))
        worker.start()
        worker.join()
        told = (tmp_path / "stderr").read_text()
        assert worker.exitcode == (2 if n == 1 else 1), told
        assert "data.batch_size=1400: out of memory on the CPU (tried to allocate" in told
        assert "try data.batch_size=700 trainer.accumulate_grad_batches=2" in told
        assert "Traceback" not in told
        assert len(list(tmp_path.rglob("best.ckpt"))) == n - 1


def train_in_little_memory(folder: Path, batch_sizes: list[str]) -> None:
    """Trains with half a gigabyte more memory than the process already has."""
    import os
    import resource
    import sys

    with (folder / "stderr").open("w") as file:
        os.dup2(file.fileno(), 2)
    sys.stderr = os.fdopen(2, "w")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 2**29
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    sizes = f"data.batch_size={','.join(batch_sizes)}"
    nets = ("model=rednet", "model.features=128", "task=denoise", "dataset=digits_28")
    several = ("-m",) if len(batch_sizes) > 1 else ()
    main(["train", *several, *nets, *QUICK, sizes, f"outputs={folder}", "trainer.accelerator=cpu"])
