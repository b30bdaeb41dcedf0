"""Training, baselines and scores use the right splits; copies stay in one split; values out of range are refused."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import Tensor

from aectl.data.arrays import Idx, Npz
from aectl.data.loader import Batches, Data
from aectl.data.source import Split, SplitName
from aectl.errors import UserError
from aectl.evaluation.baseline_comparison import BaselineComparison, Pairs
from aectl.evaluation.cache import Cache
from aectl.inference.trained_run import TrainedRun
from aectl.runs import open as open_run
from aectl.tasks.baselines.base import State
from tests.conftest import BARE, Aectl, run_folder
from tests.data.test_arrays import idx_bytes

TRAIN, TEST = 90, 20
EARLY = ("callbacks=early_stopping", "callbacks.early_stopping.patience=1", "trainer.max_epochs=8", "optimizer.lr=0.05")
TINY = ("net=mlp", "net.hidden=[16]", "model=ae", "model.latent_dim=4", "task=denoise", "trainer.accelerator=cpu")


def numbered(numbers: range, seed: int) -> np.ndarray:
    """Images of 8x8 noise that carry their number in binary in the first row."""
    images = np.random.default_rng(seed).integers(0, 256, (len(numbers), 8, 8), dtype=np.uint8)
    images[:, 0] = 255 * ((np.array(numbers)[:, None] >> np.arange(8)) & 1)
    return images


def numbers_of(images: Tensor | np.ndarray) -> set[int]:
    """The numbers that images (N, 1, 8, 8), of 0 to 255 or 0 to 1, carry."""
    row = np.asarray(images)[:, 0, 0]
    return set((((row > 0) << np.arange(8)).sum(axis=1)).tolist())


def data_set(path: Path, test_seed: int = 1) -> Path:
    np.savez(path, x_train=numbered(range(TRAIN), 0), x_test=numbered(range(TRAIN, TRAIN + TEST), test_seed))
    return path


class Watch:
    """The splits that were read, and the examples taken by shuffled and by ordered batches."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self.taken: dict[bool, set[int]] = {True: set(), False: set()}


@contextmanager
def watching() -> Iterator[Watch]:
    """Records every read of a data set."""
    watch, split, take = Watch(), Npz.split, Batches.take

    def asked(self: Npz, name: SplitName) -> Split:
        watch.asked.add(name)
        return split(self, name)

    def taken(self: Batches, part: Tensor) -> dict[str, Tensor]:
        batch = take(self, part)
        watch.taken[self.shuffle] |= numbers_of(batch["x"])
        return batch

    with patch.object(Npz, "split", asked), patch.object(Batches, "take", taken):
        yield watch


def sides(path: Path) -> dict[str, set[int]]:
    """The numbers of the images in each split."""
    data = Npz(str(path), val=0.1, test=0.1)
    return {name: numbers_of(data.split(name).x) for name in ("train", "val", "test")}


def trained(aectl: Aectl, path: Path, *overrides: str) -> Path:
    result = aectl("train", "dataset=npz", f"dataset.path={path}", *TINY, *EARLY, *overrides)
    assert result.status == 0, result.err
    return run_folder(result)


class TestTraining:
    """Training and early stopping."""

    def test_never_reads_the_test_split(self, aectl: Aectl, tmp_path: Path) -> None:
        path = data_set(tmp_path / "data.npz")
        with watching() as watch:
            run = trained(aectl, path)
        split = sides(path)
        assert watch.asked == {"train", "val"}
        assert watch.taken == {True: split["train"], False: split["val"]}
        assert split["test"] == set(range(TRAIN, TRAIN + TEST))
        assert json.loads((run / "summary.json").read_text())["epochs"] > 1  # it validated more than once

    def test_does_not_depend_on_the_test_split(self, aectl: Aectl, tmp_path: Path) -> None:
        found = []
        for seed in (1, 2):
            run = trained(aectl, data_set(tmp_path / "data.npz", seed))
            contents = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
            found.append((contents["state_dict"], contents["epoch"], json.loads((run / "summary.json").read_text())))
        (weights, epoch, summary), (again, epoch_again, summary_again) = found
        assert all(torch.equal(weights[name], again[name]) for name in weights)
        assert (epoch, summary["epochs"], summary["best"]) == (
            epoch_again,
            summary_again["epochs"],
            summary_again["best"],
        )


class TestEvaluation:
    """Baselines and scores."""

    @pytest.mark.parametrize("split", ["test", "val"])
    def test_scores_the_chosen_split_only(self, aectl: Aectl, tmp_path: Path, split: str) -> None:
        path = data_set(tmp_path / "data.npz")
        run = trained(aectl, path)
        with watching() as watch:
            assert aectl("eval", run, f"split={split}", "accelerator=cpu", *BARE).status == 0
        assert watch.taken == {True: set(), False: sides(path)[split]}

    def test_fits_baselines_without_the_test_split(self, aectl: Aectl, tmp_path: Path) -> None:
        fits, seen = [], set()
        for seed in (1, 2):
            path = data_set(tmp_path / "data.npz", seed)
            fit, pairs = fits_on(trained(aectl, path), tmp_path / f"cache-{seed}")
            fits.append(fit)
            seen |= numbers_of(pairs)
        assert seen == set(range(TRAIN))
        assert fits[0].keys() == fits[1].keys() >= {"median", "linear map", "non-local means"}
        for name, state in fits[0].items():
            assert all(np.array_equal(state[part], fits[1][name][part]) for part in state)


def fits_on(run: Path, cache: Path) -> tuple[dict[str, State], np.ndarray]:
    """The fit of every baseline in a comparison on the test split, and all images that were used for it."""
    opened = open_run(run)
    cpu = torch.device("cpu")
    trained = TrainedRun(opened, opened.load(cpu), cpu, seed=0)
    seen: list[np.ndarray] = []
    pairs = BaselineComparison._pairs

    def noted(self: BaselineComparison, name: SplitName, n: int) -> Pairs:
        found = pairs(self, name, n)
        seen.append(found.target)
        return found

    with patch.object(BaselineComparison, "_pairs", noted):
        comparison = BaselineComparison(trained, trained, Cache(cache), slow_images=5)
        rows = comparison.rows(Batches(opened.data.split("test"), 10, shuffle=False), latent_size=4)
        fits = {row.baseline.name: comparison.fitted(row.baseline) for row in rows if row.error is None}
    return fits, np.concatenate(seen)


def copied() -> np.ndarray:
    """Sixty images, each three times."""
    return np.tile(numbered(range(60), 0), (3, 1, 1))


def as_npz(folder: Path, images: np.ndarray) -> Npz:
    np.savez(folder / "a.npz", images=images)
    return Npz(str(folder / "a.npz"), val=0.2, test=0.2)


def as_idx(folder: Path, images: np.ndarray) -> Idx:
    (folder / "train-images-idx3-ubyte").write_bytes(idx_bytes(images))
    return Idx(str(folder), val=0.2, test=0.2)


class TestCopies:
    """Copies of one image."""

    @pytest.mark.parametrize("made", [as_npz, as_idx])
    def test_stay_in_one_split(self, tmp_path: Path, made: Callable[[Path, np.ndarray], Npz | Idx]) -> None:
        data = made(tmp_path, copied())
        train, val, test = (numbers_of(data.split(name).x) for name in ("train", "val", "test"))
        assert not train & val and not train & test and not val & test
        assert train | val | test == set(range(60))
        assert sum(len(data.split(name).x) for name in ("train", "val", "test")) == 180

    def test_in_a_given_test_part_are_counted_and_kept(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        x = numbered(range(30), 0)
        np.savez(tmp_path / "a.npz", x_train=x, x_test=np.concatenate([x[:3], numbered(range(30, 37), 1)]))
        assert len(Npz(str(tmp_path / "a.npz"), val=0.2, test=0.2).split("test").x) == 10
        assert "3 of its 10 test examples are also in its training part" in capsys.readouterr().err


class Given:
    """A data set of one's own."""

    shape = (1, 2, 2)

    def __init__(self, x: Tensor) -> None:
        self.x = x

    def prepare(self) -> None: ...

    def split(self, name: SplitName) -> Split:
        return Split(self.x)


class TestRange:
    """The values of pixels."""

    @pytest.mark.parametrize(
        ("x", "pixels"),
        [
            (np.array([0, 128, 255], np.int64), [0, 128, 255]),
            (np.array([0, 128, 255], np.uint16), [0, 128, 255]),
            (np.array([0, 1, 1], np.uint8), [0, 255, 255]),
            (np.array([0, 1, 1], np.int32), [0, 255, 255]),
            (np.array([False, True, True]), [0, 255, 255]),
            (np.array([0.0, 0.5, 1.0]), [0.0, 0.5, 1.0]),
        ],
    )
    def test_is_uint8_or_0_to_1(self, tmp_path: Path, x: np.ndarray, pixels: list[float]) -> None:
        found = as_npz(tmp_path, np.tile(x, (5, 1))[:, None]).parts["train"].x
        assert found.dtype == (torch.uint8 if x.dtype.kind in "bui" else torch.float32)
        assert found[0].flatten().tolist() == pixels

    def test_is_judged_over_all_parts(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", x_train=np.full((9, 2, 2), 200), x_test=np.ones((4, 2, 2), int))
        assert (Npz(str(tmp_path / "a.npz"), 0.2, 0.2).split("test").x == 1).all()

    @pytest.mark.parametrize(
        ("x", "told"),
        [
            (
                np.array([-1.0, 1.0]),
                "its train part has values from -1 to 1 (float64); expected uint8, or numbers in [0, 1]",
            ),
            (np.array([0.0, 255.0]), "its train part has values from 0 to 255 (float64)"),
            (np.array([0.0, np.nan]), "its train part has values from nan to nan (float64)"),
            (np.array([0, 256]), "its train part has values from 0 to 256 (int64)"),
            (np.array([-1, 255]), "its train part has values from -1 to 255 (int64)"),
            (np.array(["a", "b"]), "its train part has values from 0 to 0 (<U1)"),
        ],
    )
    def test_out_of_range_is_refused(self, tmp_path: Path, x: np.ndarray, told: str) -> None:
        with pytest.raises(UserError) as raised:
            as_npz(tmp_path, np.tile(x, (5, 1))[:, None]).prepare()
        assert str(raised.value).startswith(f"dataset.path={tmp_path}/a.npz: {told}")

    @pytest.mark.parametrize(
        ("x", "told"),
        [
            (torch.tensor([-1.0, 1.0]), "dataset: its val split has values from -1 to 1 (float32); expected"),
            (torch.tensor([0.0, torch.nan]), "from nan to nan (float32)"),
            (torch.tensor([0, 255]), "from 0 to 255 (int64)"),
        ],
    )
    def test_of_a_custom_source_is_checked_once(self, x: Tensor, told: str) -> None:
        with pytest.raises(UserError) as raised:
            Data(Given(x.view(1, 1, 1, 2)), 2).split("val")
        assert told in str(raised.value)
        good = Data(Given(torch.ones(1, 1, 2, 2)), 2)
        with patch("aectl.modalities.pixels.check_range") as check:
            for _ in range(3):
                good.split("val")
        assert check.call_count == 1
