"""Processes that start at once share what one of them makes, never share a run folder, and survive dead ones."""

import errno
import hashlib
import json
import shutil
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image

import aectl as package
from aectl.cli.main import main
from aectl.data.folder.memmap import Store
from aectl.data.folder.splitting import SPLITS
from aectl.data.torchvision import Torchvision
from aectl.errors import UserError
from aectl.evaluation.cache import Arrays, Cache
from aectl.io import locks
from aectl.io.atomic import write_json
from aectl.modalities import image_files
from aectl.runs import checkpoint
from aectl.runs.index import fresh_folder
from tests.conftest import BARE
from tests.data.test_folder import everything, fill, folder, numbered
from tests.data.test_torchvision import MNIST_FILES, mnist_archives
from tests.faults import FACTOR
from tests.support.processes import CONTEXT, PROCESSES, killed, note, together


@pytest.fixture(autouse=True, params=range(1 + FACTOR // 10))
def _again() -> None:
    """As often as `make faults` wants."""


def fingerprint(images: torch.Tensor) -> str:
    return hashlib.blake2b(images.numpy().tobytes()).hexdigest()


class TestLocks:
    """`file_lock`, which everything else here rests on, and `run_lock`."""

    def test_one_process_at_a_time_holds_the_lock(self, tmp_path: Path) -> None:
        together(count_up, tmp_path / "count")
        assert (tmp_path / "count").read_text() == str(10 * PROCESSES)

    def test_a_waiting_process_says_so(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(locks, "PATIENCE", 0.05)
        holder = CONTEXT.Process(target=hold, args=(tmp_path / "map", tmp_path / "holds", 1.0))
        holder.start()
        while not (tmp_path / "holds").exists():
            time.sleep(0.01)
        with locks.file_lock(tmp_path / "map", "decodes photos/"):
            assert capsys.readouterr().err == "waiting for another process, which decodes photos/\n"
        holder.join()

    def test_the_lock_of_a_dead_process_is_free(self, tmp_path: Path) -> None:
        killed(hold, tmp_path / "map", tmp_path / "holds", 60.0, when=(tmp_path / "holds").exists)
        started = time.monotonic()
        with locks.file_lock(tmp_path / "map", "works"):
            assert time.monotonic() - started < 1

    def test_a_second_trainer_of_a_run_is_told_which_process_holds_it(self, tmp_path: Path) -> None:
        holder = CONTEXT.Process(target=hold_run, args=(tmp_path, tmp_path / "holds", 60.0))
        holder.start()
        while not (tmp_path / "holds").exists():
            time.sleep(0.01)
        with pytest.raises(UserError, match=f"process {holder.pid} is already training it; wait or stop it first"):
            locks.run_lock(tmp_path).__enter__()
        holder.kill()
        holder.join()
        with locks.run_lock(tmp_path):
            pass
        with locks.run_lock(tmp_path):
            pass

    def test_an_unknown_holder_of_the_lock_is_shown_as_a_question_mark(self, tmp_path: Path) -> None:
        with locks.run_lock(tmp_path):
            (tmp_path / ".lock.pid").unlink()
            with pytest.raises(UserError, match=r"process \? is already training it"):
                locks.run_lock(tmp_path).__enter__()

    def test_a_file_system_without_locks_trains_without_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*args: Any, **kwargs: Any) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(locks.FileLock, "acquire", refuse)
        with locks.run_lock(tmp_path):
            pass


def count_up(path: Path) -> None:
    for _ in range(10):
        with locks.file_lock(path, "counts"):
            path.write_text(str(int(path.read_text() if path.exists() else 0) + 1))


def hold(path: Path, sign: Path, seconds: float) -> None:
    with locks.file_lock(path, "waits"):
        sign.touch()
        time.sleep(seconds)


def hold_run(folder: Path, sign: Path, seconds: float) -> None:
    with locks.run_lock(folder):
        sign.touch()
        time.sleep(seconds)


def test_runs_that_start_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    folders = [path for paths in together(three_folders, tmp_path / "runs" / "2026-01-31_12-00-00") for path in paths]
    assert len(set(folders)) == 3 * PROCESSES
    assert all(path.is_dir() for path in folders)


def three_folders(wanted: Path) -> list[Path]:
    return [fresh_folder(wanted) for _ in range(3)]


def test_concurrent_writers_of_one_file_leave_a_whole_one(tmp_path: Path) -> None:
    together(write_often, tmp_path / "metrics.json")
    assert len(set(json.loads((tmp_path / "metrics.json").read_text()))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]


def write_often(path: Path) -> None:
    for number in range(10):
        write_json(path, [number] * 5_000)
        assert len(set(json.loads(path.read_text()))) == 1


def test_concurrent_processes_compute_a_fit_once(tmp_path: Path) -> None:
    found = together(fitted, tmp_path)
    assert (tmp_path / "log").read_text() == "computed\n"
    assert found == [[0, 1, 2]] * PROCESSES


def fitted(folder: Path) -> list[int]:
    def compute() -> Arrays:
        note(folder / "log", "computed")
        time.sleep(0.3)
        return {"fit": np.arange(3)}

    return Cache(folder / "cache").get({"baseline": "PCA"}, compute)["fit"].tolist()


class TestMaps:
    """The memory map of a folder of pictures."""

    def test_concurrent_processes_decode_each_picture_once(self, tmp_path: Path) -> None:
        root = fill(tmp_path / "photos", numbered(24))
        found = together(decoded, root, tmp_path / "log")
        assert Counter((tmp_path / "log").read_text().split()) == dict.fromkeys(numbered(24), 1)
        assert len(set(found)) == 1
        left = sorted(path.suffix for path in (tmp_path / "cache").iterdir())
        assert left == ["", ".lock"]

    def test_what_a_killed_decoder_left_is_cleared_away(self, tmp_path: Path) -> None:
        root, cache, log = fill(tmp_path / "photos", numbered(24)), tmp_path / "cache", tmp_path / "log"
        killed(decoded, root, log, 0.2, when=lambda: log.exists() and log.read_text().count("\n") > 3)
        assert [path for path in cache.iterdir() if path.is_dir()]  # what it left
        data = folder(root)
        assert len(everything(data)) == 24
        assert [path for path in cache.iterdir() if path.is_dir()] == [data.store.folder]

    def test_a_map_that_another_process_replaces_stays_readable(self, tmp_path: Path) -> None:
        root = fill(tmp_path / "photos", numbered(12))
        data = folder(root)
        data.prepare()
        Image.new("RGB", (20, 20), "red").save(root / "new.png")
        changed = folder(root)
        assert len(everything(changed)) == 13
        assert Store.find(data.store.folder) is None
        assert len(everything(data)) == 12
        assert not {fingerprint(row) for row in everything(data)} - {fingerprint(row) for row in everything(changed)}


def decoded(root: Path, log: Path, seconds: float = 0.0) -> str:
    """What the splits of a folder come to; each file that is decoded is noted."""
    read = image_files.read_image

    def noted(path: Path, channels: int | None = None) -> np.ndarray:
        note(log, path.name)
        time.sleep(seconds)
        return read(path, channels)

    with patch("aectl.modalities.image_files.read_image", noted):
        return fingerprint(everything(folder(root)))


class Requests(SimpleHTTPRequestHandler):
    """Serves a folder slowly, and notes what was asked for in a file beside it."""

    def do_GET(self) -> None:
        note(Path(self.directory).with_suffix(".log"), Path(self.path).name)
        time.sleep(0.1)
        super().do_GET()

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The address of a tiny MNIST, and the names and checksums of its files."""
    (tmp_path / "mirror").mkdir()
    resources = []
    for name, content in mnist_archives().items():
        (tmp_path / "mirror" / name).write_bytes(content)
        resources.append((name, hashlib.md5(content).hexdigest()))
    handler = partial(Requests, directory=str(tmp_path / "mirror"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", resources
        server.shutdown()


class TestDownloads:
    """torchvision's data sets, from a server on this machine."""

    def test_concurrent_processes_download_each_file_once(self, tmp_path: Path, mirror: tuple[str, Any]) -> None:
        found = together(fetched, tmp_path / "data", *mirror)
        assert len(set(found)) == 1
        asked = Counter((tmp_path / "mirror.log").read_text().split())
        assert asked == {name: 2 for name, _ in mirror[1]}  # torchvision asks for redirections first

    def test_a_killed_download_leaves_no_partial_file(self, tmp_path: Path, mirror: tuple[str, Any]) -> None:
        log = tmp_path / "mirror.log"
        killed(fetched, tmp_path / "data", *mirror, when=lambda: log.exists() and log.read_text().count("\n") == 3)
        assert not list((tmp_path / "data" / "MNIST").rglob("*ubyte"))
        fetched(tmp_path / "data", *mirror)
        assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [".MNIST.lock", "MNIST"]


def fetched(root: Path, address: str, resources: list[tuple[str, str]]) -> str:
    """What the splits of MNIST come to, downloaded from a mirror."""
    files = [f"MNIST/raw/{name}" for name in MNIST_FILES]
    with (
        patch("torchvision.datasets.MNIST.mirrors", [address]),
        patch("torchvision.datasets.MNIST.resources", resources),
    ):
        data = Torchvision("MNIST", str(root), (1, 28, 28), files, None)
        return fingerprint(torch.cat([data.split(name).x for name in SPLITS]))


def test_concurrent_evaluations_of_one_run_leave_whole_files(runs: dict[str, Path]) -> None:
    together(evaluated, runs["ae"], processes=2)
    (folder,) = (runs["ae"] / "eval").iterdir()
    assert json.loads((folder / "metrics.json").read_text())["protocol"]["split"] == "test"
    with Image.open(folder / "pictures.png") as picture:
        picture.load()
    assert not list(folder.glob(".*"))


def evaluated(run: Path) -> None:
    main(["eval", str(run), *BARE, "accelerator=cpu"])


def test_a_run_can_be_opened_at_any_moment_of_its_training(tmp_path: Path) -> None:
    run = tmp_path / "run"
    trainer = CONTEXT.Process(target=trained, args=(run,))
    trainer.start()
    opened = 0
    while trainer.is_alive():
        if (run / "checkpoints" / "best.ckpt").exists():
            model = package.open(str(run), accelerator="cpu")
            assert model.reconstruct(torch.zeros(1, 8, 8)).isfinite().all()
            opened += 1
    assert trainer.exitcode == 0
    assert opened > 10


def trained(run: Path) -> None:
    main(["train", "model=ae", "net=mlp", "model.latent_dim=2", "trainer.max_epochs=30", f"hydra.run.dir={run}"])


def test_a_checkpoint_that_is_replaced_while_it_is_read_is_read_again(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, newer = tmp_path / "best.ckpt", runs["vae"] / "checkpoints" / "best.ckpt"
    shutil.copy(runs["ae"] / "checkpoints" / "best.ckpt", path)
    original, times = checkpoint.list_entries, 0

    def replaced(of: Path) -> list[zipfile.ZipInfo]:
        nonlocal times
        found, times = original(of), times + 1
        if times == 1:
            shutil.copy(newer, tmp_path / "aside")
            (tmp_path / "aside").replace(path)
        return found

    monkeypatch.setattr(checkpoint, "list_entries", replaced)
    weights = checkpoint.read_checkpoint(path)["state_dict"]
    assert weights.keys() == checkpoint.read_checkpoint(newer)["state_dict"].keys()
    assert times == 3
