"""A folder of pictures as a data set: splits, sizes, classes, the memory map and what cannot be used."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from aectl.data.folder.resize import make_frames
from aectl.data.folder.source import Folder
from aectl.data.folder.splitting import SPLITS, split_files
from aectl.data.loader import Data
from aectl.errors import UserError

Pictures = dict[str, tuple[int, int]]


def picture(seed: int, size: tuple[int, int] = (20, 20), channels: int = 3) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (*size, channels), dtype=np.uint8)
    return Image.fromarray(values if channels == 3 else values[:, :, 0])


def fill(root: Path, names: list[str], **kwargs: Any) -> Path:
    """Different pictures under these names."""
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed, **kwargs).save(root / name)
    return root


def folder(root: Path, **changed: Any) -> Folder:
    settings: dict[str, Any] = {
        "size": None,
        "channels": None,
        "resize": "crop",
        "patches": 2,
        "val": 0.2,
        "test": 0.2,
        "split_seed": 0,
        "strict": False,
        "cache": str(root.parent / "cache"),
    }
    return Folder(str(root), **{**settings, **changed})


def everything(data: Folder) -> torch.Tensor:
    return torch.cat([data.split(name).x for name in SPLITS])


def numbered(n: int, pattern: str = "{}.png") -> list[str]:
    return [pattern.format(index) for index in range(n)]


def test_every_picture_is_read_exactly_into_one_split(tmp_path: Path) -> None:
    data = folder(fill(tmp_path / "photos", numbered(20)))
    data.prepare()
    assert data.shape == (3, 20, 20)
    assert [len(data.split(name).x) for name in SPLITS] == [12, 4, 4]
    found = {row.numpy().tobytes() for row in everything(data)}
    assert found == {np.asarray(picture(seed)).transpose(2, 0, 1).tobytes() for seed in range(20)}


def test_the_split_seed_chooses_the_files_that_are_held_out(tmp_path: Path) -> None:
    root = fill(tmp_path / "photos", numbered(20))
    tests = [folder(root, split_seed=seed).split("test").x for seed in (0, 0, 1)]
    assert torch.equal(tests[0], tests[1])
    assert not torch.equal(tests[0], tests[2])


def test_copies_of_a_file_stay_in_one_split(tmp_path: Path) -> None:
    root = fill(tmp_path / "photos", numbered(30))
    for index in range(30):
        shutil.copy(root / f"{index}.png", root / f"copy-of-{index}.png")
    data = folder(root)
    seen = [{row.numpy().tobytes() for row in data.split(name).x} for name in SPLITS]
    assert sum(map(len, seen)) == 30
    assert sum(len(data.split(name).x) for name in SPLITS) == 60


def test_split_folders_are_used_and_copies_of_training_files_left_out(tmp_path: Path) -> None:
    root = fill(
        tmp_path / "photos", [*numbered(6, "train/{}.png"), *numbered(3, "val/v{}.png"), *numbered(2, "test/t{}.png")]
    )
    shutil.copy(root / "train" / "0.png", root / "test" / "copy.png")
    data = folder(root)
    assert [len(data.split(name).x) for name in SPLITS] == [6, 3, 2]
    assert data.store.index.skipped == {str(root / "test" / "copy.png"): "a copy of a picture in another split"}


def test_a_split_without_a_folder_is_held_out_from_training(tmp_path: Path) -> None:
    data = folder(fill(tmp_path / "photos", [*numbered(10, "train/{}.png"), *numbered(2, "test/t{}.png")]))
    assert [len(data.split(name).x) for name in SPLITS] == [8, 2, 2]


@pytest.mark.parametrize("seed", range(5))
def test_equal_files_are_never_in_two_splits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    content = {f"f{index}": str(rng.integers(0, 20)) for index in range(60)}
    folders = {name: SPLITS[rng.integers(0, 3)] for name in content if rng.random() < 0.5}
    splits = split_files(content, folders, {"val": 0.2, "test": 0.2}, seed)
    sides: dict[str, set[str]] = {}
    for name, split in splits.items():
        if split:
            sides.setdefault(content[name], set()).add(split)
    assert all(len(found) == 1 for found in sides.values())
    assert all(splits[name] in (None, where) for name, where in folders.items() if where != "train")


def test_first_folders_are_the_classes(tmp_path: Path) -> None:
    data = folder(fill(tmp_path / "photos", [*numbered(5, "cats/deep/{}.png"), *numbered(5, "dogs/d{}.png")]))
    split = data.split("train")
    assert split.classes == ["cats", "dogs"]
    assert split.y is not None
    for image, label in zip(split.x, split.y, strict=True):
        cats = {np.asarray(picture(seed)).transpose(2, 0, 1).tobytes() for seed in range(5)}
        assert (image.numpy().tobytes() in cats) == (label == 0)


def test_the_number_of_classes_needs_every_picture_in_a_class_folder(tmp_path: Path) -> None:
    root = fill(tmp_path / "photos", [*numbered(6, "cats/{}.png"), *numbered(6, "dogs/d{}.png")])
    assert Data(folder(root), 4).num_classes == 2
    fill(root, numbered(20, "stray{}.png"), size=(21, 21))
    with pytest.raises(UserError, match=r"dataset: \d+ of its 20 training examples have no label; expected one each"):
        Data(folder(root), 4).num_classes  # noqa: B018


def test_a_single_folder_is_not_a_class(tmp_path: Path) -> None:
    assert folder(fill(tmp_path / "photos", numbered(6, "all/{}.png"))).split("train").y is None


def test_shape_and_channels_are_guessed_from_the_files(tmp_path: Path) -> None:
    gray = fill(tmp_path / "gray", numbered(4), channels=1)
    assert folder(gray).shape == (1, 20, 20)
    picture(9, (30, 50)).save(gray / "colour.png")
    assert folder(gray).shape == (3, 20, 20)
    large = fill(tmp_path / "large", numbered(4), size=(300, 400))
    assert folder(large).shape == (3, 64, 64)
    assert folder(large, size=[48, 32], channels=1).shape == (1, 48, 32)
    assert tuple(folder(large, size=[48, 32], channels=1).split("train").x.shape[1:]) == (1, 48, 32)


def test_crop_keeps_the_centre_and_fit_the_whole_picture() -> None:
    wide = np.zeros((1, 10, 30), np.uint8)
    wide[:, :, 10:20] = 255
    rng = np.random.default_rng(0)
    assert (make_frames(wide, (10, 10), "crop", 1, rng) == 255).all()
    fitted = make_frames(np.repeat(np.repeat(wide, 3, 1), 3, 2), (30, 30), "fit", 1, rng)[0, 0]
    assert (fitted[:, 0] == 0).all()
    assert (fitted[:, 15] == 255).all()


def test_patches_are_cut_at_full_resolution() -> None:
    large = np.arange(40 * 60, dtype=np.uint32).reshape(1, 40, 60)
    found = make_frames(large, (8, 12), "patches", 50, np.random.default_rng(0))
    assert found.shape == (50, 1, 8, 12)
    for patch in found[:, 0]:
        top, left = divmod(int(patch[0, 0]), 60)
        np.testing.assert_array_equal(patch, large[0, top : top + 8, left : left + 12])
    assert len({int(patch[0, 0, 0]) for patch in found}) > 30


def test_patches_of_a_picture_stay_in_one_split(tmp_path: Path) -> None:
    data = folder(fill(tmp_path / "photos", numbered(10), size=(30, 30)), size=8, resize="patches", patches=5)
    assert [len(data.split(name).x) for name in SPLITS] == [30, 10, 10]
    names = data.store.index.names
    assert not set(names[:30]) & set(names[30:])


@pytest.mark.parametrize(("side", "expected"), [(300, 48), (50, 48), (30, 24), (7, 7)])
def test_patches_have_a_side_that_each_scale_divides(side: int, expected: int, tmp_path: Path) -> None:
    data = folder(fill(tmp_path / "photos", numbered(3), size=(side, side)), resize="patches")
    assert data.shape[1:] == (expected, expected)


def test_few_pictures_give_many_patches_and_training_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = folder(fill(tmp_path / "photos", numbered(4), size=(90, 90)), resize="patches", patches=None)
    data.prepare()
    assert sum(data.store.index.counts.values()) == 2_048
    assert capsys.readouterr().err == (
        "dataset.resize=patches: 2,048 patches of 48x48 pixels at full resolution from 4 pictures; "
        "dataset.resize=crop scales whole pictures instead\n"
    )


def test_a_picture_has_no_more_patches_than_positions(tmp_path: Path) -> None:
    data = folder(fill(tmp_path / "photos", numbered(5), size=(8, 9)), size=8, resize="patches", patches=50)
    assert sum(len(data.split(name).x) for name in SPLITS) == 5 * 2


def test_a_second_start_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill(tmp_path / "photos", numbered(10))
    first = everything(folder(root)).clone()
    monkeypatch.setattr("aectl.modalities.image_files.read_image", lambda *_: pytest.fail("decoded again"))
    monkeypatch.setattr("aectl.modalities.image_files.read_header", lambda *_: pytest.fail("probed again"))
    assert torch.equal(everything(folder(root)), first)


@pytest.mark.parametrize("change", ["added", "deleted", "changed", "touched"])
def test_changed_files_are_decoded_again(tmp_path: Path, change: str) -> None:
    root = fill(tmp_path / "photos", numbered(10))
    before = folder(root)
    before.prepare()
    if change == "added":
        picture(99).save(root / "new.png")
    elif change == "deleted":
        (root / "3.png").unlink()
    elif change == "changed":
        picture(99).save(root / "3.png")
    else:
        os.utime(root / "3.png", (1, 1))
    after = folder(root)
    assert after._store_path != before._store_path
    assert len(everything(after)) == 10 + (change == "added") - (change == "deleted")
    new = np.asarray(picture(99)).transpose(2, 0, 1).tobytes() in {row.numpy().tobytes() for row in everything(after)}
    assert new == (change in ("added", "changed"))


def test_files_that_cannot_be_used_are_skipped_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = fill(tmp_path / "photos", numbered(8))
    for number in range(5):
        (root / f"bad-{number}.png").write_bytes(b"no picture")
    assert len(everything(folder(root))) == 8
    said = capsys.readouterr().err
    assert "5 files skipped" in said
    assert "bad-0.png: not a picture" in said
    assert "and 2 more" in said


@pytest.mark.parametrize(
    ("resize", "size", "fate"), [("crop", 64, "enlarged"), ("patches", 48, "left out where smaller")]
)
def test_an_icon_does_not_make_every_image_tiny(
    resize: str, size: int, fate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = fill(tmp_path / "photos", numbered(8), size=(70, 80))
    picture(8, (90, 80)).save(root / "8.png")
    picture(9, (1, 1)).save(root / "icon.png")
    data = folder(root, resize=resize)
    data.prepare()
    assert data.shape == (3, size, size)
    said = capsys.readouterr().err
    assert f"icons among the pictures: 1 of 10, with a side of 16 pixels or less, {fate}" in said
    assert "dataset.size=null" not in said


def test_icons_alone_are_kept_as_they_are_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = folder(fill(tmp_path / "icons", numbered(8), size=(16, 12)))
    data.prepare()
    assert data.shape == (3, 16, 12)
    warning = "dataset.size=null: images of 16x12 pixels, after the smallest pictures: "
    assert capsys.readouterr().err.startswith(warning)
    folder(tmp_path / "icons").prepare()
    assert capsys.readouterr().err.startswith(warning)
    folder(tmp_path / "icons", size=32).prepare()
    assert capsys.readouterr().err == ""


def test_files_that_are_no_pictures_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = fill(tmp_path / "photos", numbered(8))
    (root / "0.png").rename(root / "scan")
    (root / "notes.txt").write_text("")
    data = folder(root)
    data.prepare()
    assert len(everything(data)) == 8
    assert capsys.readouterr().err == f"dataset.root={root}: 1 file left out: 1 .txt\n"


def test_strict_stops_at_the_first_file_that_cannot_be_used(tmp_path: Path) -> None:
    root = fill(tmp_path / "photos", numbered(8))
    (root / "bad.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"bad\.png: the file is empty"):
        folder(root, strict=True).prepare()
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.suffix != ".lock"]


def test_a_folder_without_usable_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        folder(tmp_path / "missing").prepare()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no pictures in it;"):
        folder(tmp_path / "empty").prepare()
    (tmp_path / "empty" / "notes.txt").write_text("")
    with pytest.raises(UserError, match=r"no pictures in it \(1 file left out: 1 \.txt\)"):
        folder(tmp_path / "empty").prepare()
    with pytest.raises(UserError, match=r"notes\.txt: is a file; expected a folder with pictures: unpack it"):
        folder(tmp_path / "empty" / "notes.txt").prepare()
    with pytest.raises(UserError, match="smaller than the patch of 64x64"):
        folder(fill(tmp_path / "small", numbered(4)), size=64, resize="patches").prepare()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"a\.png: not a picture"):
        folder(tmp_path / "bad").prepare()


def test_a_damaged_cache_is_rebuilt(tmp_path: Path) -> None:
    data = folder(fill(tmp_path / "photos", numbered(6)))
    first = everything(data).clone()
    pixels = data.store.folder / "pixels.u8"
    pixels.write_bytes(pixels.read_bytes()[:100])
    assert torch.equal(everything(folder(tmp_path / "photos")), first)
