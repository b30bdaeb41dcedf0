from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from aectl.data import photos
from aectl.data.digits import Digits
from aectl.data.folder.memmap import Entry, Store
from aectl.data.loader import Batches, Data, release_pages
from aectl.data.photos import NAMES, Photos
from aectl.data.source import Split, SplitName
from aectl.errors import UserError

SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


def as_set(split: Split) -> set[bytes]:
    return {image.numpy().tobytes() for image in split.x}


def test_digits_are_1294_to_train_144_to_validate_and_359_to_test() -> None:
    assert [len(Digits().split(name).x) for name in SPLITS] == [1294, 144, 359]


def test_the_splits_of_the_digits_are_disjoint() -> None:
    train, val, test = (as_set(Digits().split(name)) for name in SPLITS)
    assert len(train | val | test) == 1797  # all images of the file differ


@pytest.mark.parametrize("name", SPLITS)
def test_digits_are_uint8_from_0_to_255_in_the_declared_shape(name: SplitName) -> None:
    source = Digits()
    x, y, classes, _ = source.split(name)
    assert x.dtype == torch.uint8
    assert x.shape[1:] == source.shape == (1, 8, 8)
    assert (x.min(), x.max()) == (0, 255)
    assert y is not None
    assert y.dtype == torch.int64
    assert y.unique().tolist() == list(range(10))
    assert classes == list("0123456789")


def test_the_splits_of_the_digits_do_not_depend_on_the_seed() -> None:
    torch.manual_seed(1)
    first = Digits().split("val")
    torch.manual_seed(2)
    again = Digits().split("val")
    assert torch.equal(first.x, again.x)
    assert torch.equal(first.y, again.y)


def test_the_photographs_of_the_splits_are_disjoint() -> None:
    names = [photo for split in SPLITS for photo in Photos(8, 1).names[split]]
    assert sorted(names) == sorted(NAMES)
    assert len(names) == 10


def test_the_photographs_to_test_on_can_be_chosen() -> None:
    names = Photos(8, 1, test=["hubble_deep_field", "coffee"]).names
    assert names["test"] == ["hubble_deep_field", "coffee"]
    assert names["val"] == ["astronaut"]
    assert len(names["train"]) == 7


def test_an_unknown_photograph_is_named() -> None:
    with pytest.raises(UserError, match=r"^dataset.test=\['lena'\]: expected at most 8 of the photographs hubble"):
        Photos(8, 1, test=["lena"])


def test_patches_come_from_the_photographs_of_their_split_only(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Photos(size=8, patches_per_photo=4)
    number = {photo: i for i, photo in enumerate(NAMES)}
    monkeypatch.setattr(photos, "read", lambda photo: np.full((300, 400, 3), number[photo], np.uint8))
    for split in SPLITS:
        x = source.split(split).x
        assert x.unique().tolist() == sorted(number[photo] for photo in source.names[split])


def test_patches_have_the_configured_size_and_number() -> None:
    source = Photos(size=12, patches_per_photo=3)
    for split in SPLITS:
        x = source.split(split).x
        assert x.dtype == torch.uint8
        assert x.shape == (3 * len(source.names[split]), *source.shape) == (3 * len(source.names[split]), 3, 12, 12)


def test_patches_are_at_the_same_positions_every_time() -> None:
    source = Photos(size=16, patches_per_photo=5)
    assert torch.equal(source.split("test").x, source.split("test").x)
    assert len(as_set(source.split("test"))) == 10


def test_the_largest_allowed_patch_fits_every_photograph() -> None:
    assert [len(Photos(photos.SHORTEST_SIDE, patches_per_photo=1).split(name).x) for name in SPLITS] == [7, 1, 2]


def test_a_patch_larger_than_the_smallest_photograph_is_refused() -> None:
    with pytest.raises(UserError, match=r"dataset\.size=301: .* at most 300 pixels"):
        Photos(size=301, patches_per_photo=1)


class Numbers:
    """The numbers 0 .. 99 as images of one pixel, in every split."""

    shape = (1, 1, 1)

    def prepare(self) -> None:
        pass

    def split(self, name: SplitName) -> Split:
        return Split(torch.arange(100, dtype=torch.uint8).view(-1, 1, 1, 1), torch.arange(100) % 7)


def epoch(batches: Batches) -> list[int]:
    return torch.cat([batch["x"] for batch in batches]).flatten().tolist()


def test_each_training_epoch_is_a_new_permutation() -> None:
    batches = Data(Numbers(), batch_size=32).batches("train")
    first, second = epoch(batches), epoch(batches)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second
    assert list(range(100)) not in (first, second)


def test_the_order_of_training_depends_on_the_seed() -> None:
    batches = Data(Numbers(), batch_size=32).batches("train")
    torch.manual_seed(3)
    first = epoch(batches)
    torch.manual_seed(3)
    assert epoch(batches) == first


@pytest.mark.parametrize("name", ["val", "test"])
def test_an_epoch_of_validation_or_test_is_in_order(name: SplitName) -> None:
    assert epoch(Data(Numbers(), batch_size=32).batches(name)) == list(range(100))


@pytest.mark.parametrize(("batch_size", "sizes"), [(32, [32, 32, 32, 4]), (50, [50, 50]), (1000, [100])])
def test_only_the_last_batch_may_be_smaller(batch_size: int, sizes: list[int]) -> None:
    batches = Data(Numbers(), batch_size).batches("train")
    assert [len(batch["x"]) for batch in batches] == sizes
    assert len(batches) == len(sizes)


def test_each_example_keeps_its_label() -> None:
    for batch in Data(Numbers(), batch_size=32).batches("train"):
        assert torch.equal(batch["y"], batch["x"].flatten().long() % 7)


def test_a_batch_without_labels_has_no_y() -> None:
    batches = Batches(Split(torch.zeros(3, 1, 2, 2)), batch_size=2, shuffle=False)
    assert [batch.keys() for batch in batches] == [{"x"}, {"x"}]


def test_the_number_of_classes_is_counted_in_the_training_split() -> None:
    assert Data(Digits(), 8).num_classes == 10
    assert Data(Numbers(), 8).num_classes == 7
    assert Data(Photos(8, 2), 8).num_classes is None


def test_an_empty_split_is_refused() -> None:
    class Empty(Numbers):
        def split(self, name: SplitName) -> Split:
            return Split(torch.empty(0, 1, 1, 1))

    with pytest.raises(UserError, match="val split is empty"):
        Data(Empty(), batch_size=2).batches("val")


def test_a_split_that_fits_is_moved_to_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split(torch.zeros(10, 1, 4, 4, dtype=torch.uint8), torch.arange(10))
    moved: list[str] = []
    monkeypatch.setattr(Tensor, "to", lambda self, where: moved.append(str(where)) or self)
    monkeypatch.setattr("aectl.data.loader.free_memory", lambda _: 10_000)
    batches = Batches(split, 4, shuffle=True).on(torch.device("cuda"))
    assert moved == ["cuda", "cuda"]
    assert not batches.pinned
    assert sorted(torch.cat([batch["y"] for batch in batches]).tolist()) == list(range(10))


def test_batches_of_a_split_that_does_not_fit_the_gpu_are_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split(torch.zeros(10, 1, 4, 4, dtype=torch.uint8), torch.arange(10))
    pinned: list[torch.Size] = []
    monkeypatch.setattr(Tensor, "pin_memory", lambda self: pinned.append(self.shape) or self)
    monkeypatch.setattr("aectl.data.loader.free_memory", lambda _: 100)
    batches = Batches(split, 4, shuffle=False).on(torch.device("cuda"))
    assert [batch["y"].tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert pinned == [(4, 1, 4, 4), (4,), (4, 1, 4, 4), (4,), (2, 1, 4, 4), (2,)]


def test_pages_of_a_mapped_file_are_released_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.randint(0, 256, (20, 1, 64, 64), dtype=torch.uint8)
    store = Store.build(tmp_path / "map", (1, 64, 64), [], [Entry("a", "train", frames=values.numpy())])
    split = store.split("train")
    calls: list[object] = []
    monkeypatch.setattr("aectl.data.loader.MAX_RESIDENT_BYTES", 10_000)
    monkeypatch.setattr("aectl.data.loader.release_pages", lambda mapped: calls.append(mapped) or release_pages(mapped))
    batches = Batches(split, 2, shuffle=False)
    assert torch.equal(torch.cat([batch["x"] for batch in batches]), values)
    assert calls == [split.mapped] * 5
    assert torch.equal(split.x, values)
