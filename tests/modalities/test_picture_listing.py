"""Pictures are found by their ending or their content, and other files counted."""

import importlib.util
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aectl.modalities import heif
from aectl.modalities.image_files import UnreadableError, read_header
from aectl.modalities.picture_listing import describe_left_out, list_images, sniff
from aectl.modalities.pictures import read_picture

PHONE = importlib.util.find_spec("pillow_heif") is not None


def names(root: Path) -> list[str]:
    return [file.name for file in list_images(root).files]


def test_pictures_are_found_at_any_depth_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.PNG", "a/c.jpg", "a/b/d.webp", ".hidden/e.png", "notes.txt", "a/.f.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert names(tmp_path) == ["a/b/d.webp", "a/c.jpg", "b.PNG"]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_a_picture_without_an_ending_is_known_by_its_content(tmp_path: Path, format: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "scan", format)
    assert names(tmp_path) == ["scan"]
    assert sniff(tmp_path / "scan") == {"JPEG": ".jpg", "TIFF": ".tif"}.get(format, f".{format.lower()}")


def test_other_files_are_counted_by_their_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heif, "is_readable", lambda: False)
    for name in ("a.HEIC", "b.heic", "deep/c.zip", "README", "BMWs", "d.jpg", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"BMW, a letter")
    os.mkfifo(tmp_path / "pipe")
    found = list_images(tmp_path)
    assert [file.name for file in found.files] == ["d.jpg"]
    assert describe_left_out(found.left_out) == (
        "5 files left out: 2 .heic (which needs another package: pip install pillow-heif), 2 no extension, 1 .zip"
    )
    assert describe_left_out(Counter({".txt": 1})) == "1 file left out: 1 .txt"
    assert describe_left_out(Counter()) == ""


def test_a_phone_picture_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heif, "is_readable", lambda: False)
    (tmp_path / "a.heic").write_bytes(b"0000ftypheic")
    with pytest.raises(UnreadableError, match=r"a\.heic: HEIC, which needs another package: pip install pillow-heif"):
        read_header(tmp_path / "a.heic")


@pytest.mark.skipif(not PHONE, reason="needs pillow-heif")
@pytest.mark.parametrize("name", ["a.heic", "IMG_1234"])
def test_a_phone_picture_is_read(tmp_path: Path, name: str) -> None:
    heif.register()
    values = np.full((64, 48, 3), (200, 100, 50), np.uint8)
    exif = Image.Exif()
    exif[271] = "Phone"
    Image.fromarray(values).save(tmp_path / name, "HEIF", quality=95, exif=exif)
    assert names(tmp_path) == [name]
    found = read_picture(tmp_path / name, 3)
    assert found.pixels.shape == (3, 64, 48)
    assert np.abs(found.pixels.mean((1, 2)) - values[0, 0]).max() < 4
    assert b"Phone" in found.exif
