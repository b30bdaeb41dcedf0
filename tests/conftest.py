"""What the tests share: the program as a user calls it, and runs trained once."""

import gc
import io
import json
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock

from aectl.cli.main import main
from tests.support import parsed_configs

os.environ["OMP_NUM_THREADS"] = (
    "1"  # before torch: tests run beside each other, and threads that wait for a core cost most
)
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a program that a test starts takes a second longer without
IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
if not IS_WORKER:  # what one test has fitted serves the others, in all workers
    os.environ["AECTL_CACHE"] = tempfile.mkdtemp(prefix="aectl-tests-")
parsed_configs.install()
QUICK = ("trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.limit_val_batches=1")
"""Overrides that make a training as short as it can be."""
COMPARED = ("embeddings=false", "samples=0", "importance_samples=0", "pictures=1")
"""Overrides that leave of an evaluation the model's scores, those of the baselines, and a small picture."""
BARE = ("baselines=false", *COMPARED)
"""Overrides that leave of an evaluation the model's scores and a small picture."""
EPOCHS = "trainer.max_epochs=3"
TRAINED = {
    "vae": ["model=vae", "task=denoise", "recipe=default", "net=conv", "likelihood=gaussian"],
    "ae": ["model=ae", "net=mlp", "model.latent_dim=2"],
    "grid": ["model=vae", "task=super-res", "net.latent=grid", "model.latent_dim=4"],
    "rednet": ["model=rednet", "model.features=8", "task=denoise"],
}

FEW_PHOTOS = ("dataset=photos", "dataset.patches_per_photo=8")
BARELY_TRAINED = {
    "rednet": ["model=rednet", "task=denoise", *FEW_PHOTOS],
    "grid": ["model=ae", "task=super-res", "net.latent=grid", *FEW_PHOTOS],
    "tiny": ["model=rednet", "model.features=2", "model.depth=2", *FEW_PHOTOS],
    "salt": ["model=ae", "net.features=4", "task=denoise_salt_pepper", *FEW_PHOTOS],
    "vector": ["model=vae", "net=mlp", "model.latent_dim=3"],
    "inpaint": ["model=rednet", "model.features=2", "model.depth=2", "task=inpaint", *FEW_PHOTOS],
    "colorize": ["model=rednet", "model.features=2", "model.depth=2", "task=colorize", *FEW_PHOTOS],
}


class Result(NamedTuple):
    """What a call of the program left: its exit status and what it printed."""

    status: int
    out: str
    err: str


Aectl = Callable[..., Result]


def pytest_configure() -> None:
    """Lets Ctrl-C, which tests send, reach them where a shell has started them in the background and so ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Keeps the imported modules out of garbage collection: a full one took 0.4 s, hundreds of times."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Lets extension modules find their objects freed at exit, as they report a leak otherwise; empties the cache."""
    gc.unfreeze()
    if not IS_WORKER:
        shutil.rmtree(os.environ["AECTL_CACHE"], ignore_errors=True)


@contextmanager
def state_restored() -> Iterator[None]:
    """The program sets its own arguments, environment and log; what follows must not see them."""
    environment, arguments = dict(os.environ), list(sys.argv)
    yield
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = arguments
    for handler in [each for each in logging.root.handlers if not type(each).__module__.startswith("_pytest")]:
        logging.root.removeHandler(handler)
        handler.close()


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    with state_restored():
        yield


@pytest.fixture
def aectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Aectl:
    """Calls the program in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Result:
        capfd.readouterr()
        status = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = int(end.code or 0)
        out, err = capfd.readouterr()
        return Result(status, out, err)

    return call


def run_folder(result: Result) -> Path:
    """The folder of the run that a training printed."""
    found = re.search(r"(\S+)/\n", result.out)
    assert found, result
    return Path(found[1])


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> dict[str, Path]:
    """A denoising VAE, a plain autoencoder with two latents, a super-resolver with a latent grid, and a RED-Net."""
    return train_once(shared_folder(tmp_path_factory, worker_id) / "trained", TRAINED, [EPOCHS])


@pytest.fixture(scope="session")
def barely_trained(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> dict[str, Path]:
    """Runs that are a few steps old: restorers of photographs, among them a quick one, and a VAE of digits."""
    return train_once(shared_folder(tmp_path_factory, worker_id) / "barely-trained", BARELY_TRAINED, QUICK)


def shared_folder(factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A temporary folder that all workers of this call of pytest have in common."""
    own = factory.getbasetemp()
    return own if worker_id == "master" else own.parent


def train_once(outputs: Path, named: dict[str, list[str]], common: Sequence[str]) -> dict[str, Path]:
    """The runs that `train` makes; the first worker that asks trains them for all, and nobody may change them."""
    finished = outputs / "finished"
    with FileLock(f"{outputs}.lock"):
        if not finished.exists():
            train(outputs, named, common)
            finished.touch()
    return {name: outputs / name for name in named}


def train(outputs: Path, named: dict[str, list[str]], common: Sequence[str]) -> dict[str, Path]:
    """The folders of runs with these overrides."""
    for name, overrides in named.items():
        with state_restored():
            main(["train", *overrides, *common, f"hydra.run.dir={outputs / name}"])
    return {name: outputs / name for name in named}


def printed_in(folder: Path, *arguments: object) -> str:
    """What the program prints, called in this folder, for fixtures of more than one test."""
    with state_restored(), chdir(folder), redirect_stdout(io.StringIO()) as out:
        main([str(argument) for argument in arguments])
    return out.getvalue()


@pytest.fixture
def runs(trained: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Copies of the trained runs, to write into."""
    return {name: Path(shutil.copytree(path, tmp_path / "outputs" / name)) for name, path in trained.items()}


def report_of(run: Path, folder: str = "*") -> dict[str, Any]:
    """What an evaluation of the run left in metrics.json."""
    (path,) = (run / "eval").glob(f"{folder}/metrics.json")
    return json.loads(path.read_text())
